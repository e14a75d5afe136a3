"""``OwnStars``: a person's labelled spectra, from a table that names their files.

What cannot be used is counted and told, not guessed: a file that cannot be read, a spectrum that does not reach the
model's wavelengths, a label that is missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.planes import ALIASES
from specviz.catalog.store.reading import read_columns
from specviz.errors import CoverageError, OptionError, SpecvizError, did_you_mean
from specviz.models.protocol import Prepared
from specviz.models.spectrafm.model import SpectraFM
from specviz.spectra.frames import header_velocity
from specviz.spectra.readers import read_all
from specviz.spectra.spectrum import Spectrum
from specviz.training.plates import joined, same_place, same_word

Array = NDArray[np.float64]
#: Names that columns go by, best first: of files, of stars, of what shares a night's sky and flat field, of velocities.
PATHS = ("path", "file", "filename", "filepath", "spectrum")
STARS = ("star", "source_id", "gaia_source_id", "object_id", "name", "designation")
PLATES = ("plate", "planid", "plate_id", "plan_id", "field")
VELOCITIES = ("rv", "radial_velocity", "vrad")
#: What surveys write where they measured nothing is below this.
_UNKNOWN = -999.0
#: A column whose median is so many spreads of the model's training set off is in another unit.
_OTHER_UNIT = 8.0
#: So is a temperature below this (log Teff, keV).
_COLDEST = 1000.0
#: More files than this share that cannot be used are a mistake of the table, not of the files.
MOST_REFUSED = 0.2


@dataclass(frozen=True, eq=False)
class OwnStars:
    """Spectra with labels.

    Parameters
    ----------
    paths : tuple of str
        As the table names them.
    prepared : tuple of Prepared
        The spectra as the model reads them.
    spectra : tuple of Spectrum
    labels : dict of str to array, shape (n,)
        By the model's names, NaN where not known.
    star, plate : array of str, shape (n,)
        Empty where it is not known; rows of one word belong together.
    star_group, group : array of int, shape (n,)
        Rows of one star; rows connected by a star or a plate.
    notes : tuple of str
        What a person should know: what was left out, and why.
    """

    paths: tuple[str, ...]
    prepared: tuple[Prepared, ...]
    spectra: tuple[Spectrum, ...]
    labels: dict[str, Array]
    star: NDArray[np.str_]
    plate: NDArray[np.str_]
    star_group: NDArray[np.int64]
    group: NDArray[np.int64]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def digests(self) -> list[str]:
        """Of each spectrum as the model reads it: the same one under another name is known again."""
        return [
            hashlib.sha256(
                b"".join(np.ascontiguousarray(v, np.float32).tobytes() for v in (p.wavelength, p.values, p.ivar))
            ).hexdigest()[:16]
            for p in self.prepared
        ]

    def table_of(self, names: Sequence[str]) -> Array:
        """Labels (n, K) in this order."""
        return np.stack([self.labels[name] for name in names], axis=1)


def read_own(
    table: str | Path, model: SpectraFM, *, labels: Mapping[str, str] | None = None, path: str | None = None,
    star: str | None = None, plate: str | None = None, rest: bool = False,
) -> OwnStars:  # fmt: skip
    """The spectra and labels of a table.

    Parameters
    ----------
    table : path
        FITS, CSV, ECSV, VOTable or Parquet: a row a spectrum; paths in it are relative to it.
    model : SpectraFM
        Whose labels and wavelengths count.
    labels : mapping of str to str, optional
        Column of each label; by default every label of the model that has a column.
    path, star, plate : str, optional
        Columns; by default the first of :data:`PATHS`, :data:`STARS`, :data:`PLATES` that is there. Without a star's
        name, positions (``ra``, ``dec``) closer than 3 arcsec are one star, else every file is one.
    rest : bool
        The spectra are at rest already; else a column ``rv`` (km/s), or what the file says, is removed.

    Raises
    ------
    NotFoundError, CatalogError
        If the table is not there, or is none.
    OptionError, CoverageError, SpecvizError
        For a column that is missing or in another unit; if no spectrum reaches the model's wavelengths; if more than
        :data:`MOST_REFUSED` of the files cannot be used.
    """
    place = Path(table).expanduser()
    columns = read_columns(place)
    if not columns or not len(next(iter(columns.values()))):
        raise OptionError(f"{place.name} has no rows", expected="a row for each spectrum")
    files = _words(columns, path, PATHS, "the files of the spectra", needed=True)
    truth = _labels(columns, model, labels)
    names, plates = (_words(columns, c, known, what) for c, known, what in (
        (star, STARS, "the stars"), (plate, PLATES, "the plates")))  # fmt: skip
    velocity = _numbers(columns, _column(columns, None, VELOCITIES, ""))
    known = np.isfinite(np.stack(list(truth.values()), axis=1)).any(axis=1)
    notes = [f"{int((~known).sum())} rows without any label are left out"] if not known.all() else []
    rows, spectra, prepared, trouble, outside, unmoved = [], [], [], [], 0, 0
    for row in np.flatnonzero(known):
        try:
            spectrum = _spectrum(place.parent / files[row], rest, velocity[row])
            ready = model.prepare(spectrum)
        except (SpecvizError, OSError) as error:
            outside += isinstance(error, CoverageError)
            trouble.append(f"{files[row]}: {error if isinstance(error, SpecvizError) else error.strerror or error}")
            continue
        unmoved += spectrum.frame != "rest" and header_velocity(spectrum) is None
        rows.append(row)
        spectra.append(spectrum)
        prepared.append(ready)
    _refuse_trouble(trouble, outside, int(known.sum()), model)
    notes += trouble
    if unmoved:
        notes.append(f"{unmoved} spectra come without a velocity and are taken to be at rest (a column rv says it)")
    kept = np.asarray(rows, np.int64)
    star_pairs = same_word(names[kept])
    if not (names[kept] != "").any() and {"ra", "dec"} <= set(columns):
        star_pairs = same_place(_numbers(columns, "ra")[kept], _numbers(columns, "dec")[kept])
    n = len(kept)
    return OwnStars(
        tuple(files[kept].tolist()), tuple(prepared), tuple(spectra), {k: v[kept] for k, v in truth.items()},
        names[kept], plates[kept], joined(n, star_pairs), joined(n, star_pairs, same_word(plates[kept])), tuple(notes),
    )  # fmt: skip


def _spectrum(file: Path, rest: bool, velocity: float) -> Spectrum:
    """The one optical spectrum of a file, or of the same file compressed, with the velocity that the table gives."""
    packed = file.with_name(f"{file.name}.gz")
    stars = read_all(packed if packed.is_file() and not file.exists() else file)
    found = [s for star in stars for survey, s in star.spectra.items() if survey != "gaia_xp"]
    if len(found) != 1:
        raise OptionError(f"{len(found)} optical spectra in this file", expected="one spectrum a file")
    spectrum = found[0]
    if rest:
        return spectrum.with_(frame="rest")
    return spectrum.with_(meta={**spectrum.meta, "rv": velocity}) if np.isfinite(velocity) else spectrum


def _refuse_trouble(trouble: Sequence[str], outside: int, n: int, model: SpectraFM) -> None:
    if len(trouble) <= MOST_REFUSED * n:
        return
    low, high = model.window
    if outside == len(trouble):
        raise CoverageError(
            f"{outside} of {n} spectra do not reach the wavelengths that {model.name} reads: {trouble[0]}",
            expected=f"{low:.0f} to {high:.0f} Angstrom at rest, in vacuum",
            remedy="Another model reads others; is the unit of the wavelengths right?",
        )
    raise SpecvizError(
        f"{len(trouble)} of {n} spectra cannot be used, the first is {trouble[0]}",
        expected="files that specviz analyse reads, named relative to the table",
    )


def _labels(columns: Mapping[str, Any], model: SpectraFM, given: Mapping[str, str] | None) -> dict[str, Array]:
    """The labels of the model that the table has, NaN where not known."""
    if given is None:
        found = {n: _column(columns, None, (n, *ALIASES.get(n, ())), "") for n in model.label_names}
        chosen = {name: column for name, column in found.items() if column}
    else:
        for name in given:
            if name not in model.label_names:
                raise OptionError(f"{model.name} has no label {name}", expected=", ".join(model.label_names),
                                  remedy=did_you_mean(name, model.label_names, 0.4))  # fmt: skip
        chosen = {name: _column(columns, column, (), f"the label {name}") for name, column in given.items()}
    if not chosen:
        raise OptionError(
            f"The table has no column of a label; it has {_some(columns)}",
            expected="some of " + ", ".join(model.label_names), remedy="Or say which: --labels fe_h=MY_COLUMN",
        )  # fmt: skip
    out = {}
    for name, column in chosen.items():
        values = _numbers(columns, column)
        values = np.where(np.isfinite(values) & (values > _UNKNOWN), values, np.nan)
        if not np.isfinite(values).any():
            raise OptionError(f"The column {column} has no number in it", expected=f"{name} of the stars")
        row, middle = model.label_names.index(name), float(np.nanmedian(values))
        centre, scale = float(model.weights.centre[row]), float(model.weights.scale[row])
        if abs(middle - centre) > _OTHER_UNIT * scale or (name == "teff" and middle < _COLDEST):
            unit = " in K" if name == "teff" else ""
            raise OptionError(f"The column {column} has values around {middle:.4g}",
                              expected=f"{name}{unit}, around {centre:.4g} for most stars")  # fmt: skip
        out[name] = values
    return out


def _column(columns: Mapping[str, Any], given: str | None, known: Sequence[str], what: str) -> str:
    """The column that was named, or the first known one, whatever its case; "" if there is none."""
    if given is not None:
        if given not in columns:
            raise OptionError(f"The table has no column {given} for {what}", expected=f"one of {_some(columns)}",
                              remedy=did_you_mean(given, list(columns), 0.6))  # fmt: skip
        return given
    by_lower: dict[str, str] = {}
    for name in columns:
        by_lower.setdefault(name.lower(), name)
    return next((by_lower[name.lower()] for name in known if name.lower() in by_lower), "")


def _words(
    columns: Mapping[str, Any], given: str | None, known: Sequence[str], what: str, needed: bool = False
) -> NDArray[np.str_]:
    """A column as words, "" where it is masked, zero or absent."""
    column = _column(columns, given, known, what)
    if not column:
        if needed:
            raise OptionError(f"The table has no column for {what}; it has {_some(columns)}",
                              expected="one of " + ", ".join(known))  # fmt: skip
        return np.full(len(next(iter(columns.values()))), "")
    values = columns[column]
    words = np.array(["" if np.ma.is_masked(v) else _word(v) for v in values])
    return np.where(np.isin(words, ("0", "nan", "None")), "", words)


def _word(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.strip()


def _numbers(columns: Mapping[str, Any], column: str) -> Array:
    """A column as numbers, NaN where it is masked, no number, or absent."""
    if not column:
        return np.full(len(next(iter(columns.values()))), np.nan)
    values = np.ma.asarray(columns[column])
    if values.dtype.kind in "OSU":
        return np.array([_number(v) for v in values])
    return np.ma.filled(values.astype(np.float64), np.nan)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _some(columns: Mapping[str, Any]) -> str:
    names = list(columns)
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
