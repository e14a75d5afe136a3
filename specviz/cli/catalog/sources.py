"""What ``specviz catalog build`` builds from: spectra on disk, the demo sky, a simulated sky, ready embeddings, HATS.

They are here because they put archives and catalogues together, and nothing is imported that a worker does not need.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from specviz.catalog.scale.partition import Block, Source
from specviz.cli.embed import open_source as open_spectra
from specviz.errors import OptionError

if TYPE_CHECKING:
    from specviz.analysis.stream import Row
    from specviz.archives.simulated_sky import SimulatedSky

#: Entries (files, rows of a store) of a partition, and of those that are read together.
ENTRIES, TOGETHER = 2048, 128
#: Simulated stars of a partition.
SIMULATED = 16_384
SURVEYS = {"lamost": ("lamost_lrs",), "xp": ("gaia_xp",), "both": ("lamost_lrs", "gaia_xp")}
_SIMULATED = re.compile(r"simulated:([0-9][0-9_,]*)(?::([0-9]+))?")
_NUMBERS = ("teff", "logg", "fe_h", "alpha_fe", "g_mag", "bp_rp", "parallax", "distance_pc", "ebv")
_HATS = ("hats.properties", "collection.properties", "properties")
_STORES = (".h5", ".hdf5", ".hdf", ".parquet", ".pq")


def open_source(named: Sequence[str], *, partition: int | None = None, survey: str | None = None) -> Source:
    """What the arguments mean.

    Parameters
    ----------
    named : sequence of str
        ``demo``; ``simulated:N`` or ``simulated:N:SEED``; ``hats://PATH`` or the folder of a HATS catalogue; a file of
        embeddings; or what ``specviz embed`` takes.
    partition : int, optional
        Entries of a partition.
    survey : {"lamost", "xp", "both"}, optional
        Of which spectra are simulated.

    Raises
    ------
    NotFoundError, OptionError
        If there is nothing, or what stands alone is named together with something else.
    """
    if partition is not None and partition < 1:
        raise OptionError(f"--partition {partition}", expected="at least 1")
    for name in named:
        special = _special(name, partition, survey)
        if special is not None:
            if len(named) > 1:
                raise OptionError(f"{name} stands alone", expected="one source of this kind",
                                  remedy="Build two catalogues, and merge them (specviz catalog merge)")  # fmt: skip
            return special
    if len(named) == 1 and Path(named[0]).suffix.lower() in _STORES and Path(named[0]).expanduser().is_file():
        return SpectraPartitions(_Stored(str(Path(named[0]).expanduser())), partition or ENTRIES)
    return SpectraPartitions(open_spectra(named), partition or ENTRIES)


def _special(name: str, partition: int | None, survey: str | None) -> Source | None:
    """What is no file or folder of spectra."""
    if name == "demo" and not Path(name).exists():
        return SpectraPartitions(_Demo(), partition or ENTRIES)
    simulated = _SIMULATED.fullmatch(name)
    if simulated:
        from specviz.archives.simulated_sky import SimulatedSky

        n = int(re.sub("[_,]", "", simulated[1]))
        sky = SimulatedSky(n, int(simulated[2] or 0), SURVEYS[survey or "xp"])
        return SimulatedPartitions(sky, partition or SIMULATED)
    if name.startswith("simulated"):
        raise OptionError(f"{name!r} is no simulated sky", expected="simulated:N or simulated:N:SEED")
    path = Path(name).expanduser()
    if name.startswith("hats://") or any((path / file).is_file() for file in _HATS):
        from specviz.archives.local.arrow_rows import ArrowRows
        from specviz.catalog.hats.reading import open_hats_embeddings
        from specviz.catalog.scale.hats_source import HatsSpectra

        embedded: Source | None = open_hats_embeddings(name)
        return embedded if embedded is not None else HatsSpectra(name, ArrowRows.of)
    if path.is_file():
        from specviz.catalog.scale.embeddings import PARTITION, open_embeddings

        whose = SURVEYS[survey][0] if survey else ""
        ready: Source | None = open_embeddings(path, whose, partition or PARTITION)
        return ready
    return None


class SpectraPartitions:
    """Entries of a :class:`specviz.analysis.stream.Source`, cut into partitions."""

    def __init__(self, spectra: Any, partition: int) -> None:
        self._spectra, self._partition = spectra, partition
        told = f"{spectra.fingerprint}\n{len(spectra)}\n{partition}"
        self.fingerprint = hashlib.sha256(told.encode()).hexdigest()
        self._entries = len(spectra)

    def keys(self) -> list[str]:
        """``part-00000`` and so on."""
        return [f"part-{i:05d}" for i in range(-(-self._entries // self._partition))]

    def blocks(self, key: str) -> Iterator[Block]:
        """Entries, 128 at a time; an entry may hold several stars, or none that can be read."""
        start = int(key.removeprefix("part-")) * self._partition
        stop = min(start + self._partition, self._entries)
        for first in range(start, stop, TOGETHER):
            rows = self._spectra.read(first, min(first + TOGETHER, stop))
            if rows:
                yield Block(columns_of(rows), [row.star for row in rows], units={"ebv": "mag"})


class SimulatedPartitions:
    """A simulated sky, cut into partitions of whole cells."""

    def __init__(self, sky: SimulatedSky, partition: int) -> None:
        from specviz.archives.simulated_sky import CELL

        self._sky, self._cells = sky, max(1, round(partition / CELL))
        self.fingerprint = hashlib.sha256(f"{sky.fingerprint}\n{self._cells}".encode()).hexdigest()

    def keys(self) -> list[str]:
        """``part-00000`` and so on."""
        return [f"part-{i:05d}" for i in range(-(-self._sky.cells // self._cells))]

    def blocks(self, key: str) -> Iterator[Block]:
        """A cell at a time."""
        first = int(key.removeprefix("part-")) * self._cells
        for number in range(first, min(first + self._cells, self._sky.cells)):
            cell = self._sky.cell(number)
            yield Block(cell.columns, cell.stars, units={"ebv": "mag"})


def columns_of(rows: Sequence[Row]) -> dict[str, Any]:
    """What is known of stars that were read, as columns of a catalogue; NaN, 0 or "" where it is not."""
    facts = [_facts(row) for row in rows]
    return {name: np.array([fact[name] for fact in facts]) for name in facts[0]}


def _facts(row: Row) -> dict[str, Any]:
    star = row.star
    optical = xp = None
    catalogue: Any = {}
    if star is not None:
        optical = next((star.spectra[s] for s in ("lamost_lrs", "sdss", "other") if s in star.spectra), None)
        xp, catalogue = star.spectra.get("gaia_xp"), star.catalogue
    gaia, release = _number(star, "gaia")
    leading = optical if optical is not None else xp
    lead: Mapping[str, Any] = {} if leading is None else leading.meta
    numbers = {name: _float(catalogue.get(name)) for name in _NUMBERS}
    if xp is not None and np.isnan(numbers["g_mag"]):
        numbers["g_mag"] = _float(xp.meta.get("phot_g_mean_mag"))
    return {
        "object_id": row.name,
        "source_id": gaia,
        "gaia_release": release,
        "obsid": _number(star, "lamost")[0],
        "ra": _float(None if star is None else star.ra),
        "dec": _float(None if star is None else star.dec),
        "class": str(lead.get("subclass") or lead.get("class") or ""),
        "snr": _float(None if optical is None else optical.snr),
        **numbers,
        "path": str((star is not None and star.meta.get("path")) or lead.get("path") or ""),
        "problem": row.problem if star is None else "",
    }


def _number(star: Any, archive: str) -> tuple[int, str]:
    """A star's number in an archive and the release it is of; 0 where there is none."""
    for one in star.identifiers if star is not None else ():
        if one.archive.lower() == archive and one.value.isdigit() and int(one.value) < 2**63:
            return int(one.value), one.release
    return 0, ""


def _float(value: Any) -> float:
    if value is None or isinstance(value, str):
        return float("nan")
    try:
        return float(value)
    except (TypeError, ValueError):  # a masked cell, or an array: no number of this star
        return float("nan")


class _Stored:
    """A file of many spectra, opened in each process that reads it."""

    def __init__(self, path: str) -> None:
        self._path = path
        spectra = _store(path)
        self.fingerprint, self._entries = spectra.fingerprint, len(spectra)

    def __len__(self) -> int:
        return self._entries

    def read(self, start: int, stop: int) -> list[Row]:
        found: list[Row] = _store(self._path).read(start, stop)
        return found


class _Demo:
    """The packaged simulated sky."""

    def __init__(self) -> None:
        from specviz.archives.demo import DemoArchive

        archive = DemoArchive()
        self.fingerprint, self._entries = archive.fingerprint, len(archive)

    def __len__(self) -> int:
        return self._entries

    def read(self, start: int, stop: int) -> list[Row]:
        from specviz.analysis.stream import Row
        from specviz.archives.demo import DemoArchive

        stars = DemoArchive().fetch_many([f"demo {i + 1}" for i in range(start, stop)])
        return [Row(star.name, star) for star in stars]


@lru_cache(maxsize=4)
def _store(path: str) -> Any:
    return open_spectra([path])
