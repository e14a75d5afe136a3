"""``Holding``: what a kind of store of spectra gives to a local archive; ``RowFile``: one file with many stars."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from specviz.archives.catalogue_columns import catalogue_columns, catalogues_in
from specviz.archives.local.register import Register
from specviz.errors import NotFoundError, ReadError, SpecvizError
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

#: How well a store is known: by the names of its files, after a look at those whose names say nothing, by all headers.
Depth = Literal["names", "files", "headers"]
DEPTHS: tuple[Depth, ...] = ("names", "files", "headers")


class Holding(ABC):
    """Stars in one place on the disk; safe to use from several threads.

    Parameters
    ----------
    path : path
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._register: Register | None = None
        self._failed: dict[str, str] = {}  # what promised a spectrum and gave none when it was read

    @property
    def problems(self) -> Mapping[str, str]:
        """What gives no spectrum, and why; of what was looked at so far."""
        with self._lock:
            return dict(sorted(self._failed.items()))

    def glance(self) -> Register | None:
        """What is known without waiting for another thread, which may be looking at files."""
        register = self._register
        if register is None and self._lock.acquire(blocking=False):
            try:
                register = self.register("names")
            finally:
                self._lock.release()
        return register

    @abstractmethod
    def refresh(self) -> None:
        """Notice at the next question what has changed on the disk."""

    @abstractmethod
    def register(self, depth: Depth) -> Register:
        """What there is, known at least as well as ``depth`` says.

        Raises
        ------
        NotFoundError
            If the store is gone.
        SpecvizError
            If it cannot be read, or holds too much.
        CancelledError
            If the person stopped it.
        """

    @abstractmethod
    def read(self, row: int, register: Register) -> Star:
        """The star of a row of a register that was given before.

        Raises
        ------
        NotFoundError, ReadError
        """


class RowFile(Holding):
    """One file with many stars, whose register is made when first asked for, and anew when the file has changed."""

    #: For the ``meta`` of stars; what is said of a file that cannot be read, and what may help.
    layout: ClassVar[str]
    damage: ClassVar[str]
    remedy: ClassVar[str]

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._stamp: tuple[int, int] | None = None

    def refresh(self) -> None:
        """Nothing to do: every question looks whether the file is still the same."""

    def register(self, depth: Depth) -> Register:
        """The stars; ``depth`` makes no difference."""
        with self._lock:
            stamp = self._stamp_now()
            if self._register is None or stamp != self._stamp:
                self._register, self._failed = None, {}
                with self._opened() as file:
                    self._register = self._registered(file)
                self._stamp = stamp
            return self._register

    def read(self, row: int, register: Register) -> Star:
        with self._lock:
            if register is not self._register:
                raise NotFoundError(f"{self.path.name} has changed", remedy="Ask again")
            name = register.names[row]
            try:
                with self._opened() as file:
                    spectra, catalogue = self._star(file, row, name)
                    catalogues = self._catalogues(file, row, catalogue)
            except ReadError as error:
                self._failed[name] = str(error)
                raise
            self._failed.pop(name, None)
        known = np.isfinite(register.ra[row]) and np.isfinite(register.dec[row])
        return Star(
            name, spectra, register.identifiers(row),
            float(register.ra[row]) if known else None, float(register.dec[row]) if known else None,
            catalogue=catalogue or next(iter(catalogues.values()), {}), catalogues=catalogues,
            meta={"path": str(self.path), "layout": self.layout},
        )  # fmt: skip

    def _catalogues(self, file: Any, row: int, labels: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """What catalogues say of the star of a row: by default those that its labels name (``apogee_teff``)."""
        return catalogues_in(labels, catalogue_columns(labels), self.path.name)

    def _stamp_now(self) -> tuple[int, int]:
        try:
            info = self.path.stat()
        except OSError as error:
            raise NotFoundError(f"{self.path.name} is gone") from error
        return info.st_size, info.st_mtime_ns

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """The open file; whatever its library says of damaged bytes becomes an error of ours."""
        try:
            with self._open() as file:
                yield file
        except SpecvizError:
            raise
        except FileNotFoundError as error:
            raise NotFoundError(f"{self.path.name} is gone") from error
        except MemoryError as error:
            raise ReadError(f"{self.path.name}: needs more memory than there is", remedy="Split the file") from error
        except Exception as error:  # damaged bytes raise a dozen kinds in h5py, pyarrow and numpy
            raise ReadError(f"{self.path.name}: {self.damage} ({str(error)[:120]})", remedy=self.remedy) from error

    @abstractmethod
    def _open(self) -> AbstractContextManager[Any]:
        """The file, opened by its library."""

    @abstractmethod
    def _registered(self, file: Any) -> Register:
        """Look through the file."""

    @abstractmethod
    def _star(self, file: Any, row: int, name: str) -> tuple[dict[str, Spectrum], dict[str, Any]]:
        """The spectra of a row by survey, and its labels."""
