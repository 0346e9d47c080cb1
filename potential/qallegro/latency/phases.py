"""How phases are called and colored, everywhere the same."""

from qallegro_ase.latency import LABELS

#: phase, in the order of cpp/include/qallegro/phases.hpp -> color
PHASES: dict[str, str] = {
    "neighbor_list": "#6b7280",
    "pack": "#a3a847",
    "copy_in": "#facc15",
    "radial_angular": "#0ea5e9",
    "tensor_product": "#1d4ed8",
    "mlp": "#0f766e",
    "surrogate": "#a21caf",
    "backward": "#f97316",
    "network": "#7c3aed",
    "copy_out": "#fde68a",
    "scatter": "#84cc16",
    "communication": "#dc2626",
    "other": "#d1d5db",
}


def label(phase: str) -> str:
    """Words for a phase, those of the calculator."""
    return LABELS[phase]


def color(phase: str) -> str:
    """Its color."""
    return PHASES[phase]
