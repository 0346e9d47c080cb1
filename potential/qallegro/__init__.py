"""qallegro: train, export and run Allegro interatomic potentials."""

from importlib import import_module

__version__ = "0.1.0"
__all__ = ["QAllegroCalculator", "__version__"]

# Imported on first use, so that `import qallegro` starts neither torch nor ASE.
_lazy = {"QAllegroCalculator": "qallegro_ase"}


def __getattr__(name: str):
    if name in _lazy:
        return getattr(import_module(_lazy[name]), name)
    raise AttributeError(f"module 'qallegro' has no attribute {name!r}")
