"""A few training frames that travel with a model, so that an export can check and time it on structures like those it will meet."""

from collections.abc import Sequence
from typing import Any

from ase.data import chemical_symbols

from qallegro.data.frame import Frame

_COUNT = 8
#: atoms in all frames together; larger frames stay at home
_MAX_ATOMS = 1024


def pick_sample_frames(frames: Sequence[Frame]) -> list[dict[str, Any]]:
    """Up to 8 frames spread evenly over the training set, without labels.

    Returns:
        plain values: `symbols`; `positions` and `cell` in Å; `pbc`.
    """
    small = [frame for frame in frames if len(frame.numbers) <= _MAX_ATOMS // _COUNT] or [min(frames, key=lambda f: len(f.numbers))]
    count = min(_COUNT, len(small))
    picked = [small[(2 * k + 1) * len(small) // (2 * count)] for k in range(count)]
    return [
        {
            "symbols": [chemical_symbols[z] for z in frame.numbers],
            "positions": frame.positions.tolist(),
            "cell": frame.cell.tolist(),
            "pbc": frame.pbc.tolist(),
        }
        for frame in picked
    ]
