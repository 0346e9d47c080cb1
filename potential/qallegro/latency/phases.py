"""How phases are called and colored, everywhere the same."""

#: phase, in the order of cpp/include/qallegro/phases.hpp -> words for people, color
PHASES: dict[str, tuple[str, str]] = {
    "neighbor_list": ("neighbor list", "#6b7280"),
    "pack": ("packing of edges", "#a3a847"),
    "copy_in": ("copy to the device", "#facc15"),
    "radial_angular": ("radial and angular functions", "#0ea5e9"),
    "tensor_product": ("tensor products", "#1d4ed8"),
    "mlp": ("MLPs", "#0f766e"),
    "surrogate": ("quantum surrogate", "#a21caf"),
    "backward": ("backward", "#f97316"),
    "network": ("network, forward and backward", "#7c3aed"),
    "copy_out": ("copy from the device", "#fde68a"),
    "scatter": ("scatter of forces", "#84cc16"),
    "communication": ("communication", "#dc2626"),
    "other": ("everything else", "#d1d5db"),
}


def label(phase: str) -> str:
    """Words for a phase."""
    return PHASES[phase][0]


def color(phase: str) -> str:
    """Its color."""
    return PHASES[phase][1]
