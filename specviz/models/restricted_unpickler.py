"""An unpickler that knows how to rebuild tensors and plain containers, and nothing else.

A pickle is a program. A class or function that is not in the table of :func:`_allowed` is never imported or called: its
place is taken by an inert :class:`ForeignObject`. Names that can only mean harm make the whole file refused.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType, SimpleNamespace
from typing import Any

from specviz.errors import CheckpointError

#: What has no business in weights: a file that names one of these is refused, rather than opened with it disarmed.
#: ("commands" and "__builtin__" are what subprocess and builtins are called in pickles of protocol 2.)
_HOSTILE = frozenset(
    (
        "os",
        "posix",
        "nt",
        "subprocess",
        "commands",
        "sys",
        "shutil",
        "socket",
        "importlib",
        "runpy",
        "pty",
        "code",
        "ctypes",
        "pip",
        "tempfile",
        "webbrowser",
        "urllib",
        "http",
        "ftplib",
        "marshal",
    )
)
_HOSTILE_BUILTINS = frozenset(
    ("eval", "exec", "compile", "open", "open_code", "FileIO", "__import__", "breakpoint", "input")
)
_WITH_OPEN = frozenset(("builtins", "__builtin__", "io", "_io", "_pyio", "codecs"))


class ForeignObject:
    """Stands where a checkpoint held an object of a class we do not import: it keeps the data and does nothing.

    Attributes
    ----------
    name : str
        The class it stands for.
    args : tuple
        What the class was called with.
    state : object
        What the object was to be restored from.
    entries : dict
        Its content, if it was a kind of dictionary.
    elements : list
        Its content, if it was a kind of list or set.
    """

    name = "unknown"
    args: tuple[Any, ...]
    state: Any
    entries: dict[Any, Any]
    elements: list[Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> ForeignObject:
        self = super().__new__(cls)
        self.args, self.state = args, None
        self.entries, self.elements = {}, []
        return self

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Whatever it is called with is kept by ``__new__``."""

    def __call__(self, *args: Any, **kwargs: Any) -> ForeignObject:
        """What a foreign function would have returned: another inert object."""
        return ForeignObject(*args)

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.entries[key] = value

    def append(self, value: Any) -> None:
        """As a list."""
        self.elements.append(value)

    def extend(self, values: Any) -> None:
        """As a list."""
        self.elements.extend(values)

    def add(self, value: Any) -> None:
        """As a set."""
        self.elements.append(value)

    def __repr__(self) -> str:
        return f"<foreign {self.name}>"


def restricted_pickle(record_sizes: Mapping[str, int]) -> Any:
    """A ``pickle_module`` for ``torch.load``: our unpickler, told the bytes of each tensor record by its key."""
    unpickler = type("Unpickler", (_RestrictedUnpickler,), {"record_sizes": record_sizes})
    # torch.load asks for these names only; it calls ``load`` for the layouts before torch 1.6, which are refused.
    return SimpleNamespace(Unpickler=unpickler, load=_refuse_bare_pickle, __name__="restricted")


class _RestrictedUnpickler(pickle.Unpickler):
    """Resolves the names in the table of :func:`_allowed`; gives a class of ForeignObject for every other name."""

    record_sizes: Mapping[str, int] = MappingProxyType({})

    def find_class(self, module: str, name: str) -> Any:
        found = _allowed().get((module, name))
        if found is not None:
            return found
        root = module.partition(".")[0]
        if root in _HOSTILE or (root in _WITH_OPEN and name in _HOSTILE_BUILTINS):
            raise _refusal(f"{module}.{name}")
        if root == "pathlib" and "." in name:  # a path is data, what it can do is not: Path.write_text
            raise _refusal(f"{module}.{name}")
        if name == "getattr" and root in ("builtins", "__builtin__"):
            return _Call(_method)
        return type("ForeignObject", (ForeignObject,), {"name": f"{module}.{name}"})

    def __setattr__(self, attribute: str, value: Any) -> None:
        """torch hands us its loader of storages by assignment; it believes the sizes it is told, so we check them."""
        super().__setattr__(attribute, self._checked(value) if attribute == "persistent_load" else value)

    def _checked(self, load: Callable[[Any], Any]) -> Callable[[Any], Any]:
        sizes = self.record_sizes

        def persistent_load(saved: Any) -> Any:
            _, storage_type, key, _, count = saved
            if not 0 <= count * storage_type.dtype.itemsize <= sizes[key]:
                raise CheckpointError(
                    "A tensor in this file claims more data than there is", remedy="Download it again"
                )
            return load(saved)

        return persistent_load


class _Call:
    """A function that a pickle may call and not alter (the BUILD opcode can set attributes of a bare function)."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setstate__(self, state: Any) -> None:
        raise CheckpointError("This file tries to alter the program: it was not opened", remedy="Do not use it")


@lru_cache(maxsize=1)
def _allowed() -> Mapping[tuple[str, str], Any]:
    """What a pickle may name. Looked up in this table, so that no name in a file makes an import."""
    import torch

    table: dict[tuple[str, str], Any] = {
        ("torch", name): value for name in dir(torch) if isinstance(value := getattr(torch, name), torch.dtype)
    }
    table["torch._utils", "_rebuild_tensor_v2"] = _Call(_rebuild_tensor)
    table["torch._utils", "_rebuild_parameter"] = _Call(torch._utils._rebuild_parameter)
    table["torch", "Size"] = torch.Size
    table["torch", "device"] = torch.device
    table["collections", "OrderedDict"] = OrderedDict
    for module in ("builtins", "__builtin__"):
        table.update({(module, kind.__name__): kind for kind in (set, frozenset, slice, complex)})
    return table


def _rebuild_tensor(storage: Any, offset: int, size: Any, stride: Any, *rest: Any) -> Any:
    """torch's rebuild of a tensor that lies inside its storage; torch itself would let the storage grow to any size."""
    import torch

    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    available = storage._untyped_storage.nbytes() // storage.dtype.itemsize
    if min((offset, *size, *stride)) < 0 or (0 not in tuple(size) and last >= available):
        raise CheckpointError("A tensor in this file reaches beyond its data", remedy="Download it again")
    return torch._utils._rebuild_tensor_v2(storage, offset, size, stride, *rest)


def _method(owner: Any, name: Any, *_: Any) -> ForeignObject:
    """A method, as pickles name it: inert like everything foreign; those of a path could only read or write files."""
    of = getattr(owner, "name", "") if isinstance(owner, ForeignObject | type) else ""
    if str(of).partition(".")[0] in (*_HOSTILE, "pathlib"):
        raise _refusal(f"{of}.{name}")
    return ForeignObject(owner, name)


def _refusal(what: str) -> CheckpointError:
    return CheckpointError(
        f"This file asks to run {what}: it was not opened",
        expected="weights and plain numbers",
        remedy="Do not use it, and tell whoever sent it",
    )


def _refuse_bare_pickle(*_: Any, **__: Any) -> Any:
    raise CheckpointError("This is a bare pickle", expected="a checkpoint in the zip layout of torch.save")
