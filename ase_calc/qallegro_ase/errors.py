"""Errors a user can cause, each a kind of ASE's own, so that scripts written for any calculator catch them."""

from ase.calculators.calculator import CalculationFailed, CalculatorSetupError, InputError, PropertyNotImplementedError


class SetupError(CalculatorSetupError):
    """The model file or an option of the calculator is wrong."""


class StructureError(InputError):
    """The atoms are not ones that this model can be evaluated on."""


class EvaluationError(CalculationFailed):
    """The engine failed, or the model returned no finite number."""


class NoStressError(PropertyNotImplementedError):
    """A stress was asked for a structure without a volume."""


class ExtrapolationError(CalculationFailed):
    """The structure lies outside of what the model was trained on."""


class ExtrapolationWarning(UserWarning):
    """The structure lies outside of what the model was trained on."""
