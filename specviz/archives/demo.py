"""``DemoArchive``: simulated stars inside the package, so that everything can be tried with no network and no survey
data.

The file ``data/demo_stars.npz`` is made by ``python -m specviz.training.make_demo``; ``data/README.md`` says from what.
Every star says of itself that it is simulated, and what is approximate about it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.archives.demo_codec import unpack
from specviz.archives.protocol import Candidate
from specviz.errors import NotFoundError, ReadError
from specviz.spectra.grids import LAMOST_NATIVE, XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Identifier, Star

PACKAGED = Path(__file__).parent / "data" / "demo_stars.npz"
#: Layout of the file; raise it when the file's arrays change meaning.
FORMAT = 1
#: Stars are kept in blocks of this many, so that one star does not cost the decompression of all.
BLOCK = 125
#: Steps of the stored flux in units of the error, by survey.
FRACTION = {"lamost": 0.65, "xp": 0.35}
RELEASE = "simulated"
#: Names of the three stars of the first screen, by their kind in the file.
_EXAMPLES = (("Sun-like star", "sun-like"), ("Red giant", "red giant"), ("Warm A star", "A star"))
#: Columns of the file that only scale the stored spectra.
_INTERNAL = ("counts", "log_f550")
_PLANES = ("flux_low", "flux_high", "sigma_low", "sigma_high")


class DemoArchive:
    """The packaged simulated stars, ``demo 1`` to ``demo 2000``.

    Parameters
    ----------
    path : path, optional
        Another file of the same format.

    Raises
    ------
    ReadError
        If the file is absent or is of another format.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._data = _load(Path(path) if path is not None else PACKAGED)

    def __len__(self) -> int:
        return self._data.n

    def __iter__(self) -> Iterator[Star]:
        return (self.star(i) for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<DemoArchive: {len(self)} simulated stars>"

    @property
    def fingerprint(self) -> str:
        """Hash of the set of stars: what was computed for another set does not fit this one."""
        return str(self._data.header["fingerprint"])

    def names(self) -> list[str]:
        """Every star's name, in the order of the table."""
        return [f"demo {i + 1}" for i in range(len(self))]

    def resolve(self, text: str) -> list[Candidate]:
        """The star that ``text`` names (``demo 42``, ``Demo42``, ``demo sun-like``); empty if none."""
        row = self._row_of(text)
        return [] if row is None else [self._candidate(row)]

    def fetch(self, name: str) -> Star:
        """The star of that name.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        row = self._row_of(name)
        if row is None:
            raise NotFoundError(
                f"No demo star called {str(name)[:80]!r}",
                expected=f"demo 1 to demo {len(self)}, or demo and a kind such as “demo red clump”",
                remedy="DemoArchive().table() lists them",
            )
        return self.star(row)

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
        return self._data.star(row)

    def examples(self) -> list[tuple[str, Star]]:
        """Title and star of the three cards on the first screen: a Sun-like star, a red giant, a warm A star."""
        return [(title, self.fetch(f"demo {kind}")) for title, kind in _EXAMPLES]

    def kinds(self) -> dict[str, str]:
        """The showcase: kind (``sun-like``, ``red clump``, ``double-lined binary`` ...) -> name."""
        return {kind: f"demo {row + 1}" for kind, row in self._data.kinds.items()}

    def table(self) -> Any:
        """Name, class, position and true labels of every star, with units, as an astropy ``QTable``."""
        from astropy import units as u
        from astropy.table import QTable

        unit = {
            "teff": u.K,
            "ra": u.deg,
            "dec": u.deg,
            "g_mag": u.mag,
            "ebv": u.mag,
            "rv": u.km / u.s,
            "vsini": u.km / u.s,
            "distance_pc": u.pc,
        }
        out = QTable()
        out["name"] = self.names()
        out["class"] = self._data.subclass
        for name, values in self._data.columns.items():
            if name in _INTERNAL:
                continue
            out[name] = np.asarray(values, float) * unit[name] if name in unit else np.asarray(values, float)
        out["kind"] = [self._data.notes.get(i, {}).get("kind", "") for i in range(len(self))]
        out.meta["simulated"] = True
        out.meta["source"] = self._data.header["source"]
        return out

    def _row_of(self, text: str) -> int | None:
        words = " ".join(str(text).strip().lower().replace("_", " ").split())
        match = re.fullmatch(r"demo[ #-]*(\d{1,9})", words)
        if match:
            row = int(match.group(1)) - 1
            return row if 0 <= row < len(self) else None
        if words.startswith("demo "):
            wanted = words.removeprefix("demo ")
            return next((row for kind, row in self._data.kinds.items() if kind.lower() == wanted), None)
        return None

    def _candidate(self, row: int) -> Candidate:
        d = self._data
        teff, logg = float(d.columns["teff"][row]), float(d.columns["logg"][row])
        kind = d.notes.get(row, {}).get("kind")
        summary = f"{kind + ', ' if kind else ''}{d.subclass[row]}, {teff:.0f} K, log g {logg:.1f}, simulated"
        return Candidate(f"demo {row + 1}", "demo", summary, float(d.columns["ra"][row]), float(d.columns["dec"][row]))


class _DemoFile:
    """The opened file: the small columns at once, the spectra block by block."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with np.load(path, allow_pickle=False) as npz:
                self.header: dict[str, Any] = json.loads(npz["header"].tobytes())
                if self.header.get("format") != FORMAT:
                    raise ReadError(
                        f"{path.name} has format {self.header.get('format')}",
                        expected=f"format {FORMAT}",
                        remedy="Make it again with python -m specviz.training.make_demo",
                    )
                self.columns = {name: npz[f"column_{name}"] for name in self.header["columns"]}
                self.subclass = [str(s) for s in npz["subclass"]]
        except FileNotFoundError as error:
            raise ReadError(f"The demo stars are not there: {path.name}", remedy="Reinstall jupyter-specviz") from error
        except (OSError, KeyError, ValueError) as error:
            raise ReadError(f"{path.name} is damaged", remedy="Reinstall jupyter-specviz") from error
        self.n = len(self.subclass)
        self.notes: dict[int, dict[str, Any]] = {int(row): note for row, note in self.header["notes"].items()}
        self.kinds = {str(note["kind"]): row for row, note in sorted(self.notes.items())}
        self._block = lru_cache(maxsize=4)(self._read_block)

    def _read_block(self, block: int) -> dict[str, dict[str, NDArray[np.uint8]]]:
        with np.load(self.path, allow_pickle=False) as npz:
            out = {s: {plane: npz[f"{s}_{plane}_{block}"] for plane in _PLANES} for s in FRACTION}
            out["lamost"]["mask"] = npz[f"lamost_mask_{block}"]
        return out

    def star(self, row: int) -> Star:
        block, within = divmod(row, BLOCK)
        stored = self._block(block)
        value = {name: float(values[row]) for name, values in self.columns.items()}
        note = self.notes.get(row, {})
        name = f"demo {row + 1}"
        meta: dict[str, Any] = {
            "object_id": name,
            "ra": value["ra"],
            "dec": value["dec"],
            "release": RELEASE,
            "simulated": True,
            "class": "STAR",
            "subclass": self.subclass[row],
            **note,
        }
        flux, sigma = unpack(stored["lamost"], within, FRACTION["lamost"])
        mask = np.unpackbits(stored["lamost"]["mask"][within], count=LAMOST_NATIVE.size).astype(bool)
        counts = value["counts"]
        lamost = Spectrum(
            LAMOST_NATIVE,
            flux * counts,
            np.where(mask, 0.0, (sigma * counts) ** -2),
            mask,
            survey="lamost_lrs",
            meta={**meta, "layout": "demo-native", "snr": value["snr"], "z": value["rv"] / 299_792.458},
        )
        flux, sigma = unpack(stored["xp"], within, FRACTION["xp"])
        at_550 = 10.0 ** value["log_f550"]
        xp = Spectrum(
            XP_WAVELENGTH_NM,
            flux * at_550,
            (sigma * at_550) ** -2.0,
            survey="gaia_xp",
            flux_unit="W m-2 nm-1",
            meta={**meta, "layout": "demo-sampled", "phot_g_mean_mag": value["g_mag"]},
        )
        hidden = (*_INTERNAL, "snr", "ra", "dec")
        catalogue = {k: v for k, v in value.items() if k not in hidden} | {"source": "true values of the simulation"}
        return Star(
            name=name,
            spectra={"lamost_lrs": lamost, "gaia_xp": xp},
            identifiers=(Identifier("demo", RELEASE, str(row + 1)),),
            ra=value["ra"],
            dec=value["dec"],
            catalogue=catalogue,
            meta={"simulated": True, "source": self.header["source"], **note},
        )


@lru_cache(maxsize=4)
def _load(path: Path) -> _DemoFile:
    return _DemoFile(path)
