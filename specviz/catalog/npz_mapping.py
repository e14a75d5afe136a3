"""``MappedNpz``: arrays of an ``.npz``, mapped where they lie in it uncompressed; it may be larger than memory."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import CatalogError

_LOCAL_HEADER = struct.Struct("<4s5H3I2H")


class MappedNpz(Mapping[str, NDArray[Any]]):
    """The arrays of an ``.npz`` by their names, each opened when it is asked for.

    Parameters
    ----------
    path : Path

    Raises
    ------
    CatalogError
        If the file is damaged or no ``.npz``; also when an array of it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                self._members = {i.filename.removesuffix(".npy"): i for i in archive.infolist()}
        except (OSError, zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
            raise CatalogError(
                f"{path.name} is damaged or no .npz file", remedy="Make it again, or copy it again"
            ) from error

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Any:
        return iter(self._members)

    def __getitem__(self, name: str) -> NDArray[Any]:
        member = self._members[name]
        try:
            if member.compress_type != zipfile.ZIP_STORED:
                with self.path.open("rb") as stream, np.load(stream, allow_pickle=False) as whole:
                    return np.asarray(whole[name])
            with self.path.open("rb") as stream:
                stream.seek(member.header_offset)
                local = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
                stream.seek(local[9] + local[10], 1)  # the name and the extra field, which are not those of the index
                start = stream.tell()
                version = np.lib.format.read_magic(stream)
                read = np.lib.format.read_array_header_1_0 if version < (2, 0) else np.lib.format.read_array_header_2_0
                shape, fortran, dtype = read(stream)
                at = stream.tell()
            if dtype.hasobject:
                raise ValueError("pickled objects")
            size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
            if at - start + size > member.file_size:
                raise ValueError("cut short")
            if not size:
                return np.empty(shape, dtype)
            return np.memmap(self.path, dtype, "r", at, shape, "F" if fortran else "C")
        except Exception as error:  # damaged bytes raise a dozen kinds in zipfile, zlib, struct and numpy
            raise CatalogError(
                f"{name} in {self.path.name} is damaged, or no array without pickles", remedy="Make the file again"
            ) from error

    def header(self) -> dict[str, Any]:
        """The JSON in the array ``header``, as the files of specviz have it; empty if there is none."""
        if "header" not in self:
            return {}
        try:
            told = json.loads(bytes(np.asarray(self["header"], np.uint8)).decode())
        except ValueError as error:
            raise CatalogError(f"The header of {self.path.name} is damaged", remedy="Make the file again") from error
        return told if isinstance(told, dict) else {}
