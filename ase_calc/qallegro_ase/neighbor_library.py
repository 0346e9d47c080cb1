"""Where the neighbor list comes from: vesin, without the torch that it would import."""

import builtins
import functools
import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType

#: vesin imports these if they are installed, to accept their arrays. We hand it numpy arrays, and torch takes seconds to start.
OPTIONAL_IMPORTS = ("torch", "cupy")


@functools.cache
def neighbor_list_class() -> type:
    """The class `vesin.NeighborList`, made without importing torch."""
    if "vesin" not in sys.modules and "torch" not in sys.modules:
        spec = _private_spec()
        if spec is not None:
            return _load(spec).NeighborList
    from vesin import NeighborList

    return NeighborList


def _private_spec():
    """vesin's module `_neighbors` under a name of ours, so that the program's own `import vesin` is not affected; None if it has gone."""
    vesin = find_spec("vesin")
    if vesin is None:
        return None
    package = ModuleType(f"{__package__}._vesin")
    package.__path__ = vesin.submodule_search_locations
    sys.modules[package.__name__] = package
    return find_spec(f"{package.__name__}._neighbors")


def _load(spec) -> ModuleType:
    module = module_from_spec(spec)
    # An import statement calls the `__import__` that its module sees, so that the optional imports fail in this module alone.
    module.__dict__["__builtins__"] = vars(builtins) | {"__import__": _import_required}
    spec.loader.exec_module(module)
    return module


def _import_required(name, globals=None, locals=None, fromlist=(), level=0):
    if level == 0 and name.partition(".")[0] in OPTIONAL_IMPORTS:
        raise ImportError(f"{name} is left out on purpose")
    return builtins.__import__(name, globals, locals, fromlist, level)
