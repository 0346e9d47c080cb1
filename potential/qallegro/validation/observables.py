"""Functions of a trajectory: how atoms stand, how far they go, how long they remember their velocity."""

from collections.abc import Sequence

import ase
import numpy as np
from ase.neighborlist import neighbor_list

from qallegro.validation.structures import heights


def radial_distribution(frames: Sequence[ase.Atoms], bins: int = 200, most: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """g(r) up to half the width of the cell: pairs in a shell over those of a uniform fluid of the same density.

    Args:
        frames: periodic in three directions.
        most: frames to use, spread over all.

    Returns:
        r (bins,) Å, and g (bins,).
    """
    used = frames[:: max(len(frames) // most, 1)]
    reach = 0.5 * min(float(heights(frame).min()) for frame in used)
    edges = np.linspace(0.0, reach, bins + 1)
    shells = 4.0 / 3.0 * np.pi * np.diff(edges**3)
    total = np.zeros(bins)
    for frame in used:
        counts, _ = np.histogram(neighbor_list("d", frame, reach), edges)
        total += counts / (shells * len(frame) ** 2 / frame.get_volume())
    return 0.5 * (edges[1:] + edges[:-1]), total / len(used)


def mean_square_displacement(frames: Sequence[ase.Atoms], interval: float) -> tuple[np.ndarray, np.ndarray]:
    """<|r(t0 + t) - r(t0)|^2> over atoms and starts t0, up to half of the trajectory; the centre of mass stays.

    Args:
        frames: with positions that are not wrapped.
        interval: fs between frames.

    Returns:
        t fs, and the mean Å^2.
    """
    positions = np.array([frame.positions - frame.get_center_of_mass() for frame in frames])
    count = max(len(frames) // 2, 2)
    values = [0.0] + [float(((positions[k:] - positions[:-k]) ** 2).sum(2).mean()) for k in range(1, count)]
    return interval * np.arange(count), np.array(values)


def velocity_autocorrelation(frames: Sequence[ase.Atoms], interval: float) -> tuple[np.ndarray, np.ndarray]:
    """<v(t0 + t) . v(t0)> / <v . v> over atoms and starts t0, up to half of the trajectory.

    Args:
        interval: fs between frames.

    Returns:
        t fs, and the correlation.
    """
    velocities = np.array([frame.get_velocities() for frame in frames])
    count = max(len(frames) // 2, 2)
    values = np.array([float((velocities[k:] * velocities[: len(velocities) - k]).sum(2).mean()) for k in range(count)])
    return interval * np.arange(count), values / values[0]
