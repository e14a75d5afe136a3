"""Weights on disk: foreign checkpoints through a restricted unpickler, our own as safetensors with SHA-256.

A pickle is a program. The unpickler here knows how to rebuild tensors and plain containers, nothing else: a class or
function that is not on its list is never imported or called, its place is taken by an inert :class:`ForeignObject`.
So a Lightning checkpoint with pickled modules among its hyper-parameters opens without Lightning and without the
package that wrote it.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from specviz.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

#: What has no business in weights: a file that names one of these is refused, rather than opened with it disarmed.
_HOSTILE = frozenset(
    ("os", "posix", "nt", "subprocess", "sys", "shutil", "socket", "importlib", "runpy", "pty", "code", "ctypes", "pip")
)
_HOSTILE_BUILTINS = frozenset(("eval", "exec", "compile", "open", "__import__", "breakpoint", "input"))

#: torch saves tensors uncompressed; an archive that unpacks to much more than its own size is a bomb.
_MAX_INFLATION = 4
_SLACK_BYTES = 1 << 20


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


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Content of a file that ``torch.save`` or Lightning wrote, on the CPU, without running anything in it.

    Parameters
    ----------
    path : path
        A ``.ckpt`` or ``.pt`` in the zip layout (torch >= 1.6).

    Returns
    -------
    dict
        As saved; objects of foreign classes are :class:`ForeignObject`.

    Raises
    ------
    CheckpointError
        If the file is absent, damaged, of another format, holds no dictionary, or asks to run something.
    """
    import torch

    path = Path(path)
    sizes = _record_sizes(path)
    # torch.load asks its pickle_module for these names only.
    unpickler = type("Unpickler", (_RestrictedUnpickler,), {"record_sizes": sizes})
    restricted = SimpleNamespace(Unpickler=unpickler, load=_refuse_bare_pickle, __name__="restricted")
    try:
        content = torch.load(path, map_location="cpu", weights_only=False, pickle_module=restricted)
    except CheckpointError:
        raise
    except MemoryError as error:
        raise CheckpointError(f"{path.name} does not fit in memory") from error
    except Exception as error:  # a damaged pickle fails in any way, and all mean the same to the person
        raise CheckpointError(
            f"{path.name} is damaged ({type(error).__name__})",
            expected="a checkpoint written by torch.save or Lightning",
            remedy="Download it again",
        ) from error
    if isinstance(content, ForeignObject) or not isinstance(content, dict):
        kind = content.name if isinstance(content, ForeignObject) else type(content).__name__
        raise CheckpointError(f"{path.name} holds a {kind}", expected="a dictionary with a state_dict inside")
    return content


def save_weights(path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> str:
    """Write tensors as safetensors, whole or not at all, and return the SHA-256 of the file.

    ``metadata`` is text by name, kept in the file's header; tensors are moved to the CPU and made contiguous.
    """
    from safetensors.torch import save

    path = Path(path)
    content = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    data = save(content, metadata={str(k): str(v) for k, v in (metadata or {}).items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return hashlib.sha256(data).hexdigest()


def load_weights(path: str | Path, expected_sha256: str | None = None) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file, on the CPU.

    Raises
    ------
    CheckpointError
        If the file is absent, is no safetensors file, or its SHA-256 is not ``expected_sha256``.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if expected_sha256 is not None:
        found = sha256_of(path)
        if found != expected_sha256.lower():
            raise CheckpointError(
                f"{path.name} is not the file it should be (SHA-256 {found[:12]}...)",
                expected=f"SHA-256 {expected_sha256[:12]}...",
                remedy="Install or download the weights again",
            )
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}", remedy="Check the path")
    try:
        with safe_open(path, framework="pt", device="cpu") as stream:
            names = list(stream.keys())
            return {name: stream.get_tensor(name) for name in names}, dict(stream.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path.name} is not a sound safetensors file", expected="weights written by specviz", remedy="Get it again"
        ) from error


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror})", remedy="Check the path") from error


class _RestrictedUnpickler(pickle.Unpickler):
    """Resolves the names in the table of :func:`_allowed`; gives a class of ForeignObject for every other name."""

    record_sizes: Mapping[str, int] = MappingProxyType({})

    def find_class(self, module: str, name: str) -> Any:
        found = _allowed().get((module, name))
        if found is not None:
            return found
        root = module.partition(".")[0]
        if root in _HOSTILE or (root in ("builtins", "__builtin__") and name in _HOSTILE_BUILTINS):
            raise CheckpointError(
                f"This file asks to run {module}.{name}: it was not opened",
                expected="weights and plain numbers",
                remedy="Do not use it, and tell whoever sent it",
            )
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
    for module in ("builtins", "__builtin__"):  # pickle protocols before 3 say it the second way
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


def _refuse_bare_pickle(*_: Any, **__: Any) -> Any:
    raise CheckpointError("This is a bare pickle", expected="a checkpoint in the zip layout of torch.save")


def _record_sizes(path: Path) -> dict[str, int]:
    """Bytes of each tensor record, by its key in the archive.

    Refuses what is no checkpoint before torch sees it: other formats, TorchScript programs, archives that swell.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}", remedy="Check the path")
    expected = "a checkpoint in the zip layout of torch.save (torch 1.6 or later)"
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise CheckpointError(
            f"{path.name} is no checkpoint, or a damaged one", expected=expected, remedy="Download it again"
        ) from error
    names = {entry.filename.rpartition("/")[2] for entry in entries}
    if "constants.pkl" in names or "data.pkl" not in names:
        raise CheckpointError(f"{path.name} is an archive, but not of weights", expected=expected)
    if sum(entry.file_size for entry in entries) > _MAX_INFLATION * path.stat().st_size + _SLACK_BYTES:
        raise CheckpointError(f"{path.name} unpacks to far more than its size", expected=expected)
    return {e.filename.rpartition("/data/")[2]: e.file_size for e in entries if "/data/" in e.filename}
