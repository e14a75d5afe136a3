"""``crossmatch``: two surveys' catalogues matched on the sky by LSDB into one catalogue with both spectra of a star."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from specviz.analysis.engine import cancel_check
from specviz.catalog.hats import dataset
from specviz.catalog.hats.export import export_hats
from specviz.catalog.hats.layout import lsdb
from specviz.catalog.hats.margins import widest_margin, write_margin
from specviz.catalog.hats.matching import MOTIONS, Rule
from specviz.catalog.hats.pairs import SUFFIX, MatchedPairs, resolve
from specviz.catalog.hats.reading import HatsEmbeddings, StoredModel, open_dataset, open_hats_embeddings, read_pixel
from specviz.catalog.hats.understanding import Columns
from specviz.catalog.scale.build import build, in_this_process
from specviz.catalog.store.header import FILE, Header
from specviz.catalog.store.parts import write_whole
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CatalogError, SpecvizError
from specviz.models.held import held

#: LAMOST gives positions of J2000, Gaia DR3 of J2016.0.
EPOCHS = (2000.0, 2016.0)
PAIRS = ("mutual", "each")


@dataclass(frozen=True)
class _Side:
    """One of the two catalogues: where it is as HATS, which columns are which, what it is called."""

    path: str
    columns: Columns
    name: str


def crossmatch(
    left: StarCatalog | str | Path,
    right: StarCatalog | str | Path,
    path: str | Path,
    *,
    radius_arcsec: float = 3.0,
    epochs: tuple[float, float] = EPOCHS,
    pairs: str = "mutual",
    again: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
    cancel: Any = None,
) -> StarCatalog:
    """Match two catalogues on the sky; the result has a row a pair, with the embeddings of both.

    A star of ``left`` gets the nearest star of ``right`` within the radius. Where ``right`` has proper motions (pmra
    and pmdec), its stars are moved to the epoch of ``left`` first; else positions are compared as they are, and after
    16 years a star of 0.2 arcsec/yr is out of a radius of 3 arcsec. Where both know a ``source_id`` of the same
    ``gaia_release``, that decides among the stars within the radius.

    Parameters
    ----------
    left, right : StarCatalog or path
        Star catalogues (exported first), or HATS catalogues with embeddings. LAMOST is the left one: rows, positions
        and names are its.
    path : path
        Folder of the result. Beside it, ``PATH.work`` keeps what is done until all is: an interrupted run goes on.
    radius_arcsec : float
    epochs : tuple of float
        Julian years of the positions, left and right.
    pairs : {"mutual", "each"}
        "mutual": one to one; of several left stars with one partner the nearest keeps it, the others have none.
        "each": every left star keeps its nearest, so that repeated visits of a star stay.
    again : bool
        Throw the work of an unfinished run away.
    progress : callable(step, done, total), optional
    cancel : threading.Event or callable() -> bool, optional
        Asked between steps and partitions; while LSDB matches, only before and after.

    Returns
    -------
    StarCatalog
        Columns of ``left``, those of ``right`` (with ``_right`` where both have it), ``separation_arcsec``.
        Surveys of ``left``, and those of ``right`` that it has not.

    Raises
    ------
    CatalogError
        If different weights made the embeddings, there are no pairs, or an option is none.
    """
    library = lsdb()
    if not 0.0 < radius_arcsec <= 60.0:
        raise CatalogError(f"radius_arcsec={radius_arcsec}", expected="above 0, at most 60")
    if pairs not in PAIRS:
        raise CatalogError(f"pairs={pairs!r}", expected=" or ".join(PAIRS))
    folder, stop, tell = Path(path), cancel_check(cancel), progress or (lambda step, done, total: None)
    plan = {
        "left": _fingerprint(left), "right": _fingerprint(right), "radius_arcsec": radius_arcsec,
        "epochs": [float(year) for year in epochs], "pairs": pairs,
    }  # fmt: skip
    if (folder / FILE).is_file():
        return _made_already(folder, plan)
    work = _begin(folder.with_name(f"{folder.name}.work"), plan, again)
    with ExitStack() as stack:
        try:
            stack.enter_context(held(work / "lock", f"matching {folder.name}"))
        except SpecvizError as error:
            raise CatalogError(error.what, remedy="Wait until it is done and do the same again") from error
        made = _made(library, left, right, folder, work, plan, tell, stop, cancel)
    shutil.rmtree(work)
    return made


def _made(
    library: Any,
    left: StarCatalog | str | Path,
    right: StarCatalog | str | Path,
    folder: Path,
    work: Path,
    plan: dict[str, Any],
    tell: Callable[[str, int, int], None],
    stop: Callable[[], None],
    cancel: Any,
) -> StarCatalog:
    """Both as HATS, the margin, LSDB's pairs, one partner each, the catalogue."""

    def told(step: str) -> Callable[[int, int], None]:
        return lambda done, total: tell(step, done, total)

    one = _side(left, work / "left", told("left"), cancel)
    other = _side(right, work / "right", told("right"), cancel)
    if one.columns.header.weights_sha256 != other.columns.header.weights_sha256:
        other.columns.header.check_weights(one.columns.header.weights_sha256, f"The right catalogue ({other.name})")
    rule = _rule(one, other, plan["radius_arcsec"], tuple(plan["epochs"]))
    reach, fast = _reach(other, rule, stop)
    margin = _margin(other, work / "margin", reach, told("margin"), cancel)
    stop()
    tell("match", 0, 1)
    _match(library, one, other, rule, margin, work / "pairs")
    tell("match", 1, 1)
    stop()
    header = _both(one.columns, other.columns)
    ours = tuple(one.columns.plain.values())
    named = {**other.columns.vectors, **one.columns.vectors}
    units = {n + SUFFIX if n in ours else n: unit for n, unit in other.columns.units.items()}
    units |= one.columns.units
    found = HatsEmbeddings(str(work / "pairs"), header.weights_sha256, tuple(named.items()))
    winners, mutual = work / "winners.npz", plan["pairs"] == "mutual"
    count, lost = resolve(found, winners)
    source = MatchedPairs(found, ours, str(winners) if mutual else "", tuple(units.items()))
    notes = {
        "crossmatch": json.dumps(plan),
        "left": one.name,
        "right": other.name,
        "pairs": f"{count} found, {lost if mutual else 0} left out since another was nearer",
        "motion": "right catalogue moved by its proper motion" if rule.motion else "positions compared as they are",
    }
    if fast:
        notes["motion"] += f"; {fast} stars that move more than {reach - rule.radius_arcsec:.0f} arcsec may be missed"
    return build(
        source,
        folder,
        StoredModel.of(header),
        runner=in_this_process,
        again=False,
        progress=lambda p: tell("catalogue", p.done, p.total),
        cancel=cancel,
        **notes,
    )


def _fingerprint(given: StarCatalog | str | Path) -> str:
    star = _star_catalog(given)
    if star is not None:
        return star.header.content_sha256
    source = open_hats_embeddings(str(given))
    if source is None:
        raise CatalogError(
            f"{given} holds no embeddings", expected="columns such as embedding_gaia_xp, or a star catalogue"
        )
    return source.fingerprint


def _star_catalog(given: StarCatalog | str | Path) -> StarCatalog | None:
    if isinstance(given, StarCatalog):
        return given
    folder = Path(given).expanduser()
    return StarCatalog.open(folder) if (folder / FILE).is_file() else None


def _made_already(folder: Path, plan: dict[str, Any]) -> StarCatalog:
    made = StarCatalog.open(folder)
    if made.header.notes.get("crossmatch") == json.dumps(plan):
        return made
    raise CatalogError(f"There is another catalogue at {folder}", remedy="Name another folder, or delete it")


def _begin(work: Path, plan: dict[str, Any], again: bool) -> Path:
    file = work / "plan.json"
    if again and file.is_file():
        shutil.rmtree(work)
    if file.is_file():
        if file.read_text("utf-8") != json.dumps(plan):
            raise CatalogError(
                f"{work} holds an unfinished match of other catalogues or with other options",
                remedy="Finish that one, or start over (--again)",
            )
        return work
    if work.exists() and any(work.iterdir()):
        raise CatalogError(f"There is something else at {work}", remedy="Move it, or name another catalogue")
    work.mkdir(parents=True, exist_ok=True)
    text = json.dumps(plan).encode()
    write_whole(file, lambda stream: stream.write(text))
    return work


def _side(given: StarCatalog | str | Path, work: Path, tell: Callable[[int, int], None], cancel: Any) -> _Side:
    """A catalogue as HATS."""
    star = _star_catalog(given)
    name = star.path.name if star is not None else Path(str(given)).name
    where = str(given) if star is None else str(export_hats(star, work, progress=tell, cancel=cancel).path)
    source = open_hats_embeddings(where)
    if source is None or source.columns is None:
        raise CatalogError(f"{name} holds no embeddings", expected="a catalogue with embeddings")
    return _Side(source.path, source.columns, name)


def _rule(left: _Side, right: _Side, radius: float, epochs: tuple[float, float]) -> Rule:
    theirs = right.columns.plain
    motion = next(((theirs[a], theirs[b]) for a, b in MOTIONS if a in theirs and b in theirs), None)
    both = all(side.columns.plain.get(n) == n for side in (left, right) for n in ("source_id", "gaia_release"))
    return Rule(radius, *epochs, motion, ("source_id", "gaia_release") if both else None)


def _reach(side: _Side, rule: Rule, stop: Callable[[], None]) -> tuple[float, int]:
    """How wide a margin must be for the radius and the fastest star, and how many stars are too fast for any margin.

    A margin cannot be wider than a pixel. A star that moves farther than the widest one is still found, unless it has
    crossed the border of a pixel.
    """
    catalog = open_dataset(side.path)
    radius, widest, largest, fast = rule.radius_arcsec, widest_margin(catalog), 0.0, 0
    for pixel in catalog.get_healpix_pixels() if rule.motion is not None else ():
        stop()
        table = read_pixel(catalog, pixel, rule.motion or ())
        east, north = (np.nan_to_num(table.column(name).to_numpy().astype(np.float64)) for name in rule.motion or ())
        moves = 1e-3 * np.hypot(east, north) * abs(rule.right_epoch - rule.left_epoch)
        largest = max(largest, float(moves.max(initial=0.0)))
        fast += int((moves > widest - radius).sum())
    return max(radius, min(float(np.ceil(radius + largest)), widest)), fast


def _margin(side: _Side, work: Path, arcsec: float, tell: Callable[[int, int], None], cancel: Any) -> Path | None:
    """A margin that is wide enough: the catalogue's own, or one that is written."""
    library = lsdb()
    own = getattr(library.open_catalog(side.path), "margin", None)
    if own is not None and own.hc_structure.catalog_info.margin_threshold >= arcsec:
        return None
    return write_margin(side.path, work, arcsec, progress=tell, cancel=cancel)


def _match(library: Any, left: _Side, right: _Side, rule: Rule, margin: Path | None, out: Path) -> None:
    """Have LSDB write the pairs; partitions that an earlier run wrote are kept."""
    if dataset.read_properties(out) is not None:
        return
    _mend(out)
    ours = library.open_catalog(left.path, columns="all")
    theirs = library.open_catalog(right.path, columns="all", **({"margin_cache": margin} if margin else {}))
    with warnings.catch_warnings():
        # Without a margin there is no star along a border, or the catalogue's own is taken.
        warnings.filterwarnings("ignore", message="Right catalog does not have a margin")
        warnings.filterwarnings("ignore", message="The inplace keyword in NestedFrame", category=DeprecationWarning)
        try:
            matched = ours.crossmatch(
                theirs,
                algorithm=rule.algorithm(),
                suffixes=("", SUFFIX),
                suffix_method="overlapping_columns",
                log_changes=False,
            )
            matched.write_catalog(
                out, as_collection=False, resume=out.exists(), progress_bar=False, should_write_skymap=False
            )
        except RuntimeError as error:
            if "empty" not in str(error) and "overlap" not in str(error):
                raise
            raise CatalogError(
                f"No star of {left.name} is within {rule.radius_arcsec:g} arcsec of one of {right.name}",
                remedy="Check that both give positions in degrees, or match within a larger radius",
            ) from error


def _mend(out: Path) -> None:
    """Undo half steps of a killed run, which LSDB would not go on from: counts of partitions that are not done."""
    done = {file.name.removesuffix("_done") for file in out.glob("done/*_done")}
    for file in out.glob("hists/*"):
        if file.name.removesuffix("_histogram.npz") not in done:
            file.unlink()


def _both(left: Columns, right: Columns) -> Header:
    """The header of both surveys' embeddings."""
    one, other = left.header, right.header
    releases = dict.fromkeys(r for header in (one, other) for r in header.release.split(", ") if r)
    return Header(one.model, one.version, one.weights_sha256, ", ".join(releases), {**other.dims, **one.dims})
