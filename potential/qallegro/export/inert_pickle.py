"""Read the pickles of torch's zip archives without running anything: foreign classes become inert records, tensors are rebuilt here.

A pickle may name any callable and have it called. Here the only names with a meaning are containers and torch's two tensor rebuilders;
every other name becomes a class whose instances keep what they are given and do nothing (layout: `torch.save` and `torch.package`).
"""

import io
import math
import pickle
import pickletools
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from qallegro.errors import ModelError

#: larger pickles are refused; those of models hold names and shapes alone and stay below some MB
MAX_PICKLE_BYTES = 256 * 2**20

_DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class Inert:
    """An object of a foreign class: what a pickle said of it, without behaviour."""

    origin = ""  #: "module.name" of the foreign class

    def __new__(cls, *args: Any, **kwargs: Any) -> "Inert":
        self = object.__new__(cls)
        self.args, self.state = args, {}
        return self

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __call__(self, *args: Any) -> "Inert":
        return Inert(*args)

    # A pickle fills lists, dictionaries and sets that it has built; foreign ones keep nothing.
    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        pass

    def extend(self, values: Any) -> None:
        pass

    def add(self, value: Any) -> None:
        pass


class _Dict(dict):
    """A dictionary that ignores attributes, which torch sets on state dictionaries."""

    def __setstate__(self, state: Any) -> None:
        pass


class _Callable:
    """One of our own functions, as a pickle may call it; its state cannot be set from the pickle."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a function has no state")


class _Storage(NamedTuple):
    dtype: torch.dtype
    member: str
    count: int


def read_pickle(archive: zipfile.ZipFile, member: str, storage_member: Callable[[str], str]) -> Any:
    """The object pickled in a member of a torch archive.

    Args:
        archive: open zip file.
        member: its name, such as "archive/data.pkl".
        storage_member: from the key of a storage to the member that holds its bytes.

    Raises:
        ModelError: the pickle is damaged, not one that torch writes, or a tensor does not fit its storage.
    """
    try:
        if archive.getinfo(member).file_size > MAX_PICKLE_BYTES:
            raise pickle.UnpicklingError(f"pickle must hold at most {MAX_PICKLE_BYTES} bytes, got {archive.getinfo(member).file_size}")
        data = archive.read(member)
        _check_opcodes(data)
        return _Unpickler(data, archive, storage_member).load()
    except (pickle.UnpicklingError, KeyError, TypeError, ValueError, AttributeError, IndexError, EOFError, RuntimeError,
            OverflowError, struct.error, zlib.error, zipfile.BadZipFile, OSError) as error:  # fmt: skip
        raise ModelError(f"`{member}` must be a whole pickle as torch writes it, got one that cannot be read: {error}") from error


def _check_opcodes(data: bytes) -> None:
    """Refuse what torch never writes, and memory indices that would make the unpickler reserve more memory than the file can fill."""
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name.startswith("EXT") or opcode.name in ("INST", "OBJ", "NEXT_BUFFER", "READONLY_BUFFER"):
            raise pickle.UnpicklingError(f"operation {opcode.name} is not one that torch writes")
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument) > len(data):
            raise pickle.UnpicklingError(f"memo index must not exceed the size of the pickle, got {argument}")


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, archive: zipfile.ZipFile, storage_member: Callable[[str], str]) -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8")
        self._archive, self._storage_member = archive, storage_member
        self._bytes: dict[str, bytearray] = {}
        self._classes: dict[str, Any] = {
            "collections.OrderedDict": _Callable(_Dict),
            "builtins.set": _Callable(_plain_set),
            "builtins.list": _Callable(list),
            "builtins.dict": _Callable(dict),
            "torch.Size": _Callable(tuple),
            "torch._utils._rebuild_tensor_v2": _Callable(self._rebuild_tensor),
            "torch._utils._rebuild_parameter": _Callable(_rebuild_parameter),
        }

    def find_class(self, module: str, name: str) -> Any:
        origin = f"{module}.{name}"
        if origin not in self._classes:
            self._classes[origin] = type("Inert", (Inert,), {"origin": origin})
        return self._classes[origin]

    def persistent_load(self, pid: Any) -> Any:
        if not isinstance(pid, tuple) or len(pid) != 5 or pid[0] != "storage":
            return Inert()
        _, kind, key, _, count = pid
        dtype = _DTYPES.get(getattr(kind, "origin", "").removeprefix("torch."))
        if dtype is None:
            return Inert()
        if not isinstance(key, (str, int)) or type(count) is not int or count < 0:
            raise pickle.UnpicklingError(f"a storage must have a name and a size, got {key!r}, {count!r}")
        return _Storage(dtype, self._storage_member(str(key)), count)

    def _rebuild_tensor(self, storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> Any:
        """A tensor over the bytes of its storage; (offset, size, stride) count elements and are checked against it."""
        if not isinstance(storage, _Storage):
            return Inert()
        numbers = (offset, *size, *stride)
        if len(size) != len(stride) or any(type(n) is not int or n < 0 for n in numbers):
            raise pickle.UnpicklingError(f"a tensor must have an offset, a shape and strides of integers, got {numbers}")
        elements = math.prod(size)
        if elements == 0:
            return torch.empty(size, dtype=storage.dtype)
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if last >= storage.count:
            raise pickle.UnpicklingError(f"a tensor must lie within its storage of {storage.count} elements, got index {last}")
        if elements > storage.count:  # an expanded view; no weight is one, and a copy could be of any size
            return Inert()
        flat = torch.frombuffer(self._read(storage), dtype=storage.dtype)
        return flat.as_strided(size, stride, offset).clone(memory_format=torch.contiguous_format)

    def _read(self, storage: _Storage) -> bytearray:
        if storage.member not in self._bytes:
            expected, info = storage.count * storage.dtype.itemsize, self._archive.getinfo(storage.member)
            if info.compress_type != zipfile.ZIP_STORED:
                raise pickle.UnpicklingError(f"`{storage.member}` must be stored as it is, got a compressed member")
            if expected != info.file_size:
                raise pickle.UnpicklingError(f"`{storage.member}` must hold {expected} bytes, got {info.file_size}")
            self._bytes[storage.member] = bytearray(self._archive.read(storage.member))
        return self._bytes[storage.member]


def _plain_set(values: Any = ()) -> set[Any]:
    return {value for value in values if isinstance(value, (str, int))}


def _rebuild_parameter(data: Any, *_: Any) -> Any:
    return data.detach() if isinstance(data, Tensor) else data
