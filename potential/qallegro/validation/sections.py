"""From results to what is shown of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import units

from qallegro.validation.conductivity import Conductivity
from qallegro.validation.dynamics import Bath, Drift, Motion
from qallegro.validation.elastic import Elastic, in_gpa
from qallegro.validation.energy_curves import Curve
from qallegro.validation.equation_of_state import EquationOfState
from qallegro.validation.heat_flux import HeatFlux
from qallegro.validation.phonon_reference import ReferencePhonons
from qallegro.validation.phonons import IMAGINARY, Phonons
from qallegro.validation.plots import (
    J_PER_M2,
    plot_conductivity,
    plot_curves,
    plot_drift,
    plot_elastic,
    plot_equation_of_state,
    plot_motion,
    plot_phonons,
    plot_quasi_harmonic,
    plot_stacking_fault,
    plot_thermal,
    plot_vacancies,
)
from qallegro.validation.quasi_harmonic import QuasiHarmonic
from qallegro.validation.references import Reference
from qallegro.validation.section import Row, Section
from qallegro.validation.stacking_faults import StackingFault
from qallegro.validation.surfaces import Surface
from qallegro.validation.vacancies import Vacancy

Known = dict[str, list[Reference]]
#: THz, frequencies closer than this are one
DEGENERATE = 0.01


def equation_of_state_section(found: EquationOfState, known: Known) -> Section:
    """Fit, fit error and reference."""
    rows = [
        Row("V0", found.volume, "Å³/atom", known.get("V0", [])),
        Row("B0", in_gpa(found.bulk_modulus), "GPa", known.get("B0", [])),
        Row("B0'", found.derivative, "", known.get("B0'", [])),
        Row("E0", found.energy, "eV/atom"),
    ]
    notes = [f"Birch-Murnaghan equation, least squares over {len(found.volumes)} volumes, RMS {1e3 * found.rms:.2g} meV/atom."]
    return Section("eos", "Equation of state", rows, notes, figures={"eos": plot_equation_of_state(found)}, data=found)


def elastic_section(found: Elastic, known: Known) -> Section:
    """Constants by their names where the crystal is cubic, all 21 otherwise."""
    c = in_gpa(found.constants)
    if found.cubic:
        rows = [Row(name, float(c[i, j]), "GPa", known.get(name, [])) for name, i, j in (("C11", 0, 0), ("C12", 0, 1), ("C44", 3, 3))]
    else:
        rows = [Row(f"C{i + 1}{j + 1}", float(c[i, j]), "GPa") for i in range(6) for j in range(i, 6) if abs(c[i, j]) > 1e-3 * abs(c).max()]
    figure = plot_elastic(found, rows)
    if found.moduli is not None:
        m = found.moduli
        rows += [Row("K (Hill)", in_gpa(m.bulk), "GPa"), Row("G (Hill)", in_gpa(m.shear), "GPa"), Row("E", in_gpa(m.young), "GPa")]
        rows += [Row("Poisson's ratio", m.poisson), Row("universal anisotropy", m.anisotropy)]
        if found.cubic:
            rows.append(Row("Zener anisotropy", float(2 * c[3, 3] / (c[0, 0] - c[0, 1]))))
    notes = [
        f"Stress against strains of ±{found.strain:g}, atoms relaxed; axes of the standard conventional cell; symmetry changed an "
        f"entry by at most {in_gpa(found.asymmetry):.2g} GPa."
    ]
    warnings = []
    if not found.stable:
        warnings.append(f"the crystal is not stable (Born): an eigenvalue of C is {in_gpa(found.smallest_eigenvalue):.3g} GPa")
    return Section("elastic", "Elastic constants", rows, notes, warnings, figures={"elastic": figure}, data=found)


def phonon_section(
    found: Phonons,
    known: Known,
    reference: ReferencePhonons | None = None,
    errors: tuple[float, float] | None = None,
    doubts: Sequence[str] = (),
) -> Section:
    """Frequencies at the points of the path, stability, errors; bands beside those of a reference."""
    rows = []
    for label in (label for label in found.points if label not in ("U", "K")):
        frequencies = found.points[label]
        other = None if reference is None else reference.phonons.points.get(label)
        last = -np.inf
        for number, frequency in enumerate(frequencies):
            if frequency - last < DEGENERATE or (label == "Γ" and number < 3):
                continue
            last = frequency
            given = [] if other is None else [Reference(float(other[number]), "reference forces (`--reference`)")]
            rows.append(Row(f"{label} {number + 1}", float(frequency), "THz", given or _listed(known, label, number, frequencies)))
    rows.append(Row("lowest frequency", found.lowest[0], "THz"))
    rows.append(Row("acoustic sum rule error", found.acoustic_sum, "eV/Å²"))
    if errors is not None:
        rows.append(Row("RMS force error on the reference", 1e3 * errors[0], "meV/Å"))
        rows.append(Row("RMS force of the reference", 1e3 * errors[1], "meV/Å"))
    warm = int(np.argmin(np.abs(found.thermal["temperatures"] - 300.0)))
    at = f"{found.thermal['temperatures'][warm]:g} K"
    rows.append(Row(f"heat capacity at {at}", float(found.thermal["heat_capacity"][warm]), "J/(K mol)"))
    rows.append(Row(f"entropy at {at}", float(found.thermal["entropy"][warm]), "J/(K mol)"))
    repeats = " x ".join(str(n) for n in found.supercell)
    notes = [
        f"{found.displaced} displaced supercells, {repeats} of the conventional cell, displacement "
        f"{found.displacement:g} Å; modes are numbered "
        "by frequency, equal ones shown once; mol: of primitive cells."
    ]
    warnings = list(doubts)
    if found.lowest[0] < -IMAGINARY:
        where = ", ".join(f"{q:.3g}" for q in found.lowest[1])
        warnings.append(
            f"imaginary modes: the lowest is {found.lowest[0]:.3g} THz at ({where}); the structure is unstable in this potential"
        )
    data = {name: value for name, value in found._asdict().items() if name != "phonopy"}
    if reference is not None:
        data["reference"] = {name: value for name, value in reference.phonons._asdict().items() if name != "phonopy"}
        data["reference_cell"] = reference.cell
    figures = {"bands": plot_phonons(found, None if reference is None else reference.phonons), "thermal": plot_thermal(found)}
    return Section("phonon", "Phonons", rows, notes, warnings, figures, data)


def _listed(known: Known, label: str, number: int, frequencies: np.ndarray) -> list[Reference]:
    """The literature's value of a mode, which may stand under another number of the same degenerate group."""
    group = [k for k, f in enumerate(frequencies) if abs(f - frequencies[number]) < DEGENERATE]
    return next((known[f"{label} {k + 1}"] for k in group if f"{label} {k + 1}" in known), [])


def convergence_section(rows: Sequence[dict[str, Any]]) -> Section:
    """Largest change from one row to the next."""
    shown = []
    for row in rows:
        name = f"{'x'.join(str(n) for n in row['supercell'])}, {row['displacement']:g} Å"
        shown.append(Row(name, float("nan") if row["change"] is None else row["change"], "THz from the row before"))
    return Section(
        "convergence", "Convergence of frequencies", shown, ["Largest change of a frequency at a labelled point."], data=list(rows)
    )


def surfaces_section(found: Sequence[Surface], known: Known) -> Section:
    """Relaxed and not."""
    rows = []
    for one in found:
        name = "surface " + "".join(str(n) for n in one.miller)
        rows.append(Row(name, J_PER_M2 * one.energy, "J/m²", known.get(name, [])))
        rows.append(Row(f"{name}, unrelaxed", J_PER_M2 * one.unrelaxed, "J/m²"))
    notes = ["Slabs of whole cells, 1 x 1 without reconstruction; of several cuts the one of lowest energy; mean of both faces."]
    return Section("surface", "Surface energies", rows, notes, data=list(found))


def vacancies_section(found: Sequence[Vacancy], known: Known) -> Section:
    """The largest supercell counts."""
    rows = [Row("vacancy", found[-1].energy, "eV", known.get("vacancy", []))]
    rows += [Row(f"{v.sites} sites", v.energy, "eV") for v in found] + [Row("unrelaxed", found[-1].unrelaxed, "eV")]
    warnings = [f"the vacancy's energy is {found[-1].energy:.3g} eV: atoms leave the crystal"] if found[-1].energy < 0 else []
    return Section("vacancy", "Vacancy", rows, ["Cell of the perfect crystal."], warnings, {"vacancy": plot_vacancies(found)}, list(found))


def stacking_fault_section(found: StackingFault, known: Known) -> Section:
    """Intrinsic and unstable."""
    unit = 1e3 * J_PER_M2
    rows = [
        Row("intrinsic stacking fault", unit * found.intrinsic, "mJ/m²", known.get("intrinsic stacking fault", [])),
        Row("unstable stacking fault", unit * found.unstable, "mJ/m²"),
    ]
    notes = [f"(111)[112], {found.layers} planes between faults, atoms relaxed along the normal."]
    warnings = ["the intrinsic fault costs less than nothing: fcc is not the ground state of this potential"] if found.intrinsic < 0 else []
    return Section("stacking-fault", "Stacking fault", rows, notes, warnings, {"stacking_fault": plot_stacking_fault(found)}, found)


def curves_section(name: str, title: str, curves: Sequence[Curve], unit: str) -> Section:
    """Minima, holes and failures."""
    rows, warnings = [], []
    for curve in curves:
        rows += [Row(f"{curve.name}: minimum", place, "Å") for place in curve.minima]
        if len(curve.minima) > 1:
            places = ", ".join(f"{place:.2f}" for place in curve.minima)
            warnings.append(f"{curve.name} has {len(curve.minima)} minima, at {places} Å: all but one may be spurious")
        if curve.collapse is not None:
            warnings.append(
                f"{curve.name} falls as atoms approach below {curve.collapse:.2f} Å: a hole, which dynamics at high energy can fall into"
            )
        if curve.failed:
            warnings.append(f"{curve.name} has no finite energy at {len(curve.failed)} distances, the largest {max(curve.failed):.2f} Å")
    return Section(name, title, rows, [], warnings, {name.replace("-", "_"): plot_curves(curves, title, unit)}, list(curves))


def dynamics_section(drifts: Sequence[Drift], baths: Sequence[Bath], motion: Motion | None, temperature: float) -> Section:
    """Drift, stability and transport."""
    rows, warnings = [], []
    for run in drifts:
        rows.append(Row(f"drift at {run.timestep:g} fs", 1e3 * run.drift, "meV/(atom ns)"))
        rows.append(Row(f"RMS fluctuation at {run.timestep:g} fs", 1e3 * run.fluctuation, "meV/atom"))
        if not run.stable:
            warnings.append(f"the run at constant energy with {run.timestep:g} fs exploded")
    for bath in baths:
        rows.append(Row(f"mean temperature, {bath.ensemble}", bath.mean_temperature, "K"))
        if not bath.stable:
            warnings.append(f"the {bath.ensemble} run at {temperature:g} K exploded after {len(bath.times)} samples")
        elif bath.ensemble == "npt":
            rows.append(Row("mean volume, npt", float(bath.volumes[len(bath.volumes) // 2 :].mean()), "Å³/atom"))
    figures = {"drift": plot_drift(drifts)}
    if motion is not None:
        rows.append(Row("diffusion coefficient", 0.1 * motion.diffusion, "cm²/s"))
        rows.append(Row("mean square displacement, end", float(motion.displacement[1][-1]), "Å²"))
        figures["motion"] = plot_motion(motion, baths)
    notes = ["Drift: slope of a straight line through the total energy; of a slow drift a run sees no less than its fluctuation."]
    if motion is not None and motion.diffusion <= 0.0:
        notes.append("A diffusion coefficient of 0 or less: within this run atoms swing about their places and do not diffuse.")
    data = {"drift": list(drifts), "baths": list(baths)}
    if motion is not None:
        data["motion"] = {name: value for name, value in motion._asdict().items() if name != "trajectory"}
    return Section("md", "Molecular dynamics", rows, notes, warnings, figures, data)


def quasi_harmonic_section(found: QuasiHarmonic) -> Section:
    """At room temperature, and against temperature."""
    k = int(np.argmin(np.abs(found.temperatures - 300.0)))
    at = f"{found.temperatures[k]:g} K"
    rows = [
        Row(f"volume at {at}", float(found.volume[k]), "Å³/atom"),
        Row(f"thermal expansion (volume) at {at}", 1e6 * float(found.expansion[k]), "10⁻⁶/K"),
        Row(f"bulk modulus at {at}", float(found.bulk_modulus[k]) / units.GPa, "GPa"),
        Row(f"heat capacity, constant pressure, at {at}", float(found.heat_capacity[k]), "J/(K mol)"),
        Row("volume at 0 K, with zero-point motion", float(found.volume[0]), "Å³/atom"),
    ]
    notes = [f"Quasi-harmonic, phonons at {len(found.volumes)} volumes, Birch-Murnaghan; mol: of atoms."]
    return Section("qha", "Quasi-harmonic properties", rows, notes, figures={"qha": plot_quasi_harmonic(found)}, data=found)


def conductivity_section(found: Conductivity) -> Section:
    """Mean of the axes at each temperature."""
    rows = [Row(f"conductivity at {t:g} K", float(k[:3].mean()), "W/(m K)") for t, k in zip(found.temperatures, found.tensor, strict=True)]
    mesh = " x ".join(str(n) for n in found.mesh)
    notes = [
        f"Relaxation-time approximation, {mesh} wave vectors, {found.displaced} displaced supercells; natural isotopes are not counted."
    ]
    figures = {"conductivity": plot_conductivity(found.temperatures, found.tensor)}
    return Section("thermal-conductivity", "Lattice thermal conductivity", rows, notes, figures=figures, data=found)


def heat_flux_section(found: HeatFlux) -> Section:
    """Errors of both forms."""
    rows = [
        Row("error of the flux, centroid/stress/atom", found.centroid_error, "relative"),
        Row("error of the flux, stress/atom", found.shared_error, "relative"),
        Row("sum of per-atom virials against the total", found.virial_error, "relative"),
    ]
    notes = [f"An isolated hot cluster of {found.atoms} atoms in LAMMPS; the flux by central differences of sum r_i e_i is the standard."]
    warnings = [] if found.right else ["per-atom virials do not give the heat flux: Green-Kubo conductivities from them would be wrong"]
    return Section("heat-flux", "Inputs of the Green-Kubo formula", rows, notes, warnings, data=found)
