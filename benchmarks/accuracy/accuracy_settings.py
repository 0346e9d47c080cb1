"""From a set, a variant and a kind of settings to a configuration of `qallegro train`.

`ours` is a preset with the readout's width matched, so that all variants have as many trainable parameters as plain Allegro. `paper` takes
what the paper reports as its best for each variant: cutoffs, sizes and batches differ, as there.
"""

import copy
import functools
import sys
from pathlib import Path
from typing import Any

from qallegro.training.presets import load_preset

sys.path.append(str(Path(__file__).parents[1] / "variants"))

from accuracy_sets import SETS, PaperSetting  # noqa: E402
from budget import matching_width, trainable_parameters  # noqa: E402
from settings import VARIANTS  # noqa: E402

SETTINGS = ("ours", "paper")
#: largest relative difference between numbers of parameters
TOLERANCE = 0.01
#: features -> qubits of the paper's circuits; it gives the features alone, and 21 = 3 qubits x 7 encodings is the smaller of two ways
QUBITS = {4: 4, 21: 3}
#: of the network where the paper says nothing: the tutorial of nequip-allegro
PAPER_MODEL = {"l_max": 1, "num_scalar_features": 64, "num_tensor_features": 32}
#: the controls have no setting of their own in the paper: they take that of the variant they control
CONTROLS = {"qdi_frozen": "qdi", "rff": "qdi"}


def available(data_set: str, settings: str) -> list[str]:
    """Variants that a table can hold."""
    if settings == "ours":
        return list(VARIANTS)
    known = SETS[data_set].paper
    return [v for v in VARIANTS if CONTROLS.get(v, v) in known]


def model_section(data_set: str, variant: str, settings: str, preset: str) -> dict[str, Any]:
    """The `model` section of a configuration."""
    if settings == "paper":
        return _paper_model(variant, SETS[data_set].paper[CONTROLS.get(variant, variant)])
    width = _our_width(variant, preset, tuple(SETS[data_set].species))
    return _our_model(variant, preset, width) | SETS[data_set].model


def _our_model(variant: str, preset: str, width: int) -> dict[str, Any]:
    return load_preset(preset).model | VARIANTS[variant].model | {"readout_mlp": {"width": width}}


@functools.cache
def _our_width(variant: str, preset: str, species: tuple[str, ...]) -> int:
    """Width of the final perceptron that gives a variant as many trainable parameters as plain Allegro has."""

    def count(name: str, width: int) -> int:
        return trainable_parameters(_our_model(name, preset, width), list(species))

    reference = load_preset(preset).model.get("readout_mlp", {}).get("width", 64)
    if variant == "allegro":
        return reference
    return matching_width(lambda width: count(variant, width), count("allegro", reference), TOLERANCE)


def _paper_model(variant: str, paper: PaperSetting) -> dict[str, Any]:
    section: dict[str, Any] = PAPER_MODEL | {
        "r_max": paper.r_max,
        "num_layers": paper.num_layers,
        "radial_embedding": {"kind": "bessel", "polynomial_cutoff_p": paper.polynomial_cutoff_p},
        "readout_mlp": {"width": paper.readout_width},
    }
    if variant == "allegro":
        return section
    if variant == "mlp":
        return section | {"variant": "allegro_mlp", "hidden_mlp": {"widths": list(paper.extra)}}
    width, depth, features = paper.extra
    qubits = QUBITS[features]
    if variant == "rff":
        random_fourier = {"num_features": features, "num_outputs": qubits, "width": width}
        return section | {"variant": "allegro_rff", "random_fourier": random_fourier}
    circuit = {"num_qubits": qubits, "num_features": features, "depth": depth}
    return section | {"variant": "allegro_qdi", "qdi": {"circuit": circuit, "width": width, "trainable": variant == "qdi"}}


def configuration(
    data_set: str, variant: str, settings: str, seed: int, root: str, preset: str, seconds: float | None, epochs: int | None
) -> dict[str, Any]:
    """A whole configuration. The seed deals out the frames, draws the first weights and orders the frames, alike in all variants.

    Args:
        data_set: of `SETS`.
        variant: of `VARIANTS`.
        settings: of `SETTINGS`.
        seed: any.
        root: folder of the data files.
        preset: that `ours` is made from.
        seconds: of training; None: `epochs` count.
        epochs: passes over the training set.
    """
    chosen, base = SETS[data_set], load_preset(preset)
    training = _merged(copy.deepcopy(base.training), chosen.training)
    if settings == "paper":
        paper = chosen.paper[CONTROLS.get(variant, variant)]
        training["batch_size"] = paper.batch_size
        training["max_epochs"] = chosen.paper_epochs
        training["optimizer"] = {"kind": "adamw", "learning_rate": paper.learning_rate}
    if seconds is not None:
        training |= {"max_time": f"{seconds:g}s"}
        training["schedule"] = training["schedule"] | {"over": "time"}
    else:
        training |= {"max_time": None, "max_epochs": epochs}
        training["schedule"] = training["schedule"] | {"over": "epochs"}
    return {
        "seed": seed,
        "data": base.data | chosen.data | {"root": root, "split": chosen.data["split"] | {"seed": seed}},
        "model": model_section(data_set, variant, settings, preset),
        "training": training,
        "trainer": {"accelerator": "cpu", "progress": "none", "plots": False},
    }


def _merged(lower: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    both = {k: _merged(lower[k], v) for k, v in upper.items() if isinstance(v, dict) and isinstance(lower.get(k), dict)}
    return lower | upper | both
