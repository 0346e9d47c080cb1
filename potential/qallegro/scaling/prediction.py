"""The cost model: what a step takes on each number of ranks."""

from dataclasses import dataclass

from qallegro.scaling.constants import Constants
from qallegro.scaling.geometry import Grid, Sides, brick, exchange, ghost_atoms, neighbors_within, rank_grid

#: doubles of a ghost atom: its position forward, its force back, and all that LAMMPS tells of a new ghost of `atom_style atomic`
FORWARD, REVERSE, BORDER = 3, 3, 6
DOUBLE = 8  # bytes
SECONDS_A_DAY = 86400.0


@dataclass(frozen=True)
class System:
    """What is simulated: a periodic box, a cube unless `box` is given.

    Args:
        atoms: in the whole box.
        density: atoms/Å^3.
        r_max: largest cutoff of the model, Å.
        edges_per_atom: directed edges of an atom within the cutoffs.
        skin: Å, of the neighbor list.
        rebuild_every: steps from one neighbor list to the next.
        box: ratio of the sides.
    """

    atoms: int
    density: float
    r_max: float
    edges_per_atom: float
    skin: float = 2.0
    rebuild_every: int = 10
    box: Sides = (1.0, 1.0, 1.0)

    @property
    def reach(self) -> float:
        """Cutoff and skin, Å: how far ghost atoms lie outside of a brick."""
        return self.r_max + self.skin

    @property
    def sides(self) -> Sides:
        """Of the box, Å."""
        x, y, z = self.box
        scale = (self.atoms / self.density / (x * y * z)) ** (1 / 3)
        return (x * scale, y * scale, z * scale)


@dataclass(frozen=True)
class Counts:
    """Of the average rank: what does not depend on speed. `messages` and `bytes` a rank sends in an average step."""

    grid: Grid
    atoms: float
    ghosts: float
    edges: float
    pairs: float
    messages: float
    bytes: float

    @property
    def ghost_fraction(self) -> float:
        """Ghosts among all atoms of a rank."""
        return self.ghosts / (self.ghosts + self.atoms)


@dataclass(frozen=True)
class Prediction:
    """One number of ranks. Times are seconds a step of the slowest rank; efficiency is relative to one rank."""

    ranks: int
    counts: Counts
    network_time: float
    neighbor_time: float
    communication_time: float
    overhead_time: float
    efficiency: float
    memory: float
    atoms: int

    @property
    def step_time(self) -> float:
        """Sum of the parts."""
        return self.network_time + self.neighbor_time + self.communication_time + self.overhead_time

    @property
    def atom_steps_per_second(self) -> float:
        """Speed of the whole run."""
        return self.atoms / self.step_time

    def ns_per_day(self, timestep: float) -> float:
        """Simulated time a day. Args: timestep: fs."""
        return SECONDS_A_DAY / self.step_time * timestep * 1e-6


def count(system: System, ranks: int) -> Counts:
    """Atoms, ghosts, edges, pairs and messages of the average rank."""
    box = system.sides
    grid = rank_grid(box, ranks)
    atoms = system.atoms / ranks
    swap = exchange(box, grid, system.reach, system.density)
    # A step with a new list tells all of a ghost instead of its position, says in a message of its own how many there are, and moves
    # atoms to new owners: their number and then they, to each side of a direction, which are one and the same if there are two bricks.
    moving = sum(2 if n == 2 else 4 for n in grid if n > 1)
    list_share = 1.0 / system.rebuild_every
    messages = 2 * swap.messages + list_share * (swap.messages + moving)
    doubles = (1.0 - list_share) * FORWARD + list_share * BORDER + REVERSE
    return Counts(
        grid=grid,
        atoms=atoms,
        ghosts=ghost_atoms(brick(box, grid), system.reach, system.density),
        edges=atoms * system.edges_per_atom,
        pairs=atoms * neighbors_within(system.reach, system.density),
        messages=float(messages),
        bytes=DOUBLE * doubles * swap.atoms,
    )


def predict(system: System, ranks: int, constants: Constants, imbalance: float = 1.05) -> Prediction:
    """Time and memory of a step on `ranks` ranks, strong scaling: efficiency is t(1) / (ranks t(ranks)).

    Args:
        imbalance: atoms of the fullest rank over those of the average one; one rank alone has none.
    """
    time = _step_times(system, ranks, constants, imbalance)
    alone = _step_times(system, 1, constants, imbalance)
    return _prediction(system, ranks, constants, imbalance, time, sum(alone) / (ranks * sum(time)))


def predict_weak(system: System, ranks: int, constants: Constants, imbalance: float = 1.05) -> Prediction:
    """Weak scaling: `system.atoms` are those of every rank, efficiency is t(1) / t(ranks)."""
    grown = System(**{**vars(system), "atoms": system.atoms * ranks})
    time = _step_times(grown, ranks, constants, imbalance)
    alone = _step_times(system, 1, constants, imbalance)
    return _prediction(grown, ranks, constants, imbalance, time, sum(alone) / sum(time))


def _prediction(
    system: System, ranks: int, constants: Constants, imbalance: float, time: tuple[float, ...], efficiency: float
) -> Prediction:
    counts = count(system, ranks)
    most = _fullest(system, ranks, imbalance)
    memory = (
        constants.memory_base + constants.memory_atom * (counts.atoms * most + counts.ghosts) + constants.memory_edge * counts.edges * most
    )
    return Prediction(ranks, counts, *time, efficiency=efficiency, memory=memory, atoms=system.atoms)


def _fullest(system: System, ranks: int, imbalance: float) -> float:
    # An atom cannot be shared: beyond a rank an atom, the work of one is the least that a step takes.
    return 1.0 if ranks == 1 else max(imbalance, ranks / system.atoms)


def _step_times(system: System, ranks: int, c: Constants, imbalance: float) -> tuple[float, float, float, float]:
    counts = count(system, ranks)
    most = _fullest(system, ranks, imbalance)
    network = most * (c.center * counts.atoms + c.edge * counts.edges + c.pair_check * counts.pairs) + c.ghost * counts.ghosts
    neighbor = most * c.pair * counts.pairs / system.rebuild_every
    communication = c.ghost_copy * counts.ghosts + c.latency * counts.messages + counts.bytes / c.bandwidth
    return network, neighbor, communication, c.step
