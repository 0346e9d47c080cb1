"""Tables and plots of what a device makes of energies and forces."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from qallegro.quantum.device_study import DeviceResult, Statistics, Study, energy_per_atom, forces_of, label_errors, mean_energy, rms
from qallegro.whole_file import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def study_table(study: Study) -> Table:
    """Exact value, mean, bias with its standard error, and spread of every quantity, for each number of shots."""
    table = Table(title="device against exact circuit", title_justify="left")
    table.add_column("shots", justify="right", no_wrap=True)
    table.add_column("quantity", no_wrap=True)
    for heading in ("exact", "mean", "bias ± error", "spread"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in study.results:
        label = _shots(result)
        table.add_row(label, "energy (eV)", *_cells(mean_energy(study, result), 1.0, 4))
        table.add_row("", "energy (meV/atom)", *_cells(energy_per_atom(study, result), 1e3, 2))
        table.add_row("", "forces (meV/Å)", *_cells(forces_of(study, result), 1e3, 2), end_section=True)
    table.caption = (
        "energies: mean over frames; forces: RMS over components; error: standard error of the mean; spread: standard deviation of one "
        "evaluation. A bias of forces of the size of its error is none."
    )
    table.caption_justify = "left"
    return table


def error_table(study: Study) -> Table | None:
    """Errors against the labels, or None where the data has none."""
    rows = [("exact circuit", label_errors(study, study.exact.energy[None], study.exact.forces[None]))]
    rows += [(_name(result), label_errors(study, result.energies, result.forces)) for result in study.results]
    if not rows[0][1]:
        return None
    table = Table(title="mean absolute error of one evaluation against the labels", title_justify="left")
    table.add_column("circuit")
    for heading in ("energy (meV/atom)", "forces (meV/Å)"):
        table.add_column(heading, justify="right")
    for name, errors in rows:
        cells = (errors.get("energy_mae_meV_per_atom"), errors.get("forces_mae_meV_per_angstrom"))
        table.add_row(name, *("-" if cell is None else f"{cell:.3f}" for cell in cells))
    return table


def plot_study(study: Study, folder: Path) -> list[Path]:
    """Draw the deviation of forces in one evaluation, and, for several numbers of shots, spread and bias against shots.

    Returns:
        the pictures written.
    """
    from qallegro.quantum.analysis.style import STYLE, plt

    written = []
    with plt.rc_context(STYLE | {"axes.grid": True}):
        shown = study.results[:4]
        width = max(4.5, 2.8 * len(shown))
        figure, axes = plt.subplots(1, len(shown), figsize=(width, 3.2), squeeze=False, sharex=True, sharey=True)
        for axis, result in zip(axes[0], shown, strict=True):
            _deviations(axis, study, result)
        axes[0, 0].set_ylabel(f"{shown[0].settings.name} - exact (meV/Å)")
        largest = max(float(np.abs(result.forces[0] - study.exact.forces).max()) for result in shown)
        axes[0, 0].set_ylim(-1.35e3 * max(largest, 1e-9), 1.35e3 * max(largest, 1e-9))
        written.append(_save(figure, folder / "device_forces.png"))
        sampled = sorted((r for r in study.results if r.settings.shots is not None and len(r.energies) > 1), key=lambda r: r.settings.shots)
        if len(sampled) > 1:
            figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.8))
            _against_shots(axes[0], sampled, [forces_of(study, r) for r in sampled], "forces (RMS over components)", "meV/Å")
            _against_shots(axes[1], sampled, [energy_per_atom(study, r) for r in sampled], "energy (mean over atoms)", "meV/atom")
            written.append(_save(figure, folder / "device_shots.png"))
    return written


def _deviations(axis: "Axes", study: Study, result: DeviceResult) -> None:
    from qallegro.quantum.analysis.style import GRAY, INK, ORANGE

    exact = study.exact.forces.ravel()
    deviation = 1e3 * (result.forces[0].ravel() - exact)
    axis.axhline(0.0, color=GRAY, lw=1.0)
    axis.scatter(exact, deviation, s=9, color=ORANGE, alpha=0.5, lw=0)
    axis.text(0.04, 0.96, f"RMS {rms(deviation):.3g} meV/Å", transform=axis.transAxes, va="top", color=INK)
    shots = result.settings.shots
    axis.set(title="exact values" if shots is None else f"{shots:,} shots", xlabel="force, exact circuit (eV/Å)")


def _against_shots(axis: "Axes", results: Sequence[DeviceResult], values: Sequence[Statistics], title: str, unit: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    from qallegro.quantum.analysis.style import BLUE, GRAY, ORANGE

    shots = np.array([result.settings.shots for result in results], dtype=float)
    spread, bias, error = (1e3 * np.array([getattr(v, n) for v in values]) for n in ("spread", "bias", "standard_error"))
    axis.plot(shots, spread, "o-", color=ORANGE, label="spread of one evaluation")
    axis.plot(shots, np.abs(bias), "s-", color=BLUE, label="bias of the mean")
    axis.plot(shots, error, ":", color=BLUE, label="standard error of the bias")
    axis.plot(shots, spread[0] * np.sqrt(shots[0] / shots), "--", color=GRAY, lw=1.0, zorder=0, label=r"$1/\sqrt{\mathrm{shots}}$")
    axis.set(xscale="log", yscale="log", title=title, xlabel="shots a circuit", ylabel=unit)
    axis.legend(fontsize=8)
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        side.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        side.set_minor_formatter(NullFormatter())


def _save(figure: "Figure", path: Path) -> Path:
    from qallegro.quantum.analysis.style import close

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with whole_file(path) as temporary:
            figure.savefig(temporary, dpi=150)
    finally:
        close(figure)
    return path


def _shots(result: DeviceResult) -> str:
    return "exact" if result.settings.shots is None else f"{result.settings.shots:,}"


def _name(result: DeviceResult) -> str:
    settings = result.settings
    return f"{settings.name}, " + ("exact values" if settings.shots is None else f"{settings.shots:,} shots")


def _cells(values: Statistics, factor: float, digits: int) -> list[str]:
    exact, mean, spread, bias, error = ("-" if np.isnan(v) else f"{factor * float(v):z.{digits}f}" for v in values)
    return [exact, mean, bias if error == "-" else f"{bias} ± {error}", spread]
