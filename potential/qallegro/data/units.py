"""Factors from the units of a data file to eV and Å (CODATA 2014, as in `ase.units`)."""

from ase import units

#: name -> value in eV
ENERGY = {
    "eV": 1.0,
    "meV": 1e-3,
    "kcal/mol": units.kcal / units.mol,
    "kJ/mol": units.kJ / units.mol,
    "Hartree": units.Hartree,
    "Rydberg": units.Rydberg,
}

#: name -> value in Å
LENGTH = {"angstrom": 1.0, "bohr": units.Bohr, "nm": 10.0}

#: name -> value in eV/Å^3
PRESSURE = {"eV/angstrom^3": 1.0, "GPa": units.GPa, "kbar": 0.1 * units.GPa, "bar": 1e-4 * units.GPa}

#: one eV/Å^3 in GPa, for printing
EV_PER_A3_IN_GPA = 1.0 / units.GPa
