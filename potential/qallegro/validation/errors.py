"""Errors of workflows that are not those of a configuration."""

from qallegro.errors import QAllegroError


class StructureError(QAllegroError):
    """A workflow cannot be run on this structure."""


class UnstableError(QAllegroError):
    """The potential does not hold the structure that a workflow needs."""


class MissingPackageError(QAllegroError):
    """A workflow needs a package that is not installed."""


class LammpsError(QAllegroError):
    """LAMMPS is missing or stopped."""
