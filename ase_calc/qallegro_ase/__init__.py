"""Run exported Allegro potentials in ASE; the LAMMPS plugin lives in this package too.

LAMMPS imports the package at each start to find the plugin, so that ASE, numpy and the runtime are imported on first use only.
"""

from importlib import import_module

_SUBJECTS = {
    "QAllegroCalculator": "calculator",
    "SetupError": "errors",
    "StructureError": "errors",
    "EvaluationError": "errors",
    "NoStressError": "errors",
    "ExtrapolationError": "errors",
    "ExtrapolationWarning": "errors",
    "LatencyWarning": "latency",
}

__all__ = list(_SUBJECTS)


def __getattr__(name: str):
    if name in _SUBJECTS:
        return getattr(import_module(f"{__name__}.{_SUBJECTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
