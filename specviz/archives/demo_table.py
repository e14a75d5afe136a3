"""``DemoTable``: the labels and facts of the demo stars, as whole numbers of small steps in a compressed file.

Columns are read when they are first asked for, so that opening the file costs a few milliseconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import ReadError

#: Layout of the file; raise it when the file's arrays change meaning.
FORMAT = 2
#: Step of each number column, and whether its logarithm to base 10 is what is stored. Steps are well below what any
#: survey measures.
STEPS: dict[str, tuple[float, bool]] = {
    **dict.fromkeys(("teff", "companion_teff"), (1.0, False)),
    **dict.fromkeys(("logg", "companion_logg", "fe_h", "g_mag", "ebv", "companion_light"), (0.001, False)),
    **dict.fromkeys(("vmic", "companion_vmic", "r_v", "mass", "age_gyr", "q"), (0.01, False)),
    **dict.fromkeys(("rv", "vsini", "snr", "companion_rv", "k1"), (0.1, False)),
    **dict.fromkeys(("ra", "dec"), (1e-4, False)),
    **dict.fromkeys(("distance_pc", "radius_rsun", "companion_radius", "period_days"), (1e-3, True)),
    **dict.fromkeys(("counts", "anomaly_index"), (1.0, False)),
    "redshift": (1e-4, False),
    "log_f550": (1e-4, False),
}
#: Of columns that are not named above: the element ratios (dex), and what anomalies need.
OTHER_STEP = (0.002, False)
_MISSING = np.iinfo(np.int32).min


def encode(values: ArrayLike, step: float, log: bool) -> NDArray[np.integer[Any]]:
    """Numbers as multiples of ``step`` (of their logarithm where ``log``), in the smallest integers that hold them.

    What is not finite is the lowest value of the type.
    """
    array = np.asarray(values, np.float64)
    known = np.isfinite(array) & ((array > 0) | (not log))
    scaled = np.log10(array, where=known, out=np.zeros(array.shape)) if log else np.where(known, array, 0.0)
    whole = np.where(known, np.rint(scaled / step), _MISSING).astype(np.int64)
    low, high = (int(whole[known].min()), int(whole[known].max())) if known.any() else (0, 0)
    for kind in (np.int8, np.int16, np.int32):
        info = np.iinfo(kind)
        if low > info.min and high <= info.max:
            return np.where(known, whole, info.min).astype(kind)
    raise ValueError(f"{low} to {high} steps do not fit 32 bits")


def decode(whole: NDArray[np.integer[Any]], step: float, log: bool) -> NDArray[np.float64]:
    """The inverse of :func:`encode`; NaN where nothing was known."""
    # A division by the whole number of steps gives the nearest float64 to the decimal number.
    scaled = whole.astype(np.float64) / np.rint(1.0 / step)
    values = 10.0**scaled if log else scaled
    return np.where(whole == np.iinfo(whole.dtype).min, np.nan, values)


def pack_table(
    numbers: Mapping[str, ArrayLike], texts: Mapping[str, Sequence[str]]
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Columns as arrays for the npz, and what the header has to say of them.

    Parameters
    ----------
    numbers : mapping of str to array (n,)
    texts : mapping of str to n words
        Few different ones each.
    """
    content: dict[str, NDArray[Any]] = {}
    header: dict[str, Any] = {"columns": {}, "words": {}}
    digest = hashlib.sha256()
    for name, values in numbers.items():
        step, log = STEPS.get(name, OTHER_STEP)
        content[f"column_{name}"] = encode(values, step, log)
        header["columns"][name] = [step, log]
    for name, words in texts.items():
        vocabulary, codes = np.unique(np.asarray(words, dtype=str), return_inverse=True)
        content[f"text_{name}"] = codes.astype(np.uint8 if vocabulary.size < 256 else np.uint16)
        header["words"][name] = [str(word) for word in vocabulary]
    for name in sorted(content):
        digest.update(name.encode() + content[name].astype(np.int64).tobytes())
    digest.update(json.dumps(header, sort_keys=True).encode())
    return content, {**header, "table_sha256": digest.hexdigest()}


class DemoTable:
    """The opened file of the demo stars.

    Parameters
    ----------
    path : path

    Attributes
    ----------
    header : dict
        ``n``, ``seed``, ``source``, ``notes`` ...
    n : int
    stored : dict of int to int
        Rows whose spectra are in the file, and where among the stored ones.

    Raises
    ------
    ReadError
        If the file is absent, damaged or of another format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._numbers: dict[str, NDArray[np.float64]] = {}
        self._codes: dict[str, NDArray[np.integer[Any]]] = {}
        self.header: dict[str, Any] = json.loads(self._read("header")["header"].tobytes())
        if self.header.get("format") != FORMAT:
            raise ReadError(
                f"{path.name} has format {self.header.get('format')}",
                expected=f"format {FORMAT}",
                remedy="Make it again with python -m specviz.training.make_demo",
            )
        self.n = int(self.header["n"])
        self.stored = {int(row): position for position, row in enumerate(self.header["stored"])}

    def _read(self, *names: str) -> dict[str, NDArray[Any]]:
        try:
            with np.load(self.path, allow_pickle=False) as npz:
                return {name: npz[name] for name in names}
        except FileNotFoundError as error:
            raise ReadError(
                f"The demo stars are not there: {self.path.name}", remedy="Reinstall jupyter-specviz"
            ) from error
        except Exception as error:  # damaged bytes raise a dozen kinds in zipfile, zlib, numpy and tokenize
            raise ReadError(f"{self.path.name} is damaged", remedy="Reinstall jupyter-specviz") from error

    def arrays(self, *names: str) -> dict[str, NDArray[Any]]:
        """Other arrays of the file, such as stored spectra."""
        return self._read(*names)

    @property
    def names(self) -> tuple[str, ...]:
        """The number columns, in the order of the table."""
        return tuple(self.header["columns"])

    def number(self, name: str) -> NDArray[np.float64]:
        """A number column, shape (n,); NaN where it is not known. Read-only."""
        if name not in self._numbers:
            self._keep(name, self._read(f"column_{name}")[f"column_{name}"])
        return self._numbers[name]

    def _keep(self, name: str, whole: NDArray[np.integer[Any]]) -> None:
        step, log = self.header["columns"][name]
        values = decode(whole, float(step), bool(log))
        values.setflags(write=False)
        self._numbers[name] = values

    def words(self, name: str) -> tuple[str, ...]:
        """The different words of a text column."""
        return tuple(self.header["words"][name])

    def codes(self, name: str) -> NDArray[np.integer[Any]]:
        """A text column, as positions in :meth:`words`; shape (n,)."""
        if name not in self._codes:
            self._codes[name] = self._read(f"text_{name}")[f"text_{name}"]
        return self._codes[name]

    def text(self, name: str, row: int) -> str:
        """One star's word."""
        return self.words(name)[int(self.codes(name)[row])]

    def texts(self, name: str) -> NDArray[np.str_]:
        """A whole text column, shape (n,)."""
        return np.asarray(np.array(self.words(name), dtype=str)[self.codes(name)])

    def row(self, row: int) -> dict[str, float]:
        """Every number of one star."""
        missing = [name for name in self.names if name not in self._numbers]
        if missing:  # all at once: the file is opened once
            whole = self._read(*(f"column_{name}" for name in missing))
            for name in missing:
                self._keep(name, whole[f"column_{name}"])
        return {name: float(self.number(name)[row]) for name in self.names}
