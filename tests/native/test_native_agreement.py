"""Engine `native` next to the network in Python: every kind of model, then seeded random ones over the whole space of hyperparameters."""

import numpy as np
import pytest

from native_files import check_agreement, eager_result, native_result, random_potential, random_rows, write_native_file
from qallegro.export.exporter import with_dtype
from qallegro_ase import _runtime
from random_models import NUM_COMBINATIONS, random_model
from systems import CONFIGS, tiny_config
from tolerances import PARITY, ROUNDING_SHARE, TABLE_STRETCH

#: edges of the centers: none, few, whole vectors, and more than a kernel takes at a time
COUNTS = [0, 1, 2, 7, 16, 17, 40, 3, 33, 130, 5, 12]
#: models of the default sweep
QUICK = 24
#: these magnify by 1e10 and more what reaches their deeper layers: padding of a vector that is not exactly nothing shows
MAGNIFYING = [51, 121, 185, 253]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CONFIGS)
def test_every_kind_of_model(name, dtype, tmp_path):
    config = tiny_config(name, dtype=dtype)
    network = write_native_file(tmp_path / "model.pth", random_potential(config))
    potential = _runtime.Potential(str(tmp_path / "model.pth"), engine="native")
    assert f"{dtype} network" in potential.description
    rows = random_rows(config, COUNTS)
    check_agreement(native_result(potential, rows), eager_result(network, rows), PARITY[dtype])


@pytest.mark.parametrize("form", ["fourier", "unitary", "gates"])
@pytest.mark.parametrize("name", ["qdi", "qdi_reuploading"])
def test_every_form_of_a_circuit(name, form, tmp_path):
    config = tiny_config(name)
    network = write_native_file(tmp_path / "model.pth", random_potential(config), form)
    rows = random_rows(config, COUNTS)
    potential = _runtime.Potential(str(tmp_path / "model.pth"), engine="native")
    check_agreement(native_result(potential, rows), eager_result(network, rows), PARITY["float64"])


def largest(found, reference):
    """Largest deviation of energies and gradients, each relative to its largest number or to one."""
    return max(float(np.abs(a - b).max()) / max(1.0, float(np.abs(b).max())) for a, b in zip(found, reference, strict=True))


def without_faint_edges(rows, config):
    """Edges just inside their cutoff go beyond it: what is left of a function there has few digits in a table, which some networks see."""
    centers = np.repeat(rows.center_types, np.diff(rows.first_edge))
    x = np.linalg.norm(rows.vectors, axis=1) / np.array(config.cutoffs())[centers, rows.neighbor_types]
    return rows._replace(vectors=np.where(((x > 0.995) & (x < 1.0))[:, None], 1.01 * rows.vectors, rows.vectors))


def check_random_model(seed, folder):
    """Float64 to rounding; float32 as close to the float64 network of the same weights as its precision allows."""
    config, form = random_model(seed)
    rows = random_rows(config, COUNTS, seed)
    double = random_potential(config, seed)
    network = write_native_file(folder / "double.pth", double, form)
    found = native_result(_runtime.Potential(str(folder / "double.pth"), engine="native"), rows)
    check_agreement(found, eager_result(network, rows), PARITY["float64"], f"{form} {config!r}")

    single, rows = with_dtype(double, "float32"), without_faint_edges(rows, config)
    network = write_native_file(folder / "single.pth", single, form)
    found = native_result(_runtime.Potential(str(folder / "single.pth"), engine="native"), rows)
    truth = with_dtype(single, "float64").network
    exact = eager_result(truth, rows)
    # Random hyperparameters make networks that magnify every error: this much what single precision and tables may add.
    stretched = eager_result(truth, rows._replace(vectors=rows.vectors * (1.0 + TABLE_STRETCH)))
    rounding = max(ROUNDING_SHARE * largest(eager_result(network, rows), exact), largest(stretched, exact))
    tolerance = PARITY["float32"]
    tolerance = tolerance._replace(energy=max(tolerance.energy, rounding), forces=max(tolerance.forces, rounding))
    check_agreement(found, exact, tolerance, f"float32 {form} {config!r}")


@pytest.mark.parametrize("seed", [*range(QUICK), *MAGNIFYING])
def test_random_model(seed, tmp_path):
    check_random_model(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", sorted({*range(QUICK, 2 * NUM_COMBINATIONS)} - {*MAGNIFYING}))
def test_more_random_models(seed, tmp_path):
    check_random_model(seed, tmp_path)
