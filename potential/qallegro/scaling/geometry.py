"""Bricks of a periodic box: the grid of ranks, ghost atoms around a brick, messages between bricks. Lengths in Å."""

import math
from typing import NamedTuple

Sides = tuple[float, float, float]
Grid = tuple[int, int, int]


class Exchange(NamedTuple):
    """What one rank sends and receives for its ghost atoms in one direction, forward or reverse.

    `messages` go to other ranks; `atoms` are in them; `own_atoms` are ghosts that a rank copies from itself, where the grid has one brick.
    """

    messages: int
    atoms: float
    own_atoms: float


def rank_grid(box: Sides, ranks: int) -> Grid:
    """The factors of `ranks` whose bricks have the least surface, the first of equals in the order x, y, z: the default of LAMMPS."""
    best, least = (ranks, 1, 1), math.inf
    for x in _divisors(ranks):
        for y in _divisors(ranks // x):
            z = ranks // (x * y)
            surface = box[0] * box[1] / (x * y) + box[0] * box[2] / (x * z) + box[1] * box[2] / (y * z)
            if surface < least:
                best, least = (x, y, z), surface
    return best


def brick(box: Sides, grid: Grid) -> Sides:
    """Sides of a rank's brick."""
    return (box[0] / grid[0], box[1] / grid[1], box[2] / grid[2])


def ghost_atoms(sides: Sides, reach: float, density: float) -> float:
    """Mean number of ghosts of a brick in a periodic system, rho ((a + 2R)(b + 2R)(c + 2R) - abc).

    One rank has them too: the periodic images of its own atoms.

    Args:
        reach: R, cutoff and skin.
        density: rho, atoms/Å^3.
    """
    a, b, c = sides
    return density * ((a + 2 * reach) * (b + 2 * reach) * (c + 2 * reach) - a * b * c)


def exchange(box: Sides, grid: Grid, reach: float, density: float) -> Exchange:
    """Messages and atoms of one forward communication of a rank: x first, then y with the ghosts of x, then z with those of both.

    A direction takes two swaps, one to each side, and more where bricks are thinner than the reach, as atoms are handed on.
    """
    sides = list(brick(box, grid))
    messages, atoms, own = 0, 0.0, 0.0
    for axis in range(3):
        other_sides = sides[(axis + 1) % 3] * sides[(axis + 2) % 3]
        ghosts = density * 2 * reach * other_sides
        if grid[axis] > 1:
            messages += 2 * (int(reach * grid[axis] / box[axis]) + 1)
            atoms += ghosts
        else:
            own += ghosts
        sides[axis] += 2 * reach
    return Exchange(messages, atoms, own)


def neighbors_within(radius: float, density: float) -> float:
    """Mean number of atoms closer than `radius` to an atom of a structureless system."""
    return density * 4.0 / 3.0 * math.pi * radius**3


def _divisors(number: int) -> list[int]:
    small = [d for d in range(1, math.isqrt(number) + 1) if number % d == 0]
    return small + [number // d for d in reversed(small) if d * d != number]
