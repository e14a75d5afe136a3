"""Weights on disk: foreign checkpoints through a restricted unpickler, our own as safetensors with SHA-256.

A pickle is a program. The unpickler here knows how to rebuild tensors and plain containers, nothing else: a class or function
that is not on its list is never imported or called, its place is taken by an inert :class:`ForeignObject`. So a Lightning
checkpoint with pickled modules among its hyper-parameters opens without Lightning and without the package that wrote it.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from specviz.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

#: Modules and builtins that have no business in weights: a file that names one is refused, rather than opened with it disarmed.
_HOSTILE_MODULES = frozenset(
    "os posix nt subprocess sys shutil socket importlib runpy pty code ctypes webbrowser multiprocessing asyncio pathlib "
    "tempfile urllib http ftplib platform signal threading pickle _pickle marshal timeit pdb pip".split()
)
_HOSTILE_BUILTINS = frozenset("eval exec compile open __import__ breakpoint input getattr setattr delattr globals vars".split())

#: torch saves tensors uncompressed; an archive that unpacks to much more than its own size is a bomb.
_MAX_INFLATION = 4
_SLACK_BYTES = 1 << 20


class ForeignObject:
    """Stands where a checkpoint held an object of a class we do not import: it keeps the data and does nothing.

    ``name`` is the class, ``args`` what it was called with, ``state`` what it was restored from, ``items`` its content if it
    was a dictionary, ``elements`` if it was a list or a set.
    """

    name = "unknown"

    def __new__(cls, *args: Any, **kwargs: Any) -> ForeignObject:
        self = super().__new__(cls)
        self.args, self.state = args, None
        self.items, self.elements = {}, []
        return self

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Whatever it is called with is kept by ``__new__``."""

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items[key] = value

    def append(self, value: Any) -> None:
        self.elements.append(value)

    def extend(self, values: Any) -> None:
        self.elements.extend(values)

    def add(self, value: Any) -> None:
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
    _check_archive(path)
    # torch.load asks its pickle_module for these two names only.
    restricted = SimpleNamespace(Unpickler=_RestrictedUnpickler, load=_refuse_bare_pickle, __name__="restricted")
    try:
        content = torch.load(path, map_location="cpu", weights_only=False, pickle_module=restricted)
    except CheckpointError:
        raise
    except MemoryError as error:
        raise CheckpointError(f"{path.name} does not fit in memory") from error
    except Exception as error:  # a damaged pickle can fail in any way; every way means the same to the person
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
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
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
            return {name: stream.get_tensor(name) for name in stream.keys()}, dict(stream.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path.name} is not a sound safetensors file", expected="weights written by specviz", remedy="Get it again"
        ) from error


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror})", remedy="Check the path") from error


class _RestrictedUnpickler(pickle.Unpickler):
    """Resolves the names on the list of :func:`_allowed`; gives a ForeignObject class for every other name."""

    def find_class(self, module: str, name: str) -> Any:
        found = _allowed().get((module, name))
        if found is not None:
            return found
        root = module.partition(".")[0]
        hostile = root in _HOSTILE_MODULES or (root in ("builtins", "__builtin__") and name in _HOSTILE_BUILTINS)
        if hostile:
            raise CheckpointError(
                f"This file asks to run {module}.{name}: it was not opened",
                expected="weights and plain numbers",
                remedy="Do not use it, and tell whoever sent it",
            )
        return type("ForeignObject", (ForeignObject,), {"name": f"{module}.{name}"})


_ALLOWED: dict[tuple[str, str], Any] = {}


def _allowed() -> Mapping[tuple[str, str], Any]:
    """What a pickle may name. Looked up in this table, so that no name in a file makes an import."""
    if not _ALLOWED:
        import torch

        dtypes = {("torch", n): v for n in dir(torch) if isinstance(v := getattr(torch, n), torch.dtype)}
        _ALLOWED.update(dtypes)
        _ALLOWED.update(
            {
                ("torch._utils", "_rebuild_tensor_v2"): _bounded(torch._utils._rebuild_tensor_v2),
                ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
                ("torch", "Size"): torch.Size,
                ("torch", "device"): torch.device,
                ("collections", "OrderedDict"): OrderedDict,
            }
        )
        for module in ("builtins", "__builtin__"):  # the second is the name of the first in pickle protocols before 3
            _ALLOWED.update({(module, t.__name__): t for t in (set, frozenset, slice, complex)})
    return _ALLOWED


def _bounded(rebuild: Callable[..., Any]) -> Callable[..., Any]:
    """``rebuild`` for tensors that lie inside their storage; torch would otherwise grow the storage to any size asked for."""

    def rebuild_bounded(storage: Any, offset: int, size: Any, stride: Any, *rest: Any) -> Any:
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        available = storage._untyped_storage.nbytes() // storage.dtype.itemsize
        if min((offset, *size, *stride), default=0) < 0 or (0 not in tuple(size) and last >= available):
            raise CheckpointError("A tensor in this file reaches beyond its data", remedy="Download it again")
        return rebuild(storage, offset, size, stride, *rest)

    return rebuild_bounded


def _refuse_bare_pickle(*_: Any, **__: Any) -> Any:
    raise CheckpointError("This is a bare pickle", expected="a checkpoint in the zip layout of torch.save")


def _check_archive(path: Path) -> None:
    """Refuse what is no checkpoint before torch sees it: other formats, TorchScript programs, archives that swell."""
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
