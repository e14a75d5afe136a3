"""``SampLink``: an Explorer at the SAMP hub: TOPCAT, Aladin, SPLAT get its star, and give it theirs."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from specviz.archives.samp import SampHub, local_bytes
from specviz.errors import NotFoundError, SpecvizError
from specviz.session.exporting import safe_stem
from specviz.session.session import Session
from specviz.session.state import Notice

#: What is heard.
MTYPES = (
    "coord.pointAt.sky",
    "table.load.votable",
    "table.load.fits",
    "table.highlight.row",
    "spectrum.load.ssa-generic",
)
_SUFFIX = {"table.load.votable": ".vot", "table.load.fits": ".fits"}
_SUFFIXES = (".fits", ".fit", ".vot", ".votable", ".xml", ".csv", ".ecsv", ".txt", ".gz")


class SampLink:
    """Sends what is on screen to other programs, and opens what they send.

    A position that another program points at is looked up and opened; a spectrum is opened; a table becomes the work
    list, and a row of it that is selected there is shown here.

    Parameters
    ----------
    session : Session

    Raises
    ------
    SpecvizError
        No hub is running on this machine.

    Examples
    --------
    >>> link = explorer.samp()    # doctest: +SKIP
    >>> link.programs             # doctest: +SKIP
    ('topcat', 'Aladin')
    >>> link.send_similar()       # doctest: +SKIP
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tables: dict[str, str] = {}  # table-id -> what it is here: "similar" or "work"
        self._hub = SampHub(self._heard, MTYPES)
        self._files = tempfile.TemporaryDirectory(prefix="specviz-samp-")  # read by the others when they like

    @property
    def connected(self) -> bool:
        """Whether the hub is still there."""
        return self._hub.connected

    @property
    def programs(self) -> tuple[str, ...]:
        """Names of the other programs at the hub."""
        return tuple(self._hub.others().values())

    # ------------------------------------------------------------------ sending
    def send_position(self, to: str | None = None) -> tuple[str, ...]:
        """Point the others at the star (ICRS); gives the names of the programs that got it. ``to``: one of them."""
        star = self._star()
        if star.ra is None or star.dec is None:
            raise NotFoundError(f"The position of {star.name} is not known")
        return self._hub.send("coord.pointAt.sky", {"ra": f"{star.ra:.8f}", "dec": f"{star.dec:.8f}"}, to)

    def send_spectrum(self, survey: str | None = None, to: str | None = None) -> tuple[str, ...]:
        """Send the star's spectrum, by default its first; as a table where no program takes spectra."""
        from specviz.spectra.writers.spectra import observed_tables, spectra_bytes

        star = self._star()
        survey = survey or next(iter(star.spectra), "")
        if survey not in star.spectra:
            raise NotFoundError(f"{star.name} has no {survey or 'spectrum'}", expected=", ".join(star.spectra) or "one")
        name = f"{star.name} {survey}"
        url = self._file(f"{name}.vot", spectra_bytes(observed_tables(star.spectra[survey]), "votable"))
        spectrum = {
            "url": url,
            "spectrum-id": f"specviz-{safe_stem(name)}",
            "name": name,
            "meta": {"Access.Format": "application/x-votable+xml", "Target.Name": star.name},
        }
        try:
            return self._hub.send("spectrum.load.ssa-generic", spectrum, to)
        except NotFoundError:
            table = {"url": url, "table-id": f"specviz-{safe_stem(name)}", "name": name}
            return self._hub.send("table.load.votable", table, to)

    def send_similar(self, to: str | None = None) -> tuple[str, ...]:
        """Send the table of similar stars; a row that is selected there is selected here."""
        from specviz.analysis.export import export_bytes

        state = self._session.state
        if state.neighbours is None or len(state.neighbours) == 0:
            raise NotFoundError("There are no similar stars to send")
        name = f"Stars like {self._star().name}"
        data = export_bytes(state.report, "similar", "votable", neighbours=state.neighbours)
        table_id = f"specviz-{safe_stem(name)}"
        self._tables = {k: v for k, v in self._tables.items() if v != "similar"}  # an older one has other rows
        self._tables[table_id] = "similar"
        url = self._file(f"{name}.vot", data)
        return self._hub.send("table.load.votable", {"url": url, "table-id": table_id, "name": name}, to)

    def close(self) -> None:
        """Leave the hub, and delete the files that were handed over."""
        self._hub.close()
        self._files.cleanup()

    def __repr__(self) -> str:
        return f"<specviz SampLink: {'connected' if self.connected else 'not connected'}>"

    def _star(self) -> Any:
        star = self._session.state.star
        if star is None:
            raise NotFoundError("No star is on screen", remedy="Open one first")
        return star

    def _file(self, name: str, data: bytes) -> str:
        stem, _, suffix = name.rpartition(".")
        path = Path(self._files.name) / f"{safe_stem(stem)}.{suffix}"
        path.write_bytes(data)
        return path.as_uri()

    # ------------------------------------------------------------------ hearing
    def _heard(self, mtype: str, params: Mapping[str, Any], sender: str) -> None:
        try:
            self._take(mtype, params)
        except SpecvizError as error:
            self._session.tell(Notice("warning", f"What {sender[:40]} sent was not opened", str(error)))
            raise

    def _take(self, mtype: str, params: Mapping[str, Any]) -> None:
        if mtype == "coord.pointAt.sky":
            self._session.open(_position(params))
        elif mtype == "table.highlight.row":
            self._row(params)
        else:
            file, data = local_bytes(str(params.get("url") or ""))
            name = _file_name(str(params.get("name") or file), file, mtype)
            table = str(params.get("table-id") or params.get("url") or "")
            if mtype.startswith("table."):
                self._tables = {k: v for k, v in self._tables.items() if v != "work"} | {table: "work"}
            self._session.open_bytes(name, data)

    def _row(self, params: Mapping[str, Any]) -> None:
        what = self._tables.get(str(params.get("table-id") or "")) or self._tables.get(str(params.get("url") or ""))
        try:
            row = int(str(params.get("row")))
        except ValueError:
            raise SpecvizError(f"Row {params.get('row')!r}", expected="a whole number") from None
        if what == "work":
            self._session.go(row)
        elif what == "similar":
            self._session.choose(row)
        # a table that was never here: nothing to show, and nothing wrong


def _position(params: Mapping[str, Any]) -> str:
    """ICRS degrees as a person would type them."""
    try:
        ra, dec = float(params["ra"]), float(params["dec"])
    except (KeyError, TypeError, ValueError):
        ra = dec = float("nan")
    if not (0.0 <= ra <= 360.0 and -90.0 <= dec <= 90.0):
        raise SpecvizError(
            "A position without right ascension and declination", expected="ra and dec in degrees (ICRS)"
        )
    return f"{ra:.6f} {dec:+.6f}"


def _file_name(name: str, file: str, mtype: str) -> str:
    """A name with the suffix that says what it is; programs send names of tables, not of files."""
    for known in (name, file):
        if known.lower().endswith(_SUFFIXES):
            return known
    return name + _SUFFIX.get(mtype, ".fits")
