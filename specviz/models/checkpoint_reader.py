"""Weights on disk: foreign checkpoints through a restricted unpickler, our own as safetensors with SHA-256.

A Lightning checkpoint with pickled modules among its hyper-parameters opens without Lightning and without the package
that wrote it: see :mod:`specviz.models.restricted_unpickler`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specviz.errors import CheckpointError
from specviz.models.restricted_unpickler import ForeignObject, restricted_pickle

if TYPE_CHECKING:
    from torch import Tensor

#: torch saves tensors uncompressed; an archive that unpacks to much more than its own size is a bomb.
_MAX_INFLATION = 4
_SLACK_BYTES = 1 << 20


def read_checkpoint(path: str | Path, *, mapped: bool = False) -> dict[str, Any]:
    """Content of a file that ``torch.save`` or Lightning wrote, on the CPU, without running anything in it.

    Parameters
    ----------
    path : path
        A ``.ckpt`` or ``.pt`` in the zip layout (torch >= 1.6).
    mapped : bool
        Leave the tensors in the file and read them where they are looked at: what is not needed (the moments of the
        optimiser are two thirds of a Lightning file) takes no memory. The file must stay as it is meanwhile.

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
    sizes = _record_sizes(path, mapped)
    restricted = restricted_pickle(sizes)
    try:
        content = torch.load(path, map_location="cpu", weights_only=False, pickle_module=restricted, mmap=mapped)
    except CheckpointError as error:  # from the restricted unpickler, which does not know the file's name
        raise CheckpointError(f"{path.name}: {error.what}", expected=error.expected, remedy=error.remedy) from error
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

    ``metadata`` is text by name, kept in the file's header. One tensor at a time is moved to the CPU and made
    contiguous, so writing takes no memory beside what is there. The same content gives the same bytes (the library's
    own writer puts metadata in random order): tensors lie by the size of their element, widest first, then by name.
    """
    path = Path(path)
    names = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header: dict[str, Any] = {}
    if metadata is not None and metadata:
        header["__metadata__"] = dict(sorted((str(k), str(v)) for k, v in metadata.items()))
    end = 0
    for name in names:
        tensor, start = tensors[name], end
        end += tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _dtype_name(tensor), "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    except OSError as error:
        raise CheckpointError(f"{path} cannot be written ({error.strerror})", remedy="Choose another folder") from error
    digest = hashlib.sha256()
    try:
        with os.fdopen(handle, "wb") as stream:
            for piece in _pieces(text, [tensors[name] for name in names]):
                stream.write(piece)
                digest.update(piece)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        what = f"{path} cannot be written ({error.strerror})"
        raise CheckpointError(what, remedy="Make room, or choose another folder") from error
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return digest.hexdigest()


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


def load_described(
    path: str | Path, layout: str, parts: Sequence[str], sha256: str | None = None
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors of a file of ours, and the ``parts`` of its description, which are JSON in its header.

    Raises
    ------
    CheckpointError
        If the file is damaged, is not the one that ``sha256`` names, has another ``format`` than ``layout``, or lacks
        a part.
    """
    tensors, metadata = load_weights(path, sha256)
    name = Path(path).name
    if metadata.get("format") != layout:
        raise CheckpointError(f"{name} has the format {metadata.get('format', 'unknown')!r}", expected=layout)
    try:
        return tensors, {part: json.loads(metadata[part]) for part in parts}
    except (KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{name} lacks the description of its model", expected=layout) from error


def weights_format(path: str | Path) -> str:
    """What a safetensors file says it is (``format`` of its header), "" where it says nothing.

    Raises
    ------
    CheckpointError
        If it is no safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as stream:
            return str((stream.metadata() or {}).get("format", ""))
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{Path(path).name} is not a sound safetensors file",
            expected="weights written by specviz",
            remedy="Get it again",
        ) from error


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror})", remedy="Check the path") from error


def _pieces(header: bytes, tensors: list[Tensor]) -> Iterator[bytes | memoryview]:
    """The bytes of a safetensors file, one tensor at a time."""
    yield len(header).to_bytes(8, "little")
    yield header
    for tensor in tensors:
        yield _raw(tensor)


def _raw(tensor: Tensor) -> memoryview:
    """The bytes of a tensor, little-endian as on every machine that torch supports."""
    import torch

    flat = tensor.detach().cpu().contiguous().reshape(-1)
    data: memoryview = flat.view(torch.uint8).numpy().data
    return data


def _dtype_name(tensor: Tensor) -> str:
    """What safetensors calls the type of a tensor."""
    import torch

    names = {
        torch.float64: "F64",
        torch.float32: "F32",
        torch.float16: "F16",
        torch.bfloat16: "BF16",
        torch.int64: "I64",
        torch.int32: "I32",
        torch.int16: "I16",
        torch.int8: "I8",
        torch.uint8: "U8",
        torch.bool: "BOOL",
    }
    if tensor.dtype not in names:
        raise CheckpointError(f"Weights of type {tensor.dtype} cannot be kept", expected="real numbers or integers")
    return names[tensor.dtype]


def _record_sizes(path: Path, mapped: bool) -> dict[str, int]:
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
    if mapped and any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise CheckpointError(f"{path.name} is compressed, as torch.save never writes it", expected=expected)
    return {e.filename.rpartition("/data/")[2]: e.file_size for e in entries if "/data/" in e.filename}
