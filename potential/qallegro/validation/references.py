"""What DFT and experiment say of some crystals. Only numbers that were read in the named source.

A value belongs to one functional and one set of settings: a potential trained on other data need not agree with it.
"""

from typing import NamedTuple

_ACE = "DFT in Table 1 of Lysogorskiy et al., npj Comput. Mater. 7, 97 (2021)"
_ACE_EXPERIMENT = "experiment, quoted in Table 1 of Lysogorskiy et al., npj Comput. Mater. 7, 97 (2021)"
_DELTA = "DFT-PBE, WIEN2k 13.1 in the Delta package 3.1 (Lejaeghere et al., Crit. Rev. Solid State Mater. Sci. 39, 1 (2014))"
_ASE_DELTA = "DFT-PBE, WIEN2k, Delta test (Lejaeghere et al. 2014), as ASE lists it (ase.collections.dcdft)"
_ASE_EXPERIMENT = "experiment without zero-point motion (Lejaeghere et al. 2014), as ASE lists it (ase.collections.dcdft)"
_LI_FRAMES = "DFT-PBE: frames of the Li set of mlearn (Zuo et al., J. Phys. Chem. A 124, 731 (2020)), see docs/validation.md"
_SI_PHONONS = "DFT-PBE at a = 5.466 Å: VASP forces of phonopy's example Si-QHA"


class Reference(NamedTuple):
    """One value of the literature, in the unit of the row that it stands beside."""

    value: float
    source: str


def _table(source: str, **values: float) -> dict[str, list[Reference]]:
    return {name: [Reference(value, source)] for name, value in values.items()}


def _joined(*tables: dict[str, list[Reference]]) -> dict[str, list[Reference]]:
    names = dict.fromkeys(name for table in tables for name in table)
    return {name: [reference for table in tables for reference in table.get(name, [])] for name in names}


#: (element, lattice) -> quantity -> values; the first one is compared with
REFERENCES: dict[tuple[str, str], dict[str, list[Reference]]] = {
    ("Cu", "fcc"): _joined(
        {"V0": [Reference(11.9571, _DELTA)], "B0": [Reference(141.06, _DELTA)], "B0'": [Reference(4.85, _DELTA)]},
        _table(_ACE, C11=177, C12=132, C44=82, vacancy=1.07),
        _table(_ACE_EXPERIMENT, C11=177, C12=125, C44=81, vacancy=1.27),
        {"surface 111": [Reference(1.36, _ACE)], "surface 100": [Reference(1.51, _ACE)], "surface 110": [Reference(1.57, _ACE)]},
        {"intrinsic stacking fault": [Reference(41, _ACE)]},
    ),
    ("Li", "bcc"): _joined(
        {"V0": [Reference(20.2191, _ASE_DELTA)], "B0": [Reference(13.839, _ASE_DELTA)], "B0'": [Reference(3.34, _ASE_DELTA)]},
        {"V0": [Reference(20.412, _ASE_EXPERIMENT)], "B0": [Reference(13.066, _ASE_EXPERIMENT)], "B0'": [Reference(3.51, _ASE_EXPERIMENT)]},
        _table(_LI_FRAMES, C11=16.4, C12=14.2, C44=11.1),
        {"surface 100": [Reference(0.458, _LI_FRAMES)], "surface 110": [Reference(0.491, _LI_FRAMES)]},
        {"surface 111": [Reference(0.543, _LI_FRAMES)]},
    ),
    ("Si", "diamond"): _joined(
        {"V0": [Reference(20.4530, _DELTA)], "B0": [Reference(88.545, _DELTA)], "B0'": [Reference(4.31, _DELTA)]},
        _table(_ACE, C11=147, C12=50, C44=73, vacancy=3.67),
        {"surface 111": [Reference(1.56, _ACE)], "surface 100": [Reference(2.17, _ACE)], "surface 110": [Reference(1.52, _ACE)]},
        {"Γ 6": [Reference(15.10, _SI_PHONONS)]},
        {f"X {n}": [Reference(v, _SI_PHONONS)] for n, v in ((1, 4.40), (3, 12.05), (5, 13.43))},
        {f"L {n}": [Reference(v, _SI_PHONONS)] for n, v in ((1, 3.34), (3, 11.13), (4, 12.03), (5, 14.33))},
    ),
}


def references_for(symbols: list[str], lattice: str | None) -> dict[str, list[Reference]]:
    """Values for a crystal; empty where none were found."""
    kinds = set(symbols)
    return REFERENCES.get((kinds.pop(), lattice or ""), {}) if len(kinds) == 1 else {}
