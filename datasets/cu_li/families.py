"""Families of structures and the groups in them. Members of a group differ in noise, or not at all in composition: they share a split."""

import hashlib
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers
from cells import LATTICES, PROTOTYPES, crystal, ordered, packing, random_alloy, stack, with_volume
from numpy.random import Generator

SEED = 8
#: K, at room temperature; Kittel, Introduction to Solid State Physics, 8th edition, chapter 5, table 1
DEBYE_TEMPERATURES = {"Cu": 343.0, "Li": 344.0}
#: Å, largest amplitude of a component: beyond it a harmonic picture of lithium makes no sense
LARGEST_AMPLITUDE = 0.35
#: Å, between any two atoms of a structure, by its elements
MIN_DISTANCES = {("Cu", "Cu"): 1.9, ("Cu", "Li"): 1.9, ("Li", "Li"): 2.0}
ELEMENTS = ("Cu", "Li")


class Member(NamedTuple):
    """A structure and where it belongs."""

    family: str
    group: str  #: name of the parent it comes from; unique over all families
    about: str
    atoms: Atoms


def generator(*key: object) -> Generator:
    """Random numbers that depend on the key alone, not on what was drawn before."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(repr((SEED, *key)).encode()).digest()[:8], "little"))


def amplitude(element: str, temperature: float) -> float:
    """Root mean square displacement along one axis (Å) in the classical Debye model: u² = 3 hbar² T / (m k_B theta²)."""
    debye, mass = DEBYE_TEMPERATURES[element], atomic_masses[atomic_numbers[element]]
    return min(LARGEST_AMPLITUDE, (145.526 * temperature / (mass * debye**2)) ** 0.5)


def closest(atoms: Atoms) -> float:
    """Smallest distance of two atoms, periodic images included, over the smallest one allowed for their elements."""
    from ase.neighborlist import neighbor_list

    first, second, lengths = neighbor_list("ijd", atoms, 2.5)
    symbols = np.array(atoms.get_chemical_symbols())
    allowed = [MIN_DISTANCES[tuple(sorted(pair))] for pair in zip(symbols[first], symbols[second], strict=True)]
    return float(np.min(lengths / np.array(allowed), initial=2.0))


def rattled(parent: Atoms, temperature: float, strain: float, rng: Generator) -> Atoms:
    """Displaced as at this temperature (K) and strained at random; drawn anew, and smaller each time, while atoms come too close."""
    sigma = np.array([amplitude(symbol, temperature) for symbol in parent.symbols])[:, None]
    for attempt in range(60):
        shrink = 0.97**attempt
        atoms = parent.copy()
        noise = strain * rng.standard_normal((3, 3))
        atoms.set_cell(atoms.cell @ (np.eye(3) + shrink * (noise + noise.T) / 2), scale_atoms=True)
        atoms.positions += shrink * sigma * rng.standard_normal((len(atoms), 3))
        if closest(atoms) >= 1.0:
            return atoms
    place = f"{parent.symbols} at {parent.get_volume():.1f} Å³"
    raise ValueError(f"parent must leave room between its atoms, {place} does not; use a larger volume")


def copies(family: str, group: str, parent: Atoms, temperatures: list[int], strain: float = 0.02) -> Iterator[Member]:
    """A rattled copy for each temperature."""
    for temperature in temperatures:
        atoms = rattled(parent, temperature, strain, generator(family, group, len(parent), temperature))
        yield Member(family, group, f"rattled, {temperature} K, strain {strain:g}", atoms)


def bulk_family() -> Iterator[Member]:
    """Pure crystals: over volume, strained, and rattled cells of two to eight atoms."""
    for element in ELEMENTS:
        hot = {"Cu": [300, 700, 1300], "Li": [100, 250, 450]}[element]
        for lattice, size in LATTICES.items():
            for volume in (0.75, 0.85, 0.92, 0.97, 1.0, 1.04, 1.1, 1.2, 1.35):
                name = f"{element} {lattice}, volume {volume:g}"
                atoms = with_volume(crystal(element, lattice), volume)
                yield Member("bulk", name, "perfect", atoms)
                if volume in (0.92, 1.0, 1.1):
                    yield from copies("bulk", name, atoms, [0], strain=0.06)
                    small = with_volume(crystal(element, lattice, (1, 1, 2 // size)), volume)
                    yield from copies("bulk", name, small, [hot[1]], strain=0.03)
                    cell = with_volume(crystal(element, lattice, (1, 1, 2) if size == 2 else (1, 2, 2)), volume)
                    yield from copies("bulk", name, cell, hot)
            large = crystal(element, lattice, (2, 2, 1) if size == 2 else (2, 2, 2))
            yield from copies("bulk", f"{element} {lattice}, volume 1", large, hot[1:])


def ordered_family() -> Iterator[Member]:
    """Ordered compounds over composition: perfect, strained and rattled."""
    for prototype, (_, _, sites) in PROTOTYPES.items():
        same = sites.count("A") == sites.count("B")
        for first, second in [("Cu", "Li")] if same else [("Cu", "Li"), ("Li", "Cu")]:
            for volume in (0.9, 1.0, 1.15):
                name = f"{prototype} {first}-{second}, volume {volume:g}"
                atoms = with_volume(ordered(prototype, first, second), volume)
                yield Member("ordered", name, "perfect", atoms)
                yield from copies("ordered", name, atoms, [400] if volume != 1.0 else [300, 800], strain=0.03)


def random_family() -> Iterator[Member]:
    """Random solutions on three lattices, 4 to 16 atoms, over composition."""
    cells = {
        "fcc": [(1, 2, 2), (1, 2, 3), (2, 2, 2), (2, 2, 4)],
        "bcc": [(1, 2, 2), (1, 2, 3), (2, 2, 2), (2, 2, 3)],
        "hcp": [(1, 1, 2), (1, 1, 3), (2, 2, 1)],
    }
    for lattice, repeats in cells.items():
        for repeat in repeats:
            n_atoms = LATTICES[lattice] * int(np.prod(repeat))
            counts = sorted({1, n_atoms // 4, n_atoms // 2, n_atoms - n_atoms // 4, n_atoms - 1} - {0, n_atoms})
            for n_lithium in counts if n_atoms <= 8 else counts[1:-1]:
                name = f"random {lattice}, Cu{n_atoms - n_lithium} Li{n_lithium}"
                rng = generator(name)
                parent = with_volume(random_alloy(lattice, repeat, n_lithium, rng), rng.uniform(0.93, 1.12))
                yield from copies("random", name, parent, [300, 900] if n_atoms <= 8 else [600], strain=0.03)


def vacancy_family() -> Iterator[Member]:
    """An atom missing, in pure crystals and solutions of 4 to 16 sites."""
    for element in ELEMENTS:
        cubic, hexagonal = [(1, 2, 2), (2, 2, 2)], [(1, 1, 2), (2, 2, 1)]
        for lattice, repeat in [*product(("fcc", "bcc"), cubic), *product(("hcp",), hexagonal)]:
            parent = crystal(element, lattice, repeat)
            name = f"vacancy {element} {lattice}, {len(parent) - 1} atoms"
            del parent[-1]
            yield from copies("vacancy", name, parent, {"Cu": [300, 900], "Li": [100, 350]}[element])
    for lattice in ("fcc", "bcc"):
        for n_lithium in (2, 4, 6):
            parent = random_alloy(lattice, (2, 2, 2), n_lithium, generator("vacancy", lattice, n_lithium))
            name = f"vacancy {lattice}, Cu{8 - n_lithium} Li{n_lithium} less one"
            del parent[-1]
            yield from copies("vacancy", name, parent, [500])


def slab_family() -> Iterator[Member]:
    """Slabs of two to six layers with 10 Å of vacuum: pure, covered by the other element, and mixed."""
    sides = {"C": 2.57, "L": 3.05}
    layers = ["CC", "CCC", "CCCC", "LL", "LLL", "LLLL", "CCCL", "CCLL", "LLLC", "CLCL", "CLLC", "LCCL", "LCLCL"]
    for square in (True, False):
        for pattern in layers:
            share = pattern.count("C") / len(pattern)
            parent = stack(pattern, share * sides["C"] + (1 - share) * sides["L"], square, gap=10.0)
            yield from copies("slab", f"slab {'square' if square else 'hexagonal'} {pattern}", parent, [200, 500], strain=0.015)


def interface_family() -> Iterator[Member]:
    """Copper on lithium, coherent and periodic without vacuum, at three in-plane lattice constants."""
    for square in (True, False):
        patterns = ["CCLL", "CCCLL", "CCLLLL", "CCCCLL", "CCCLLL"] if not square else ["CCLL", "CCCLLL", "CCLLLL", "CCCCLL", "CCCCLLLL"]
        for pattern in patterns:
            for side in (2.6, 2.75, 2.95):
                name = f"interface {'square' if square else 'hexagonal'} {pattern}, side {side:g}"
                yield from copies("interface", name, stack(pattern, side, square), [200, 600], strain=0.015)


def melt_family() -> Iterator[Member]:
    """Disordered packings of 6 to 14 atoms over composition and density."""
    for n_atoms in (6, 8, 10, 14):
        for n_lithium in sorted({0, n_atoms // 4, n_atoms // 2, n_atoms - n_atoms // 4, n_atoms}):
            for volume in (0.95, 1.1, 1.3) if n_atoms <= 8 else (1.1,):
                name = f"melt Cu{n_atoms - n_lithium} Li{n_lithium}, volume {volume:g}"
                for attempt in range(50):
                    atoms = packing(n_atoms - n_lithium, n_lithium, volume, generator(name, attempt))
                    if closest(atoms) >= 1.0:
                        yield Member("melt", name, f"random packing, draw {attempt}", atoms)
                        break


def molecule_family() -> Iterator[Member]:
    """Single atoms, which are the references of energy, and pairs at distances from the repulsive wall to the cutoff."""
    box = np.diag([9.0, 9.5, 10.0])
    for element in ELEMENTS:
        yield Member("molecule", f"atom {element}", "isolated atom", Atoms(element, positions=[(4.5, 4.75, 5.0)], cell=box, pbc=True))
    for first, second in (("Cu", "Cu"), ("Cu", "Li"), ("Li", "Li")):
        for length in (1.95, 2.2, 2.5, 2.9, 3.4):
            length += 0.1 if first == second == "Li" else 0.0
            ends = [(4.5, 4.75, 5.0 - length / 2), (4.5, 4.75, 5.0 + length / 2)]
            yield Member("molecule", f"pair {first}{second}", f"{length:g} Å", Atoms([first, second], positions=ends, cell=box, pbc=True))


FAMILIES = (bulk_family, ordered_family, random_family, vacancy_family, slab_family, interface_family, melt_family, molecule_family)
