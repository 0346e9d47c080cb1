"""What is shared with benchmarks/quantum_layer, and through it with benchmarks/training_speed: heads, sizes, statistics."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "quantum_layer"))

from models import HEADS, make_potential, model_config  # noqa: E402
from speed_benchmark import SIZES, machine, make_case  # noqa: E402
from timing import ratio, shown_ratio, summary  # noqa: E402

__all__ = ["HEADS", "SIZES", "machine", "make_case", "make_potential", "model_config", "ratio", "shown_ratio", "summary"]
