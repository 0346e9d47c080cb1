"""A plan as a table and as a plot."""

from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from qallegro.scaling.constants import Constants
from qallegro.scaling.plan import Plan


def describe_plan(plan: Plan) -> Group:
    """What to expect, and which constants that rests on."""
    system, timestep = plan.system, plan.request.timestep
    # Without rules the columns fit a terminal of 80.
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for title in ("ranks", "grid", "atoms/rank", "ghosts", "ms/step", "ns/day", "effic.", "comm.", "memory"):
        table.add_column(title, justify="right")
    for p in plan.predictions:
        table.add_row(
            f"{p.ranks:,}",
            "x".join(map(str, p.counts.grid)),
            f"{p.counts.atoms:,.4g}" if p.counts.atoms < 100 else f"{p.counts.atoms:,.0f}",
            f"{p.counts.ghost_fraction:.0%}",
            f"{1e3 * p.step_time:.4g}",
            f"{p.ns_per_day(timestep):.3g}",
            f"{p.efficiency:.0%}",
            f"{p.communication_time / p.step_time:.0%}",
            f"{_bytes(p.memory)}",
        )
    scaling = "of each rank (weak scaling)" if plan.request.weak else "in all (strong scaling)"
    sides = " x ".join(f"{side:.1f}" for side in system.sides)
    lines = [
        f"{system.atoms:,} atoms {scaling}, {system.density:.4g} atoms/Å^3, box {sides} Å, {system.edges_per_atom:.1f} edges an atom, "
        f"r_max {system.r_max:g} + skin {system.skin:g} Å, a list every {system.rebuild_every} steps, timestep {timestep:g} fs",
        f"measured for {plan.setting}",
    ]
    return Group(*map(Text, lines), table, *map(Text, _origins(plan.constants)))


def _origins(constants: Constants) -> list[str]:
    by_origin: dict[str, list[str]] = {}
    for name, entry in constants.as_record().items():
        by_origin.setdefault(str(entry["origin"]), []).append(f"{name} {entry['value']:.3g} {entry['unit']}")
    order = sorted(by_origin, key=lambda origin: (not origin.startswith("measured"), origin == "assumed", origin))
    return [f"{origin}: {', '.join(by_origin[origin])}" for origin in order]


def draw_plan(plan: Plan, path: Path, atoms: list[int] | None = None, most_ranks: int | None = None) -> None:
    """Efficiency and ns/day against the number of ranks.

    Args:
        atoms: a line each; the plan's own without it.
        most_ranks: end of the lines; four times the plan's most without it.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    top = most_ranks or 4 * max(plan.request.ranks)
    ranks = [2**k for k in range(top.bit_length()) if 2**k <= top]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for n in atoms or [plan.request.atoms]:
        own = [r for r in ranks if plan.request.weak or r <= n]
        predictions = [plan.predict(n, r) for r in own]
        left.plot(
            own, [100 * p.efficiency for p in predictions], marker=".", label=f"{n:,} atoms" + (" a rank" if plan.request.weak else "")
        )
        speeds = [p.ns_per_day(plan.request.timestep) for p in predictions]
        (line,) = right.plot(own, speeds, marker=".")
        if not plan.request.weak:
            ideal = [speeds[0] * r for r in own]
            right.plot(own, ideal, color=line.get_color(), linestyle=":", linewidth=1)
    for p in plan.predictions if atoms is None else []:
        left.plot(p.ranks, 100 * p.efficiency, "ko", fillstyle="none")
        right.plot(p.ranks, p.ns_per_day(plan.request.timestep), "ko", fillstyle="none")
    left.set(xscale="log", xlabel="MPI ranks", ylabel="parallel efficiency (%)", ylim=(0, 105))
    right.set(xscale="log", yscale="log", xlabel="MPI ranks", ylabel=f"ns/day at {plan.request.timestep:g} fs")
    for axis in (left, right):
        axis.grid(alpha=0.3)
    left.legend(frameon=False)
    if not plan.request.weak:
        right.plot([], [], color="grey", linestyle=":", linewidth=1, label="ideal")
        right.legend(frameon=False)
    figure.suptitle(f"predicted for {plan.setting}", fontsize=9)
    figure.savefig(path, dpi=140)
    plt.close(figure)


def _bytes(value: float) -> str:
    return f"{value / 1e9:.3g} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"
