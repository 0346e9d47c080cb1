"""What is compared: data sets with their short schedules, and variants of one model."""

from typing import Any, NamedTuple

#: qubits, features, depth: the best setting of the paper for Cu-Li and QM9
CIRCUIT = {"num_qubits": 4, "num_features": 4, "depth": 3}
#: inputs of the added layer, the same in all variants that have one
FEATURES = CIRCUIT["num_features"]
#: width of the layer between the added layer and the final perceptron
WIDTH = 16


class DataSet(NamedTuple):
    """Frames, model and schedule; the sections are those of a configuration of `qallegro train`."""

    title: str
    data: dict[str, Any]
    model: dict[str, Any]
    training: dict[str, Any]


class Variant(NamedTuple):
    """What a variant changes in the model."""

    title: str
    label: str  #: under a plot
    model: dict[str, Any]


DATA_SETS: dict[str, DataSet] = {
    "cu_li": DataSet(
        title="Cu + Li (mlearn, PBE)",
        data={
            "train": ["cu_mlearn_train.xyz.gz", "li_mlearn_train.xyz.gz"],
            "test": ["cu_mlearn_test.xyz.gz", "li_mlearn_test.xyz.gz"],
            "split": {"train": 120, "validation": 30},
            "energy_scale": "forces_rms_per_type",
            "avg_num_neighbors": "per_type",
        },
        model={"r_max": 4.5, "l_max": 1, "num_layers": 2, "num_scalar_features": 32, "num_tensor_features": 8},
        training={"batch_size": 2, "max_epochs": 30, "optimizer": {"learning_rate": 0.01}},
    ),
    "aspirin": DataSet(
        title="rMD17 aspirin",
        data={
            "train": "rmd17_aspirin_train_01.xyz.gz",
            "test": "rmd17_aspirin_test_01.xyz.gz",
            "split": {"train": 450, "validation": 50},
        },
        model={"r_max": 5.0, "l_max": 2, "num_layers": 2, "num_scalar_features": 32, "num_tensor_features": 8},
        training={"batch_size": 5, "max_epochs": 30, "optimizer": {"learning_rate": 0.03}},
    ),
}

#: of both sets
COMMON_MODEL: dict[str, Any] = {"scalar_embed_mlp": {"width": 32}, "latent_mlp": {"width": 32}}
COMMON_TRAINING: dict[str, Any] = {
    "validate_every": 5,
    "schedule": {"kind": "cosine", "over": "epochs", "warmup_steps": 50},
    # The runs are short: an average over a thousand steps would still hold the first ones.
    "ema": {"decay": 0.99},
    "gradient_clip": 0.1,
}
#: width of the final perceptron of plain Allegro, whose number of weights the others are matched to
REFERENCE_READOUT = 64

_QDI = {"circuit": CIRCUIT, "width": WIDTH}
VARIANTS: dict[str, Variant] = {
    "allegro": Variant("Allegro", "Allegro", {}),
    "mlp": Variant("+MLP", "+MLP", {"variant": "allegro_mlp", "hidden_mlp": {"num_features": FEATURES, "widths": [WIDTH, WIDTH]}}),
    "qdi": Variant("+QDI", "+QDI", {"variant": "allegro_qdi", "qdi": _QDI}),
    "qdi_frozen": Variant("+QDI, frozen random angles", "+QDI\nfrozen", {"variant": "allegro_qdi", "qdi": {**_QDI, "trainable": False}}),
    "rff": Variant(
        "+RFF (random Fourier)",
        "+RFF",
        {"variant": "allegro_rff", "random_fourier": {"num_features": FEATURES, "num_outputs": CIRCUIT["num_qubits"], "width": WIDTH}},
    ),
}
#: pairs (A, B) whose difference A - B is judged
COMPARISONS = [
    ("mlp", "allegro"),
    ("qdi", "allegro"),
    ("qdi_frozen", "allegro"),
    ("rff", "allegro"),
    ("qdi", "mlp"),
    ("qdi", "qdi_frozen"),
    ("qdi", "rff"),
]


def model_section(data_set: str, variant: str, readout_width: int) -> dict[str, Any]:
    """The `model` section of a configuration."""
    return {**COMMON_MODEL, **DATA_SETS[data_set].model, **VARIANTS[variant].model, "readout_mlp": {"width": readout_width}}


def configuration(data_set: str, variant: str, seed: int, readout_width: int, root: str, epochs: int | None) -> dict[str, Any]:
    """A whole configuration. The seed deals out the frames, draws the first weights and orders the frames, alike in all variants."""
    chosen = DATA_SETS[data_set]
    training = {**COMMON_TRAINING, **chosen.training}
    if epochs is not None:
        training["max_epochs"] = epochs
    return {
        "seed": seed,
        "data": {**chosen.data, "root": root, "split": {**chosen.data["split"], "seed": seed}},
        "model": model_section(data_set, variant, readout_width),
        "training": training,
        "trainer": {"accelerator": "cpu", "progress": "none", "plots": False},
    }
