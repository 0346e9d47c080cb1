"""The exact forms of a circuit one by one, without the proof and the comparison with PennyLane that an export makes of its choice."""

from typing import NamedTuple

from torch import Tensor, nn

from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.statevector import QuantumLayer
from qallegro.quantum.surrogates.coefficients import fourier_coefficients
from qallegro.quantum.surrogates.compile import EXACT, compile_circuit
from qallegro.quantum.surrogates.costs import available_bytes, costs
from qallegro.quantum.surrogates.fourier import FourierForm, make_groups
from qallegro.quantum.surrogates.pruning import prune
from qallegro.quantum.surrogates.request import Request
from qallegro.quantum.surrogates.spectrum import light_cones
from qallegro.quantum.surrogates.state_vector import GatesForm, UnitaryForm, gates_bounds, unitary_bounds

#: heading -> name of the form for `qallegro export --surrogate`
NAMES = {"F": "fourier", "U": "unitary", "G": "gates"}
#: what dropped Fourier coefficients may add up to: those that are zero but for rounding go
DROPPED = 2.0**-53


class Forms(NamedTuple):
    """All forms of one circuit."""

    modules: dict[str, nn.Module]  #: by heading
    refused: dict[str, str]  #: heading -> why there is none
    picked: str  #: heading of the form that `qallegro export` takes
    inexact: list[str]  #: headings of forms whose bound is above that of exact ones: export takes them only within a given tolerance


def make_forms(layer: QuantumLayer, edges: int) -> Forms:
    """Args: edges: for which export times the forms."""
    config, angles = layer.config, layer.all_angles().detach()
    record = compile_circuit(config, angles, Request(angles.dtype, edges=edges)).record
    estimates, there = costs(config, angles.dtype, edges), available_bytes("cpu")
    modules, refused, inexact = {}, {}, []
    for heading, name in NAMES.items():
        if estimates[name].bytes > there:
            refused[heading] = "too large"
            continue
        try:
            modules[heading], bound = _MAKERS[heading](config, angles)
            if bound > EXACT:
                inexact.append(heading)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            refused[heading] = "memory"
    return Forms(modules, refused, next(h for h, name in NAMES.items() if name == record["form"]), inexact)


def _fourier(config: CircuitConfig, angles: Tensor) -> tuple[nn.Module, float]:
    pruned = [prune(fourier_coefficients(config, angles, cone), DROPPED) for cone in light_cones(config)]
    bound = max(float(entry.value.max(initial=0.0)) + entry.coefficients.value_error for entry in pruned)
    return FourierForm(make_groups(pruned), config.num_features, config.num_outputs, angles.dtype), bound


def _unitary(config: CircuitConfig, angles: Tensor) -> tuple[nn.Module, float]:
    return UnitaryForm(config, angles, angles.dtype), unitary_bounds(config, angles, angles.dtype)[0].largest[0]


def _gates(config: CircuitConfig, angles: Tensor) -> tuple[nn.Module, float]:
    return GatesForm(config, angles, angles.dtype), gates_bounds(config, angles, angles.dtype)[0].largest[0]


#: heading -> form and bound on its deviation in exact arithmetic
_MAKERS = {"F": _fourier, "U": _unitary, "G": _gates}


def out_of_memory(error: Exception) -> bool:
    """torch has no type of its own for this on a CPU."""
    return isinstance(error, MemoryError) or "allocate memory" in str(error) or "not enough memory" in str(error)
