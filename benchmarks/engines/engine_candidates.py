"""What is compared: one table."""

from typing import NamedTuple

from lammps_timing import Layout

ONE, TWO_RANKS, TWO_THREADS = Layout(1, 1), Layout(2, 1), Layout(1, 2)
LAYOUTS = {str(layout): layout for layout in (ONE, TWO_RANKS, TWO_THREADS)}
_ALL, _RANKS, _THREADS = (ONE, TWO_RANKS, TWO_THREADS), (ONE, TWO_RANKS), (ONE, TWO_THREADS)


class Candidate(NamedTuple):
    """One row of the comparison.

    Args:
        title: for tables.
        runs_in: "lammps", "snap", "ase" or "peer".
        layouts: those it can run in and is measured in.
        engine: of the pair style or calculator; of the peer, the variant of its file.
        head: of `HEADS` in benchmarks/quantum_layer.
        isa: instruction set that the engine is held to; "" for its own choice.
    """

    title: str
    runs_in: str
    layouts: tuple[Layout, ...]
    engine: str = ""
    head: str = "allegro"
    isa: str = ""


CANDIDATES: dict[str, Candidate] = {
    "native": Candidate("native", "lammps", _ALL, "native"),
    "native-avx512": Candidate("native, AVX-512", "lammps", (ONE,), "native", isa="avx512"),
    "native-avx2": Candidate("native, AVX2", "lammps", (ONE,), "native", isa="avx2"),
    "native-plain": Candidate("native, plain", "lammps", (ONE,), "native", isa="plain"),
    "native+mlp": Candidate("native, +MLP", "lammps", (ONE,), "native", head="mlp"),
    "native+qdi": Candidate("native, +QDI", "lammps", (ONE,), "native", head="qdi"),
    "torchscript": Candidate("torchscript", "lammps", _ALL, "torchscript"),
    "torchscript+mlp": Candidate("torchscript, +MLP", "lammps", (ONE,), "torchscript", head="mlp"),
    "torchscript+qdi": Candidate("torchscript, +QDI", "lammps", (ONE,), "torchscript", head="qdi"),
    "ase-native": Candidate("ASE, native", "ase", _THREADS, "native"),
    "ase-torchscript": Candidate("ASE, torchscript", "ase", _THREADS, "torchscript"),
    "snap": Candidate("SNAP", "snap", _RANKS),
    "peer-aoti-1": Candidate("peer, AOTInductor for 1 thread", "peer", _THREADS, "aoti-1"),
    "peer-aoti": Candidate("peer, AOTInductor by default", "peer", _THREADS, "aoti"),
    "peer-torchscript": Candidate("peer, TorchScript", "peer", _THREADS, "torchscript"),
}
