"""The training layer: a batched state vector in real arithmetic, differentiable twice.

It carries delta(x) = psi(x) - psi(0) instead of psi(x), so that the outputs

    <P>(x) - <P>(0) = 2 Re <psi(0)| P |delta> + <delta| P |delta>

are exactly zero at x = 0, with all derivatives of the features' envelope, and lose no digits near it.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from qallegro.quantum.circuit import encoded_features
from qallegro.quantum.config import CircuitConfig
from qallegro.quantum.fusion import FusedCircuit, feature_bits, fuse, observable_signs, real_matrix
from qallegro.quantum.inert import Inert, check_features_act, find_inert
from qallegro.quantum.phases import rotate

if TYPE_CHECKING:
    from qallegro.quantum.surrogates.request import ClassicalForm, Request


def differences(config: CircuitConfig, angles: Tensor, features: Tensor) -> Tensor:
    """<P>(x) - <P>(0) of every observable.

    Args:
        config: the circuit.
        angles: (num_angles,) rad.
        features: (E, num_features) rad; E may be 0.

    Returns:
        (E, num_outputs), in the precision of `features`.
    """
    return _run(config, fuse(config, angles), features)


def expectations(config: CircuitConfig, angles: Tensor, features: Tensor) -> Tensor:
    """<P>(x) of every observable; arguments as for `differences`."""
    fused = fuse(config, angles)
    return expectations_at_zero(config, fused).to(features.dtype) + _run(config, fused, features)


def expectations_at_zero(config: CircuitConfig, fused: FusedCircuit) -> Tensor:
    """<P>(0) (num_outputs,) float64."""
    state = fused.initial
    for unitary in fused.unitaries:
        state = unitary @ state
    return observable_signs(config).to(state.device) @ (state.real.square() + state.imag.square())


def _run(config: CircuitConfig, fused: FusedCircuit, features: Tensor) -> Tensor:
    dtype, device = features.dtype, features.device
    bits = feature_bits(config).to(dtype=dtype, device=device)
    signs = observable_signs(config).to(dtype=dtype, device=device)
    dim = bits.shape[1]
    reference = fused.initial
    delta = features.new_zeros(0)
    for encoding, unitary in enumerate(fused.unitaries):
        columns = encoded_features(config, encoding)
        phases = features[:, columns.start : columns.stop] @ bits
        if encoding == 0:
            # delta = (D - 1) psi_0, so psi_0 joins the unitary, and the first basis state, whose phase is 1, drops out.
            matrix = real_matrix(unitary * reference)
            matrix = torch.cat([matrix[1:dim], matrix[dim + 1 :]], 0).to(dtype)
            phases = phases[:, 1:]
            delta = rotate(phases) @ matrix
        else:
            cos, sin = torch.split(rotate(phases), dim, 1)
            re, im = torch.split(delta, dim, 1)
            full_re, full_im = re + reference.real.to(dtype), im + reference.imag.to(dtype)
            delta = torch.cat([re + cos * full_re - sin * full_im, im + cos * full_im + sin * full_re], 1)
            delta = delta @ real_matrix(unitary).to(dtype)
        reference = unitary @ reference
    amplitudes = torch.cat([reference.real, reference.imag]).to(dtype)
    both = torch.cat([signs, signs], 1).T
    return torch.addmm(delta @ (2.0 * amplitudes.unsqueeze(1) * both), delta * delta, both)


class QuantumLayer(nn.Module):
    """The circuit as a layer: features (E, num_features) in rad -> <P>(x) - <P>(0) (E, num_outputs).

    Args:
        config: the circuit.
        dtype: of angles, features and outputs; blocks are fused in float64.
        trainable: False freezes all angles at their random start.
        freeze_inert: keep angles without any effect at zero, out of the parameters.

    Raises:
        ConfigError: a feature cannot act on any output.
    """

    def __init__(self, config: CircuitConfig, dtype: torch.dtype, *, trainable: bool = True, freeze_inert: bool = True) -> None:
        super().__init__()
        self.config = config
        check_features_act(config)
        inert = find_inert(config)
        frozen = set(inert.of_differences) if freeze_inert else set()
        active = [k for k in range(config.num_angles) if k not in frozen]
        self.inert = inert
        self.register_buffer("active", torch.tensor(active, dtype=torch.int64), persistent=False)
        start = (torch.rand(len(active), dtype=dtype) * 2.0 - 1.0) * torch.pi
        self.angles = nn.Parameter(start, requires_grad=trainable)
        self.description = _describe(config, inert, trainable, freeze_inert)

    def all_angles(self) -> Tensor:
        """(num_angles,) rad, frozen inert ones at zero."""
        return self.angles.new_zeros(self.config.num_angles).index_copy(0, self.active, self.angles)

    def forward(self, features: Tensor) -> Tensor:
        """Features (E, num_features) in rad to outputs (E, num_outputs)."""
        return differences(self.config, self.all_angles(), features)

    def classical_form(self, request: "Request") -> "ClassicalForm":
        """The layer as it goes into an exported file: see `qallegro.quantum.surrogates.compile`."""
        from qallegro.quantum.surrogates.compile import compile_circuit

        return compile_circuit(self.config, self.all_angles(), request)


def _describe(config: CircuitConfig, inert: Inert, trainable: bool, freeze_inert: bool) -> str:
    text = f"circuit of {config.num_qubits} qubits with {config.num_features} features and {config.num_angles} angles"
    if not trainable:
        return f"{text}, all frozen at random values"
    if not inert.of_differences:
        return text
    fate = "frozen at zero" if freeze_inert else "trained all the same"
    return f"{text}, of which {len(inert.of_differences)} cannot act ({', '.join(map(str, inert.of_differences))}) and are {fate}"
