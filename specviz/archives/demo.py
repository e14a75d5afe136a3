"""``DemoArchive``: a simulated sky inside the package, so that everything can be tried with no network and no survey
data.

The table ``data/demo_stars.npz`` is made by ``python -m specviz.training.make_demo``; ``data/README.md`` says what the
sky is. The first stars (the showcase) have their spectra in it; those of the others are rendered by the packaged
emulator when a star is asked for. Every star says of itself that it is simulated, and what is approximate about it.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.archives.demo_codec import unpack
from specviz.archives.demo_search import INTERNAL, in_range, phrases, search
from specviz.archives.demo_table import DemoTable
from specviz.archives.protocol import Candidate
from specviz.errors import NotFoundError, OptionError
from specviz.simulate.packaged import emulator_sha256, instrument_sha256
from specviz.spectra.frames import C_KM_S
from specviz.spectra.grids import LAMOST_NATIVE, XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Identifier, Star

PACKAGED = Path(__file__).parent / "data" / "demo_stars.npz"
#: Steps of the stored flux in units of the error, by survey.
FRACTION = {"lamost": 0.65, "xp": 0.35}
RELEASE = "simulated"
#: Raise it when the same row of the table would give another spectrum than before: embeddings of the old ones are
#: refused then.
RENDERING = 1
#: Rendered stars that are kept in memory, 0.15 MB each.
KEPT = 128
#: Names of the three stars of the first screen, by their kind in the file.
_EXAMPLES = (("Sun-like star", "sun-like"), ("Red giant", "red giant"), ("Warm A star", "A star"))
_PLANES = ("flux_low", "flux_high", "sigma_low", "sigma_high")
_UNITS = {
    **dict.fromkeys(("teff", "companion_teff"), "K"),
    **dict.fromkeys(("ra", "dec"), "deg"),
    **dict.fromkeys(("g_mag", "ebv"), "mag"),
    **dict.fromkeys(("vmic", "rv", "vsini", "companion_rv", "k1"), "km / s"),
    **dict.fromkeys(("radius_rsun", "companion_radius"), "solRad"),
    "distance_pc": "pc",
    "mass": "solMass",
    "age_gyr": "Gyr",
    "period_days": "day",
}


class DemoArchive:
    """The packaged simulated stars, ``demo 1`` to ``demo 20000``.

    Opening it costs a few milliseconds; torch is imported when the first spectrum is rendered. Safe to use from several
    threads.

    Parameters
    ----------
    path : path, optional
        Another file of the same format.
    emulator : SpectralEmulator, optional
        Renders the spectra; the packaged one by default.

    Raises
    ------
    ReadError
        If the file is absent, damaged or of another format.
    """

    def __init__(self, path: str | Path | None = None, *, emulator: Any = None) -> None:
        self._sky = _load(Path(path) if path is not None else PACKAGED, emulator)

    def __len__(self) -> int:
        return self._sky.table.n

    def __iter__(self) -> Iterator[Star]:
        return (self.star(i) for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<DemoArchive: {len(self)} simulated stars>"

    @property
    def fingerprint(self) -> str:
        """Hash of the sky: its labels, its stored spectra, the emulator's weights, the XP instrument and the way of
        rendering. What was computed for another sky does not fit this one.
        """
        return self._sky.fingerprint

    def names(self) -> list[str]:
        """Every star's name, in the order of the table."""
        return [f"demo {i + 1}" for i in range(len(self))]

    def resolve(self, text: str) -> list[Candidate]:
        """The stars that ``text`` names: ``demo 42``, ``Demo42``, or the first twenty that a question means
        (``demo carbon star``, ``demo K giant``, ``demo teff=5600..5900 logg>4``); empty if none.

        Raises
        ------
        OptionError
            For a label that is not there; see :mod:`specviz.archives.demo_search`.
        """
        return [self._candidate(row) for row in self._rows_of(text)[:20]]

    def near(self, text: str, n: int = 2) -> list[str]:
        """Names that ``text`` may have meant, for “did you mean”: the star of its number, and kinds spelt alike."""
        words = str(text).strip().lower()[:80]
        number = re.search(r"\d{1,9}", words)
        found = [f"demo {int(number.group())}"] if number and 0 < int(number.group()) <= len(self) else []
        # A number alone is no slip of the pen.
        found = [name for name in found if difflib.SequenceMatcher(None, words, name).ratio() >= 0.75]
        kinds = [f"demo {kind.lower()}" for kind in (*self._sky.kinds, *phrases())]
        return [*found, *difflib.get_close_matches(words, kinds, n=n, cutoff=0.75)][:n]

    def fetch(self, name: str) -> Star:
        """The star of that name; the first one where a kind is named.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        rows = self._rows_of(name)
        if not rows:
            raise NotFoundError(
                f"No demo star called {str(name)[:80]!r}",
                expected=f"demo 1 to demo {len(self)}, or demo and a kind such as “demo red clump”",
                remedy="DemoArchive().table() lists them",
            )
        return self.star(rows[0])

    def star(self, which: int | str) -> Star:
        """A star by its name, or by its row (0 = ``demo 1``).

        Its ``catalogue`` holds the true values of the simulation.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        if isinstance(which, str):
            return self.fetch(which)
        row = int(which)
        if not 0 <= row < len(self):
            raise NotFoundError(f"No row {row} among the demo stars", expected=f"0 to {len(self) - 1}")
        return self._sky.star(row)

    def fetch_many(self, names: Sequence[str]) -> list[Star]:
        """Several stars at once: three times as fast as one by one, and not kept in memory."""
        rows = []
        for name in names:
            found = self._rows_of(name)
            if not found:
                raise NotFoundError(f"No demo star called {str(name)[:80]!r}", expected=f"demo 1 to demo {len(self)}")
            rows.append(found[0])
        return self._sky.stars(rows)

    def examples(self) -> list[tuple[str, Star]]:
        """Title and star of the three cards on the first screen: a Sun-like star, a red giant, a warm A star."""
        return [(title, self.fetch(f"demo {kind}")) for title, kind in _EXAMPLES]

    def kinds(self) -> dict[str, str]:
        """The showcase and the planted anomalies: kind (``sun-like``, ``carbon star`` ...) -> name of the first one."""
        return {kind: f"demo {rows[0] + 1}" for kind, rows in self._sky.kinds.items()}

    def anomalies(self) -> dict[str, list[str]]:
        """The planted anomalies: class -> names of all its stars (the truth that vetting can be tried on)."""
        table = self._sky.table
        codes = table.codes("anomaly")
        return {
            word: [f"demo {row + 1}" for row in np.flatnonzero(codes == code)]
            for code, word in enumerate(table.words("anomaly"))
            if word
        }

    def select(self, *, kind: str | None = None, **ranges: tuple[float | None, float | None]) -> list[str]:
        """Names of the stars whose true labels lie in ranges, in the order of the table.

        Parameters
        ----------
        kind : str, optional
            A class of planted anomalies, or "" for stars that are none.
        **ranges : (low, high)
            Of any number column of :meth:`table`, ends included; None leaves an end open.

        Raises
        ------
        OptionError
            For a column or a class that is not there, or a range that is none.

        Examples
        --------
        >>> DemoArchive().select(teff=(5600, 5900), fe_h=(-0.2, 0.2))  # doctest: +SKIP
        """
        table = self._sky.table
        keep = np.ones(table.n, bool)
        shown = [name for name in table.names if name not in INTERNAL]
        for name, ends in ranges.items():
            if name not in shown:
                raise OptionError(f"There is no column {name!r}", expected=", ".join(shown))
            if not isinstance(ends, (tuple, list)) or len(ends) != 2:
                raise OptionError(f"{name}={ends!r}", expected="(low, high), either may be None")
            keep &= in_range(table, name, *ends)
        if kind is not None:
            words = {word.lower(): code for code, word in enumerate(table.words("anomaly"))}
            if kind.lower() not in words:
                raise OptionError(f"There is no class {kind!r}", expected=", ".join(w for w in words if w))
            keep &= table.codes("anomaly") == words[kind.lower()]
        return [f"demo {row + 1}" for row in np.flatnonzero(keep)]

    def search(self, text: str) -> list[str]:
        """Names of all stars that a question means, with or without “demo” in front: ``K giant fe_h<-1``; raises as
        :meth:`resolve` does.
        """
        words = str(text).strip()
        rows = self._rows_of(words if words.lower().startswith("demo") else f"demo {words}")
        return [f"demo {row + 1}" for row in rows]

    def table(self) -> Any:
        """Name, class, position and true labels of every star, with units, as an astropy ``QTable``."""
        from astropy import units as u
        from astropy.table import QTable

        table, out = self._sky.table, QTable()
        out["name"] = self.names()
        out["class"] = table.texts("subclass")
        for name in table.names:
            if name not in INTERNAL:
                values = table.number(name).copy()
                out[name] = values * u.Unit(_UNITS[name]) if name in _UNITS else values
        for name in ("component", "companion", "anomaly"):
            out[name] = table.texts(name)
        kinds = table.texts("anomaly").astype(object)
        for row, note in self._sky.notes.items():
            kinds[row] = str(note["kind"])
        out["kind"] = kinds.astype(str)
        out.meta["simulated"] = True
        out.meta["source"] = table.header["source"]
        return out

    def _rows_of(self, text: str) -> list[int]:
        words = re.sub(r"^demo_", "demo ", " ".join(str(text).lower().split()))
        match = re.fullmatch(r"demo[ #-]*(\d{1,9})", words)
        if match:
            row = int(match.group(1)) - 1
            return [row] if 0 <= row < len(self) else []
        if words.startswith("demo "):
            return search(self._sky.table, self._sky.kinds_lower, words.removeprefix("demo "))
        return []

    def _candidate(self, row: int) -> Candidate:
        table = self._sky.table
        kind, teff, logg = self._sky.kind_of(row), table.number("teff")[row], table.number("logg")[row]
        said = [kind, table.text("subclass", row)]
        said += [f"{teff:.0f} K, log g {logg:.1f}"] if np.isfinite(teff) and np.isfinite(logg) else []
        summary = ", ".join([*(word for word in said if word), "simulated"])
        return Candidate(
            f"demo {row + 1}", "demo", summary, float(table.number("ra")[row]), float(table.number("dec")[row])
        )


class _Sky:
    """The opened table, what renders it, and the stars of late."""

    def __init__(self, path: Path, emulator: Any) -> None:
        self.table = DemoTable(path)
        self._emulator = emulator
        self.notes: dict[int, dict[str, Any]] = {int(row): n for row, n in self.table.header["notes"].items()}
        self.star = lru_cache(maxsize=KEPT)(self._star)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that a spectrum follows from but the code."""
        own, header = self._emulator, self.table.header
        emulator = emulator_sha256() if own is None else str(own.describe().weights_sha256)
        parts = [header["table_sha256"], header["spectra_sha256"], emulator, instrument_sha256(), str(RENDERING)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @cached_property
    def _renderer(self) -> Any:
        from specviz.archives.demo_render import DemoRenderer

        return DemoRenderer(self.table, self._emulator)

    @cached_property
    def kinds(self) -> dict[str, list[int]]:
        """Kind -> rows, the showcase first."""
        out = {str(note["kind"]): [row] for row, note in sorted(self.notes.items())}
        codes = self.table.codes("anomaly")
        for code, word in enumerate(self.table.words("anomaly")):
            if word:
                first = out.setdefault(word, [])
                first += [int(row) for row in np.flatnonzero(codes == code) if row not in first]
        return out

    @cached_property
    def kinds_lower(self) -> dict[str, list[int]]:
        return {kind.lower(): rows for kind, rows in self.kinds.items()}

    @cached_property
    def _stored(self) -> dict[str, dict[str, NDArray[np.uint8]]]:
        names = {s: [f"{s}_{plane}" for plane in _PLANES] for s in FRACTION}
        arrays = self.table.arrays(*names["lamost"], *names["xp"], "lamost_mask")
        out = {s: {plane: arrays[f"{s}_{plane}"] for plane in _PLANES} for s in FRACTION}
        out["lamost"]["mask"] = arrays["lamost_mask"]
        return out

    def kind_of(self, row: int) -> str:
        """The showcase's kind, or the class of a planted anomaly; else ""."""
        note = self.notes.get(row)
        return str(note["kind"]) if note else self.table.text("anomaly", row)

    def stars(self, rows: Sequence[int]) -> list[Star]:
        """Stars of some rows, rendered together."""
        asked = [row for row in rows if row not in self.table.stored]
        rendered = dict(zip(asked, self._renderer.render(asked) if asked else (), strict=True))
        return [self._assemble(row, rendered.get(row)) for row in rows]

    def _star(self, row: int) -> Star:
        return self.stars([row])[0]

    def _unpacked(self, row: int, counts: float, log_f550: float) -> tuple[NDArray[np.float64], ...]:
        """LAMOST flux and ivar, XP flux and sigma of a star whose spectra are stored."""
        stored, row = self._stored, self.table.stored[row]
        flux, sigma = unpack(stored["lamost"], row, FRACTION["lamost"])
        mask = np.unpackbits(stored["lamost"]["mask"][row], count=LAMOST_NATIVE.size).astype(bool)
        ivar = np.where(mask, 0.0, (sigma * counts) ** -2)
        xp, xp_sigma = unpack(stored["xp"], row, FRACTION["xp"])
        return flux * counts, ivar, xp * 10.0**log_f550, xp_sigma * 10.0**log_f550

    def _assemble(self, row: int, rendered: Any) -> Star:
        table = self.table
        value = table.row(row)
        if rendered is None:
            flux, ivar, xp, xp_sigma = self._unpacked(row, value["counts"], value["log_f550"])
        else:
            flux, ivar, xp, xp_sigma = rendered.lamost, rendered.ivar, rendered.xp, rendered.xp_sigma
        name, anomaly = f"demo {row + 1}", table.text("anomaly", row)
        note, kind = dict(self.notes.get(row, {})), "star"
        if not note and anomaly:
            told = table.header["anomalies"][anomaly]
            truth = str(table.header["truths"].get(str(row), "")) if rendered is None else rendered.truth
            note, kind = {"kind": anomaly, "note": f"{truth} {told['approximate']}"}, str(told["kind"])
        meta: dict[str, Any] = {
            "object_id": name,
            "ra": value["ra"],
            "dec": value["dec"],
            "release": RELEASE,
            "simulated": True,
            "class": "GALAXY" if kind == "galaxy" else "STAR",
            "subclass": table.text("subclass", row),
            **note,
        }
        redshift = value["redshift"] if np.isfinite(value["redshift"]) else value["rv"] / C_KM_S
        lamost = Spectrum(
            LAMOST_NATIVE,
            flux,
            ivar,
            ivar == 0.0,
            survey="lamost_lrs",
            meta={**meta, "layout": "demo-native", "snr": value["snr"], "z": redshift},
        )
        gaia = Spectrum(
            XP_WAVELENGTH_NM,
            xp,
            xp_sigma**-2.0,
            survey="gaia_xp",
            flux_unit="W m-2 nm-1",
            meta={**meta, "layout": "demo-sampled", "phot_g_mean_mag": value["g_mag"]},
        )
        hidden = (*INTERNAL, "snr", "ra", "dec")
        catalogue: dict[str, Any] = {k: v for k, v in value.items() if k not in hidden and np.isfinite(v)}
        words = {k: table.text(k, row) for k in ("component", "companion", "anomaly")}
        catalogue |= {k: word for k, word in words.items() if word} | {"source": "true values of the simulation"}
        return Star(
            name=name,
            spectra={"lamost_lrs": lamost, "gaia_xp": gaia},
            identifiers=(Identifier("demo", RELEASE, str(row + 1)),),
            ra=value["ra"],
            dec=value["dec"],
            catalogue=catalogue,
            meta={"simulated": True, "source": table.header["source"], **note},
        )


@lru_cache(maxsize=4)
def _load(path: Path, emulator: Any = None) -> _Sky:
    return _Sky(path, emulator)
