"""``pull``: the official release to a model on this machine. ``pull_catalog``: its test spectra."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from specviz.errors import CatalogError, UnknownModelError
from specviz.models.held import held
from specviz.models.hub.download import download
from specviz.models.hub.listing import Listing, RemoteFile, list_files
from specviz.models.installed import (
    OFFICIAL,
    Manifest,
    catalogs_folder,
    downloads_folder,
    installed,
    model_folder,
    models_folder,
)
from specviz.models.specclip.official_files import NETWORKS, REPOSITORY, TEST_CATALOGS, is_official, is_pickle
from specviz.models.specclip.routing import ROUTES
from specviz.models.work import Cancel, Progress, Work

#: What a conversion writes, generously.
_CONVERTED_BYTES = 1_400_000_000
#: What a catalogue of spectra ends in.
_SPECTRA = (".h5", ".hdf5", ".npz")
#: Called with what begins now: "download", "convert".
Stage = Callable[[str], None]


@dataclass(frozen=True)
class Pulled:
    """What a pull did: ``outcome`` "new", "completed" (posteriors added) or "there" (nothing to do)."""

    folder: Path
    manifest: Manifest
    outcome: Literal["new", "completed", "there"]


def pull(
    name: str = OFFICIAL,
    *,
    source: str | Path | None = None,
    endpoint: str | None = None,
    revision: str = "main",
    trust_pickle: bool = False,
    keep: bool = False,
    again: bool = False,
    stage: Stage | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> Pulled:
    """Bring a model to this machine: fetch the release, convert it, put it where ``load_model`` looks.

    Parameters
    ----------
    name : str
        "specclip-official".
    source : path, optional
        A local copy of the release: nothing is fetched, no network is needed.
    endpoint : str, optional
        A mirror of the hub; by default ``HF_ENDPOINT``, else the hub itself.
    revision : str
        Branch, tag or commit.
    trust_pickle : bool
        Also fetch and convert the posteriors, which are pickles: see
        :func:`~specviz.models.specclip.convert.convert_release`. A model that was pulled without them is completed.
    keep : bool
        Keep the official files after they were converted.
    again : bool
        Convert even what is there already.
    stage : callable(text), optional
        Told "download" and "convert" when these begin; progress counts from zero in each.
    progress, cancel
        See :func:`~specviz.models.specclip.convert.convert_release`.

    Raises
    ------
    SpecvizError
        What was wrong and what to do; a second pull goes on where the first stopped.
    """
    from specviz.models.specclip.convert import add_posteriors, convert_release

    target, tell = model_folder(name), stage or (lambda text: None)
    here = None if again else installed(name)
    if source is not None:
        tell("convert")
        made = convert_release(source, target, trust_pickle=trust_pickle, progress=progress, cancel=cancel)
        return Pulled(target, made, "new")

    with held(models_folder() / f".{name}.pull.lock", f"pulling {name}"):
        listing = list_files(REPOSITORY, revision=revision, endpoint=endpoint)
        paths, complete = _wanted(listing, trust_pickle), False
        if here is not None:
            manifest = Manifest.load(here)
            if manifest.source.get("revision") == listing.revision:
                lacking = {r.path.lower() for r in ROUTES if r.head == "sbi" and r.file not in manifest.written}
                paths, complete = [p for p in paths if p.lower() in lacking], True
                if not paths:
                    return Pulled(here, manifest, "there")
        folder = downloads_folder(name)
        tell("download")
        work = Work(sum(listing.files[p].size for p in paths), progress, cancel)
        download(listing, paths, folder, work, room=0 if complete else _CONVERTED_BYTES)
        tell("convert")
        if complete:
            made = add_posteriors(folder, target, progress=progress, cancel=cancel)
        else:
            origin: dict[str, Any] = {"repo": REPOSITORY, "revision": listing.revision}
            origin |= {"endpoint": listing.endpoint} if listing.endpoint else {}
            made = convert_release(
                folder, target, trust_pickle=trust_pickle, origin=origin, progress=progress, cancel=cancel
            )
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # another model's files are in it
                folder.parent.rmdir()
    return Pulled(target, made, "completed" if complete else "new")


def _wanted(listing: Listing, trust_pickle: bool) -> list[str]:
    """The files of the release, less the pickles of those who do not trust them."""
    paths = [p for p in sorted(listing.files) if is_official(p) and (trust_pickle or not is_pickle(p))]
    absent = [kind for kind in ("predrecon", "split") if not any(p in paths for p in NETWORKS[kind])]
    if absent:
        raise UnknownModelError(
            f"{listing.repo} at revision {listing.revision[:12]} has no {' and no '.join(absent)} network",
            expected="the files of the SpecCLIP release",
            remedy="Name another revision",
        )
    return paths


def pull_catalog(
    name: str,
    *,
    source: str | Path | None = None,
    endpoint: str | None = None,
    revision: str = "main",
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> list[Path]:
    """Bring a test catalogue of the official release ("specclip-test", "specclip-test-small") to this machine.

    Gives its HDF5 and npz files; ``specviz.catalog.official`` reads them. With ``source`` (a file, or a folder that
    holds them) they are copied from there.
    """
    if name not in TEST_CATALOGS:
        raise CatalogError(f"There is no catalogue {name!r} to pull", expected="one of " + ", ".join(TEST_CATALOGS))
    folder = catalogs_folder() / name
    if source is not None:
        return _copied(Path(source).expanduser(), folder, progress, cancel)
    listing = list_files(TEST_CATALOGS[name], "dataset", revision=revision, endpoint=endpoint)
    paths = [p for p in sorted(listing.files) if p.lower().endswith(_SPECTRA)]
    if not paths:
        raise CatalogError(f"{listing.repo} holds no spectra", expected="an HDF5 or npz file", remedy="Name a revision")
    work = Work(sum(listing.files[p].size for p in paths), progress, cancel)
    with held(catalogs_folder() / f".{name}.pull.lock", f"pulling {name}"):
        found = download(listing, paths, folder, work)
        _write_origin(folder, listing, [listing.files[p] for p in paths])
    return found


def catalog_files(name: str) -> list[Path]:
    """The files of a test catalogue that was pulled; empty where it was not."""
    folder = catalogs_folder() / name
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SPECTRA)


def _copied(source: Path, folder: Path, progress: Progress | None, cancel: Cancel | None) -> list[Path]:
    files = [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.suffix.lower() in _SPECTRA)
    if not files:
        raise CatalogError(f"{source} holds no spectra", expected="an HDF5 or npz file of the SpecCLIP release")
    work = Work(sum(p.stat().st_size for p in files), progress, cancel)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for path in files:
        work.say(path.name)
        target = folder / path.name
        part = target.with_name(f"{target.name}.part")
        try:
            with path.open("rb") as stream, part.open("wb") as out:
                while piece := stream.read(1 << 22):
                    out.write(piece)
                    work.add(len(piece))
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        made.append(target)
    return made


def _write_origin(folder: Path, listing: Listing, files: list[RemoteFile]) -> None:
    """Where the catalogue came from, beside it."""
    content = {
        "repo": listing.repo,
        "revision": listing.revision,
        "files": {f.path: {"sha256": f.sha256, "bytes": f.size} for f in files},
    }
    (folder / "origin.json").write_text(json.dumps(content, indent=1), "utf-8")
