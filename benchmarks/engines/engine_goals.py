"""The figures that the engine is to reach, beside those of one run."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from engine_candidates import CANDIDATES, ONE, TWO_RANKS, TWO_THREADS
from lammps_timing import Layout
from quantum_layer_benchmark import ratio, shown_ratio

#: µs an atom and step, float32, one core
TIME = {"S": 12.0, "M": 80.0}
#: times the peer's fastest on one core, and times its package as its command makes it
OVER_PEERS_BEST = {"S": 6.0, "M": 17.0}
OVER_PEERS_DEFAULT = {"M": 35.0}
#: +QDI against plain Allegro
QDI = {"M": 1.03}
AVX2, SCALING, ASE = 2.0, 1.85, 1.15
#: bytes
MEMORY, MEMORY_PER_ATOM = 200e6, 2000.0
#: of the resident size, from the first tenth of the steps to the last
GROWTH = 0.01


class Goal(NamedTuple):
    """One line of the table."""

    name: str
    limit: str
    measured: str
    reached: bool


def goals(record: dict[str, Any]) -> Iterator[Goal]:
    """Those that the run has measured. Speed goals are for float32 and, unless they say otherwise, for the fewest atoms."""
    groups = [group for group in record["groups"] if group["dtype"] == "float32"]
    fewest = min((group["atoms"] for group in groups), default=0)
    for group in groups:
        size, where = group["size"], f"{group['size']}, {group['atoms']:,} atoms"
        native = find(group, "native")
        if group["atoms"] == fewest:
            yield from _speed(group, size, where, native)
            yield from _growth(group, where)
        for layout in (TWO_RANKS, TWO_THREADS):
            yield from _at_least(f"{where}: native, 1x1 / {layout}", native, find(group, "native", layout), SCALING)
        yield from _at_most(f"{where}: ASE / LAMMPS, native", find(group, "ase-native"), native, ASE)
        if native and native["peak_memory"] is not None:
            limit = MEMORY + MEMORY_PER_ATOM * group["atoms"]
            peak = native["peak_memory"]
            yield Goal(f"{where}: peak memory of native", f"at most {limit / 1e6:.0f} MB", f"{peak / 1e6:.0f} MB", peak <= limit)


def find(group: dict[str, Any], candidate: str, layout: Layout = ONE) -> dict[str, Any] | None:
    """The arm of a candidate, if it was measured."""
    return next((arm for arm in group["arms"] if (arm["candidate"], arm["layout"]) == (candidate, str(layout))), None)


def _speed(group: dict[str, Any], size: str, where: str, native: dict[str, Any] | None) -> Iterator[Goal]:
    if native and size in TIME:
        median = 1e6 * native["loop"]["median"]
        yield Goal(f"{where}: native", f"at most {TIME[size]:g} µs", f"{median:.3g} µs", median <= TIME[size])
    peers = [arm for arm in group["arms"] if CANDIDATES[arm["candidate"]].runs_in == "peer" and arm["layout"] == str(ONE)]
    best = min(peers, key=lambda arm: arm["loop"]["median"], default=None)
    if best and size in OVER_PEERS_BEST:
        title = CANDIDATES[best["candidate"]].title
        yield from _at_least(f"{where}: {title} (its fastest) / native", best, native, OVER_PEERS_BEST[size])
    if size in OVER_PEERS_DEFAULT:
        name = "peer-aoti"
        yield from _at_least(f"{where}: {CANDIDATES[name].title} / native", find(group, name), native, OVER_PEERS_DEFAULT[size])
    if size in QDI:
        yield from _at_most(f"{where}: native, +QDI / Allegro", find(group, "native+qdi"), native, QDI[size])
    yield from _at_most(f"{where}: native, AVX2 / AVX-512", find(group, "native-avx2"), find(group, "native-avx512"), AVX2)


def _growth(group: dict[str, Any], where: str) -> Iterator[Goal]:
    for watched in group["growth"]:
        if watched["candidate"] == "native" and len(watched["resident"]) > 2:
            early, late = watched["resident"][1], watched["resident"][-1]
            name = f"{where}: memory of native over {watched['steps']} steps"
            yield Goal(name, f"at most {100 * GROWTH:g} % more", f"{100 * (late / early - 1):+.2f} %", late <= (1 + GROWTH) * early)


def _at_least(name: str, slow: dict[str, Any] | None, fast: dict[str, Any] | None, limit: float) -> Iterator[Goal]:
    if slow and fast:
        found = ratio(slow["loop"]["seconds"], fast["loop"]["seconds"])
        yield Goal(name, f"at least {limit:g}", shown_ratio(found), found["of_medians"] >= limit)


def _at_most(name: str, slow: dict[str, Any] | None, fast: dict[str, Any] | None, limit: float) -> Iterator[Goal]:
    if slow and fast:
        found = ratio(slow["loop"]["seconds"], fast["loop"]["seconds"])
        yield Goal(name, f"at most {limit:g}", shown_ratio(found), found["of_medians"] <= limit)
