"""Calculators among themselves and in their process: copies, several at once, and settings that are not theirs."""

import copy
import multiprocessing
import pickle
import subprocess
import sys
import textwrap

import ase.io
import numpy as np
import pytest

from qallegro_ase import QAllegroCalculator, SetupError
from systems import alloy


def run(code: str, *arguments) -> str:
    """The output of `code` in a Python of its own."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_importing_the_package_imports_nothing_else():
    """LAMMPS imports it at each start."""
    loaded = run("import sys, qallegro_ase; print([m for m in ('ase', 'numpy', 'torch', 'vesin', 'qallegro') if m in sys.modules])")
    assert loaded == "[]"


def test_every_public_name_is_there():
    import qallegro
    import qallegro_ase

    for name in qallegro_ase.__all__:
        assert getattr(qallegro_ase, name).__module__.startswith("qallegro_ase."), name
        assert name in dir(qallegro_ase)
    assert qallegro.QAllegroCalculator is QAllegroCalculator
    with pytest.raises(AttributeError, match="no attribute 'Calculator'"):
        _ = qallegro_ase.Calculator


def test_exported_files_run_without_torch_in_python(exported):
    code = """
        import sys
        from ase.build import bulk
        from qallegro_ase import QAllegroCalculator
        atoms = bulk("Cu", cubic=True)
        atoms.calc = QAllegroCalculator(sys.argv[1])
        atoms.get_stresses()
        print([m for m in ("torch", "e3nn", "qallegro", "lightning", "pydantic") if m in sys.modules])
        import vesin, torch
        vectors = vesin.NeighborList(cutoff=4.0, full_list=True).compute(torch.zeros(1, 3), torch.eye(3), True, "D")[0]
        print(type(vectors).__name__)
    """
    loaded, kind = run(code, exported()).splitlines()
    assert loaded == "[]"
    assert kind == "Tensor"  # the program's own vesin still knows torch


def test_neighbor_list_is_the_same_without_vesins_private_module(monkeypatch):
    from qallegro_ase import neighbor_library
    from qallegro_ase.verlet import VerletList

    expected = VerletList(4.0, 1.0, None).update(alloy())
    for forget in ("torch", "vesin"):
        monkeypatch.delitem(sys.modules, forget, raising=False)
    private = neighbor_library.neighbor_list_class.__wrapped__()
    assert private.__module__ == "qallegro_ase._vesin._neighbors"
    monkeypatch.setattr("qallegro_ase.verlet.neighbor_list_class", lambda: private)
    for array, other in zip(expected, VerletList(4.0, 1.0, None).update(alloy()), strict=True):
        np.testing.assert_array_equal(array, other)


def test_torch_settings_are_left_alone(exported, checkpoints):
    code = """
        import sys, torch
        from ase.build import bulk
        from qallegro_ase import QAllegroCalculator
        torch.set_num_threads(2)
        torch.set_default_dtype(torch.float64)
        torch.manual_seed(5)
        state = torch.random.get_rng_state()
        def settings():
            return (torch.get_num_threads(), torch.get_num_interop_threads(), torch.get_default_dtype(), torch.is_grad_enabled(),
                    torch.is_inference_mode_enabled(), bool((torch.random.get_rng_state() == state).all()))
        energies = []
        for mode in (torch.inference_mode, torch.enable_grad):
            with mode():
                before = settings()
                for path, options in ((sys.argv[1], {"threads": 1}), (sys.argv[1], {"threads": 2}), (sys.argv[2], {})):
                    calc = QAllegroCalculator(path, **options)
                    energies.append(calc.get_potential_energy(bulk("Cu", cubic=True)))
                    assert settings() == before, (settings(), before)
        print(max(energies) - min(energies) < 1e-10)
    """
    assert run(code, exported(), checkpoints()) == "True"


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda calc: pickle.loads(pickle.dumps(calc))], ids=["deepcopy", "pickle"])
def test_copies_compute_the_same_on_their_own(copier, model):
    atoms = alloy()
    atoms.calc = QAllegroCalculator(model, skin=0.6, species={"Al": "Li"})
    forces = atoms.get_forces()
    other = copier(atoms.calc)
    assert other.parameters == atoms.calc.parameters
    assert not other.calculation_required(atoms, ["forces"])  # results travel too
    np.testing.assert_array_equal(other.get_property("forces", atoms), forces)
    moved = atoms.copy()
    moved.rattle(0.1, seed=9)
    moved.symbols[0] = "Al"
    np.testing.assert_array_equal(other.get_property("forces", moved), atoms.calc.get_property("forces", moved))
    atoms.calc = copier(atoms).calc
    np.testing.assert_array_equal(atoms.get_forces(), forces)


def test_calculators_go_to_other_processes(exported, tmp_path, monkeypatch):
    """The path is absolute, so that a worker with another working folder finds the file."""
    monkeypatch.chdir(exported().parent)
    calc = QAllegroCalculator(exported().name)
    monkeypatch.chdir(tmp_path)
    images = [alloy(seed) for seed in (1, 2)]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        energies = pool.map(calc.get_potential_energy, images)
    assert energies == [calc.get_potential_energy(image) for image in images]


def test_calculators_with_different_models_do_not_meet(exported, checkpoints, toy):
    models = [exported(), toy, exported("typed_cutoffs"), checkpoints("zbl"), exported()]
    images = [alloy(seed) for seed in range(4)]
    expected = [[QAllegroCalculator(model).get_property("forces", image) for model in models] for image in images]
    calculators = [QAllegroCalculator(model) for model in models]
    for image, row in zip(images, expected, strict=True):
        for calc, forces in zip(calculators, row, strict=True):
            np.testing.assert_array_equal(calc.get_property("forces", image), forces)


def test_one_calculator_serves_many_structures(model):
    calc = QAllegroCalculator(model)
    images = [alloy(1), alloy(2) * (1, 1, 2), alloy(1)]
    energies = []
    for image in images:
        image.calc = calc
    for _ in range(2):
        energies += [image.get_potential_energy() for image in images]
    assert energies[:3] == energies[3:] and energies[0] == energies[2]


def test_options_can_be_set_later(exported, toy):
    atoms = alloy()
    calc = QAllegroCalculator(toy)
    energy = calc.get_potential_energy(atoms)
    assert calc.set(skin=0.3) == {"skin": 0.3}
    assert calc.get_potential_energy(atoms) == energy
    calc.set(species={"Cu": "Li"})
    assert calc.get_potential_energy(atoms) != energy
    calc.set(model=exported(), species=None)
    assert calc.get_potential_energy(atoms) == QAllegroCalculator(exported()).get_potential_energy(atoms)
    with pytest.raises(SetupError, match="options of QAllegroCalculator are model, .*got 'cutoff'"):
        calc.set(cutoff=5.0)


def test_species_map_by_symbol(toy):
    atoms = alloy()
    renamed = atoms.copy()
    renamed.symbols[renamed.symbols == "Li"] = "X"
    expected = QAllegroCalculator(toy).get_potential_energy(atoms)
    assert QAllegroCalculator(toy, species={"X": "Li"}).get_potential_energy(renamed) == expected


def test_results_survive_a_trajectory_file(model, tmp_path):
    atoms = alloy()
    atoms.calc = QAllegroCalculator(model)
    forces = atoms.get_forces()
    atoms.get_stresses()
    for name in ("frames.traj", "frames.extxyz"):
        ase.io.write(tmp_path / name, atoms)
        np.testing.assert_allclose(ase.io.read(tmp_path / name).get_forces(), forces, atol=1e-7)  # extxyz holds 8 decimals


def test_threads_run_side_by_side(exported):
    """Two Python threads with a calculator each, as in a nudged elastic band with `parallel`."""
    from concurrent.futures import ThreadPoolExecutor

    images = [alloy(seed) for seed in range(6)]
    expected = [QAllegroCalculator(exported()).get_property("forces", image) for image in images]
    calculators = [QAllegroCalculator(exported()) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        work = lambda calc, some: [calc.get_property("forces", image) for image in some]  # noqa: E731
        results = list(pool.map(work, calculators, (images[:3], images[3:])))
    for forces, other in zip(expected, results[0] + results[1], strict=True):
        np.testing.assert_array_equal(forces, other)


def test_timings_account_for_the_work(model):
    calc = QAllegroCalculator(model)
    atoms = alloy()
    calc.get_potential_energy(atoms)
    timings = calc.timings
    assert {"neighbor_list", "neighbor_list_builds", "pack", "engine", "scatter", "evaluations", "edges", "slots"} <= timings.keys()
    assert timings["evaluations"] == timings["neighbor_list_builds"] == 1
    assert timings["slots"] >= timings["edges"] > 0
    assert min(timings.values()) >= 0.0 and timings["engine"] > 0.0
