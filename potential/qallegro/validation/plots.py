"""Pictures of results."""

from collections.abc import Sequence

import numpy as np
from ase import units
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qallegro.latency.plot_style import INK, SERIES, styled
from qallegro.validation.dynamics import Bath, Drift, Motion
from qallegro.validation.elastic import Elastic, in_gpa, young_moduli
from qallegro.validation.energy_curves import Curve
from qallegro.validation.equation_of_state import EquationOfState, birch_murnaghan
from qallegro.validation.phonons import Phonons
from qallegro.validation.quasi_harmonic import QuasiHarmonic
from qallegro.validation.section import Row
from qallegro.validation.stacking_faults import StackingFault
from qallegro.validation.vacancies import Vacancy

_GREY = "#9ca3af"
#: eV/Å^2 in J/m^2
J_PER_M2 = units.m**2 / units.J


def plot_phonons(phonons: Phonons, reference: Phonons | None = None) -> Figure:
    """Bands and density of states, with those of a reference behind."""
    with styled():
        figure = Figure(figsize=(9.0, 4.4))
        left, right = figure.subplots(1, 2, width_ratios=[3.2, 1.0], sharey=True)
        for number, (one, color, width, label) in enumerate(
            [(reference, "#f59e0b", 3.2, "reference forces"), (phonons, SERIES[0], 1.4, "potential")]
        ):
            if one is None:
                continue
            scale = phonons.bands.ticks[-1][0] / one.bands.ticks[-1][0]  # lattice constants differ a little
            for k, (x, y) in enumerate(zip(one.bands.distances, one.bands.frequencies, strict=True)):
                lines = left.plot(scale * x, y, color=color, lw=width, alpha=0.85 if number else 0.6, zorder=2 + number)
                lines[0].set_label(label if k == 0 else None)
            right.plot(one.dos[1], one.dos[0], color=color, lw=width, alpha=0.85 if number else 0.6)
        for place, _ in phonons.bands.ticks:
            left.axvline(place, color=_GREY, lw=0.7)
        left.axhline(0.0, color=INK, lw=0.7)
        left.set_xticks([place for place, _ in phonons.bands.ticks], [name for _, name in phonons.bands.ticks])
        shown = [phonons, *([] if reference is None else [reference])]
        top = max(float(part.max()) for one in shown for part in one.bands.frequencies)
        low = min(0.0, *(1.1 * one.lowest[0] for one in shown))
        left.set(xlim=(0.0, phonons.bands.ticks[-1][0]), ylim=(low, 1.15 * top), ylabel="frequency (THz)", title="phonons")
        left.grid(axis="x", visible=False)
        if reference is not None:
            left.legend(loc="upper right", framealpha=0.9, frameon=True, edgecolor="none")
        right.set(xlabel="states per THz and cell", title="density of states", xlim=(0.0, None))
    return figure


def plot_thermal(phonons: Phonons) -> Figure:
    """Free energy, entropy and heat capacity of the primitive cell."""
    t = phonons.thermal
    with styled():
        figure = Figure(figsize=(7.0, 3.6))
        left, right = figure.subplots(1, 2)
        left.plot(t["temperatures"], t["free_energy"], color=SERIES[0])
        left.set(title="free energy", xlabel="T (K)", ylabel="kJ/mol")
        right.plot(t["temperatures"], t["heat_capacity"], color=SERIES[0], label="heat capacity, constant volume")
        right.plot(t["temperatures"], t["entropy"], color=SERIES[1], label="entropy")
        low, high = right.get_ylim()
        right.set(title="per mole of primitive cells", xlabel="T (K)", ylabel="J/(K mol)", ylim=(low, high + 0.25 * (high - low)))
        right.legend(loc="upper left")
    return figure


def plot_equation_of_state(found: EquationOfState) -> Figure:
    """Points and curve."""
    with styled():
        figure = Figure(figsize=(4.8, 3.6))
        axis = figure.subplots()
        x = np.linspace(found.volumes.min(), found.volumes.max(), 200)
        curve = birch_murnaghan(x, found.energy, found.bulk_modulus, found.derivative, found.volume)
        axis.plot(x, 1e3 * (curve - found.energy), color=SERIES[0], label="Birch-Murnaghan")
        axis.plot(found.volumes, 1e3 * (found.energies - found.energy), "o", color=SERIES[1], ms=5, label="potential")
        axis.set(title="equation of state", xlabel="volume (Å³/atom)", ylabel="energy above the minimum (meV/atom)")
        axis.legend()
    return figure


def plot_elastic(found: Elastic, rows: Sequence[Row]) -> Figure:
    """Constants beside those of the literature, and Young's modulus against direction where the crystal is stable.

    Args:
        found: the tensor.
        rows: the constants to show, GPa, with what is known of each.
    """
    with styled():
        figure = Figure(figsize=(8.4, 3.8) if found.stable else (4.8, 3.6), layout="constrained")
        axis = figure.add_subplot(1, 2, 1) if found.stable else figure.subplots()
        places = np.arange(len(rows))
        axis.bar(places, [row.value for row in rows], width=0.6, color=SERIES[0], label="potential")
        labels = ("reference", "further reference")
        for k, (marker, color) in enumerate((("D", SERIES[1]), ("o", INK))):
            # Side by side, for they are often the same.
            shown = [
                (place + 0.2 * k - 0.1, row.references[k].value) for place, row in zip(places, rows, strict=True) if len(row.references) > k
            ]
            if shown:
                axis.plot(*zip(*shown, strict=True), marker, color=color, ms=7, mec="white", label=labels[k])
        axis.axhline(0.0, color=INK, lw=0.7)
        low, high = axis.get_ylim()
        axis.set(title="elastic constants", ylabel="GPa", ylim=(low, high + 0.25 * (high - low)))
        axis.set_xticks(places, [row.quantity for row in rows], rotation=0 if len(rows) < 8 else 90)
        axis.grid(axis="x", visible=False)
        axis.legend(loc="upper left", ncols=3, columnspacing=1.0, handletextpad=0.4, fontsize="small")
        if found.stable:
            round_axis = figure.add_subplot(1, 2, 2, projection="polar")
            angles = np.linspace(0.0, 2.0 * np.pi, 361)
            x, y = np.cos(angles), np.sin(angles)
            planes = [(x, y, 0.0 * x), (x / np.sqrt(2.0), x / np.sqrt(2.0), y)]
            # Miller indices are Cartesian directions in cubic crystals alone.
            names = ("(001), from [100]", "(1-10), from [110]") if found.cubic else ("x to y", "x + y to z")
            for number, (name, direction) in enumerate(zip(names, planes, strict=True)):
                moduli = in_gpa(young_moduli(found.constants, np.column_stack(direction)))
                round_axis.plot(angles, moduli, color=SERIES[number], label=name)
            round_axis.set_title("Young's modulus (GPa)", loc="center")
            round_axis.set_rlim(0.0)
            round_axis.yaxis.set_major_locator(MaxNLocator(4))
            round_axis.set_rlabel_position(90.0)
            round_axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=2)
    return figure


def plot_vacancies(found: Sequence[Vacancy]) -> Figure:
    """Formation energy against supercell."""
    with styled():
        figure = Figure(figsize=(4.4, 3.4))
        axis = figure.subplots()
        axis.plot([v.sites for v in found], [v.unrelaxed for v in found], "s--", color=_GREY, label="unrelaxed")
        axis.plot([v.sites for v in found], [v.energy for v in found], "o-", color=SERIES[0], label="relaxed")
        axis.set(title="vacancy", xlabel="sites of the supercell", ylabel="formation energy (eV)")
        axis.legend()
    return figure


def plot_stacking_fault(found: StackingFault) -> Figure:
    """Energy against shift."""
    with styled():
        figure = Figure(figsize=(4.8, 3.4))
        axis = figure.subplots()
        axis.plot(found.shifts, 1e3 * J_PER_M2 * found.unrelaxed, "s--", color=_GREY, ms=4, label="unrelaxed")
        axis.plot(found.shifts, 1e3 * J_PER_M2 * found.energies, "o-", color=SERIES[0], ms=5, label="relaxed along the normal")
        axis.axhline(0.0, color=INK, lw=0.7)
        axis.set(title="stacking fault, (111)[112]", xlabel="shift (a/√6)", ylabel="energy (mJ/m²)")
        axis.legend()
    return figure


def plot_curves(curves: Sequence[Curve], title: str, unit: str) -> Figure:
    """Energies against distance; the axis shows all from the first minimum on, and the beginning of the wall."""
    with styled():
        figure = Figure(figsize=(5.2, 3.6))
        axis = figure.subplots()
        shown = []
        for number, curve in enumerate(curves):
            color = SERIES[number % len(SERIES)]
            axis.plot(curve.distances, curve.energies, color=color, label=curve.name)
            for place in curve.minima:
                axis.plot(place, np.interp(place, curve.distances, curve.energies), "o", color=color, ms=5)
            if curve.collapse is not None:
                axis.axvspan(curve.distances[0], curve.collapse, color=color, alpha=0.12, lw=0)
            # From the first minimum on: what lies before it is the wall.
            first = min(curve.minima, default=np.quantile(curve.distances, 0.4))
            shown.append(curve.energies[(curve.distances >= first) & np.isfinite(curve.energies)])
        values = np.concatenate(shown)
        low, high = (float(values.min()), float(values.max())) if len(values) else (-1.0, 1.0)
        margin = max(0.2 * (high - low), 0.1)
        axis.set(title=title, xlabel="distance (Å)", ylabel=f"energy ({unit})", ylim=(low - margin, high + margin))
        axis.legend()
    return figure


def plot_drift(found: Sequence[Drift]) -> Figure:
    """Total energy against time, one line a time step."""
    with styled():
        figure = Figure(figsize=(6.4, 3.4))
        axis = figure.subplots()
        for number, run in enumerate(found):
            note = f"{run.timestep:g} fs" + ("" if run.stable else ", exploded")
            axis.plot(run.times / 1e3, 1e3 * run.energies, color=SERIES[number % len(SERIES)], lw=1.1, label=note)
        axis.set(title="constant energy", xlabel="time (ps)", ylabel="change of total energy (meV/atom)")
        figure.legend(title="time step", loc="outside right upper")
    return figure


def plot_motion(motion: Motion, baths: Sequence[Bath]) -> Figure:
    """Temperature, RDF, MSD and VACF."""
    with styled():
        figure = Figure(figsize=(9.0, 5.6))
        (one, two), (three, four) = figure.subplots(2, 2)
        for number, bath in enumerate(baths):
            one.plot(bath.times / 1e3, bath.temperatures, color=SERIES[number], lw=1.0, label=bath.ensemble)
        one.set(title="thermostat", xlabel="time (ps)", ylabel="T (K)")
        if baths:
            one.legend()
        two.plot(*motion.radial, color=SERIES[0])
        two.set(title="radial distribution", xlabel="r (Å)", ylabel="g(r)")
        three.plot(motion.displacement[0] / 1e3, motion.displacement[1], color=SERIES[0])
        three.set(title="mean square displacement", xlabel="time (ps)", ylabel="Å²")
        four.plot(motion.correlation[0], motion.correlation[1], color=SERIES[0])
        four.axhline(0.0, color=INK, lw=0.7)
        four.set(title="velocity autocorrelation", xlabel="time (fs)", ylabel="normalized")
    return figure


def plot_quasi_harmonic(found: QuasiHarmonic) -> Figure:
    """Volume, expansion, bulk modulus and Gibbs energy."""
    panels = [
        ("volume", found.volume, "Å³/atom"),
        ("thermal expansion, volume", 1e6 * found.expansion, "10⁻⁶/K"),
        ("bulk modulus", found.bulk_modulus / units.GPa, "GPa"),
        ("Gibbs energy", found.gibbs - found.gibbs[0], "eV/atom above 0 K"),
    ]
    with styled():
        figure = Figure(figsize=(8.0, 5.4))
        for axis, (title, values, unit) in zip(figure.subplots(2, 2).flat, panels, strict=True):
            axis.plot(found.temperatures, values, color=SERIES[0])
            axis.set(title=title, xlabel="T (K)", ylabel=unit)
    return figure


def plot_conductivity(temperatures: np.ndarray, tensor: np.ndarray) -> Figure:
    """Conductivity against temperature."""
    with styled():
        figure = Figure(figsize=(4.6, 3.4))
        axis = figure.subplots()
        axis.loglog(temperatures, tensor[:, :3].mean(1), "o-", color=SERIES[0])
        axis.set(title="lattice thermal conductivity", xlabel="T (K)", ylabel="W/(m K), mean of the axes")
    return figure
