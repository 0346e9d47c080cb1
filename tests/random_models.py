"""Seeded random hyperparameters over the whole space of models, small enough to try many."""

from itertools import product

import numpy as np

from qallegro.model.config import ModelConfig
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.inert import find_inert
from random_circuits import AXES, ENTANGLERS, OBSERVABLES

SPECIES = ("Cu", "Li", "H", "O", "U")
ACTIVATIONS = ("silu", "mish", "gelu", None)
VARIANTS = ("allegro", "allegro_mlp", "allegro_qdi", "allegro_rff")
FORMS = ("fourier", "unitary", "gates")
R_MAX = 4.0  # Å


def random_model(seed: int) -> tuple[ModelConfig, str]:
    """A float64 model, and the classical form that its circuit takes where it has one.

    The variant, the degree, the number of layers and parity run through all their combinations; what else there is, is drawn.
    """
    rng = np.random.default_rng(seed)
    variant, l_max, layers, parity = _COMBINATIONS[seed % len(_COMBINATIONS)]
    species = list(rng.permutation(SPECIES)[: rng.integers(1, 6)])

    def maybe(value, otherwise=None, share: float = 0.5):
        return value if rng.random() < share else otherwise

    def table(low: float, high: float):
        return {symbol: float(rng.uniform(low, high)) for symbol in species}

    def width() -> int:
        return int(rng.integers(1, 22))

    def mlp() -> dict:
        return {"depth": int(rng.integers(0, 3)), "width": width(), "nonlinearity": ACTIVATIONS[rng.integers(4)]}

    splines = int(rng.integers(1, 12))
    bessel = {
        "kind": "bessel",
        "num_bessels": int(rng.integers(1, 12)),
        "trainable": bool(rng.random() < 0.5),
        "polynomial_cutoff_p": maybe(float(rng.integers(2, 9)), float(rng.uniform(2.0, 9.0))),
    }
    spline = {"kind": "spline", "num_splines": splines, "spline_span": int(rng.integers(0, splines + 1))}
    cutoffs = {a: {b: float(rng.uniform(2.5, R_MAX)) for b in species if rng.random() < 0.7} for a in species}
    config = {
        "atom_types": species,
        "r_max": R_MAX,
        "per_edge_type_cutoff": maybe(cutoffs),
        "variant": variant,
        "l_max": l_max,
        "num_layers": layers,
        "parity": parity,
        "num_scalar_features": width(),
        "num_tensor_features": int(rng.integers(1, 19)),
        "radial_embedding": maybe(bessel, spline, 0.6),
        "radial_embedding_dim": 2 * int(rng.integers(1, 12)),
        "scalar_embed_mlp": mlp(),
        "latent_mlp": mlp(),
        "readout_mlp": mlp(),
        "tp_path_channel_coupling": maybe(True, False, 0.6),
        "forward_normalize": maybe(True, False, 0.6),
        "avg_num_neighbors": maybe(table(5.0, 40.0), 20.0),
        "per_type_energy_scales": maybe(table(0.5, 2.0)),
        "per_type_energy_shifts": maybe(table(-3.0, 1.0)),
        "pair_potential": maybe("zbl", share=0.3),
        "dtype": "float64",
    }
    between = ACTIVATIONS[rng.integers(4)]
    if variant == "allegro_mlp":
        hidden = {"num_features": width(), "widths": [width(), width()], "nonlinearity": ACTIVATIONS[rng.integers(3)]}
        config["hidden_mlp"] = hidden
    if variant == "allegro_qdi":
        config["qdi"] = {"circuit": _circuit(rng), "width": width(), "nonlinearity": between}
    if variant == "allegro_rff":
        features = {"num_features": int(rng.integers(1, 7)), "num_outputs": width(), "max_frequency": int(rng.integers(1, 4))}
        config["random_fourier"] = features | {"width": width(), "nonlinearity": between}
    model, form = ModelConfig.model_validate(config), FORMS[rng.integers(3)]
    # The tables of the form fourier grow as 3^features and lose digits on the way.
    large = model.qdi is not None and model.qdi.circuit.num_features * model.qdi.circuit.num_reuploads > 6
    return model, "unitary" if large and form == "fourier" else form


def _circuit(rng: np.random.Generator) -> dict:
    """A circuit of 1 to 4 qubits whose every feature acts, as the model wants it; drawn until there is one."""
    qubits, columns, reuploads = int(rng.integers(1, 5)), int(rng.integers(1, 3)), int(rng.integers(1, 3))
    while True:
        axis = AXES[rng.integers(3)]
        depths = [int(depth) for depth in rng.integers(0, 3, columns * reuploads + 1)]
        depths[0] = max(depths[0], 1) if axis == "Z" else depths[0]
        circuit = CircuitConfig(
            num_qubits=qubits,
            num_features=qubits * columns,
            num_reuploads=reuploads,
            encoding_axis=axis,
            entangler=ENTANGLERS[rng.integers(4)],
            depth=depths,
            observables=OBSERVABLES[rng.integers(4)],
        )
        if not find_inert(circuit).features:
            return circuit.model_dump()


# In an order in which any run of neighbors is mixed, so that a part of the sweep is not one corner of it.
_COMBINATIONS = [
    tuple(row)
    for row in np.random.default_rng(0).permutation(np.array(list(product(VARIANTS, range(5), range(1, 5), (True, False))), dtype=object))
]
NUM_COMBINATIONS = len(_COMBINATIONS)
