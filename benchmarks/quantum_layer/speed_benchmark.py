"""What is shared with benchmarks/training_speed: its structures and sizes, its step of training, its description of the machine."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "training_speed"))

from cases import R_MAX, SIZES, make_case  # noqa: E402
from report import machine  # noqa: E402
from worker import step  # noqa: E402

__all__ = ["R_MAX", "SIZES", "machine", "make_case", "step"]
