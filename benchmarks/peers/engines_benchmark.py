"""What is shared with benchmarks/engines, and through it with benchmarks/quantum_layer: structure, LAMMPS, models, statistics."""

import sys
from pathlib import Path

ENGINES = Path(__file__).parents[1] / "engines"
sys.path.append(str(ENGINES))

from copper_crystal import cells_of, edges_per_atom  # noqa: E402
from engine_models import ModelFiles, Peer, UnavailableError  # noqa: E402
from engine_report import short  # noqa: E402
from lammps_session import LammpsError, LammpsSession  # noqa: E402
from lammps_timing import Layout, Potential, measure, qallegro, snap  # noqa: E402
from quantum_layer_benchmark import machine, ratio, shown_ratio, summary  # noqa: E402

__all__ = [
    "ENGINES",
    "LammpsError",
    "LammpsSession",
    "Layout",
    "ModelFiles",
    "Peer",
    "Potential",
    "UnavailableError",
    "cells_of",
    "edges_per_atom",
    "machine",
    "measure",
    "qallegro",
    "ratio",
    "short",
    "shown_ratio",
    "snap",
    "summary",
]
