"""The models that are compared: one body, four heads."""

from typing import Any

from qallegro.export.peer_weights import config_from_peer
from qallegro.model.config import ModelConfig
from speed_benchmark import make_case

#: the paper's circuit: 4 qubits, one encoding of 4 features about Z, depth 1, Y measured
CIRCUIT = {"num_qubits": 4, "num_features": 4, "depth": 1, "encoding_axis": "Z", "observables": "Y"}
#: width of the fully connected layer after the circuit, and of the second hidden layer of the perceptron
WIDTH = 32

#: name -> (heading, what the variant changes). `mlp` has the widths of `qdi`: 4 features, 4 values in the middle, 32 before the final MLP
HEADS: dict[str, tuple[str, dict[str, Any]]] = {
    "allegro": ("Allegro", {}),
    "mlp": (f"+MLP [4, {WIDTH}]", {"variant": "allegro_mlp", "hidden_mlp": {"num_features": 4, "widths": [4, WIDTH]}}),
    "mlp_wide": (f"+MLP [{WIDTH}, {WIDTH}]", {"variant": "allegro_mlp", "hidden_mlp": {"num_features": 4, "widths": [WIDTH, WIDTH]}}),
    "qdi": ("+QDI", {"variant": "allegro_qdi", "qdi": {"circuit": CIRCUIT, "width": WIDTH}}),
}


def model_config(case: str, size: str, head: str, dtype: str = "float32") -> ModelConfig:
    """A size of benchmarks/training_speed with a head."""
    plain = config_from_peer(make_case(case).config(size, dtype)).model_dump(mode="json")
    return ModelConfig.model_validate({**plain, **HEADS[head][1]})
