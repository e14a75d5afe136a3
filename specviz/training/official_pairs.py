"""A user's own HDF5 in the official SpecCLIP layout as training material.

The file is read twice, some thousand stars at a time: once to judge every row, once to copy the good ones as float16
(LAMOST) and float32 (XP) into memory-mapped arrays beside the checkpoints. Memory does not grow with the file.

From the command line: ``python -m specviz.training.official_pairs check FILE`` says what a file holds and what is wrong
with it; ``... export FILE`` writes simulated pairs in the official layout.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import SpectrumError, SpecvizError
from specviz.training.data import SimulatedPairs
from specviz.training.official_layout import (
    PIXELS,
    OfficialFile,
    OfficialGroup,
    Survey,
    inspect,
    open_hdf5,
    write_official_hdf5,
)
from specviz.training.official_rows import ROWS, Verdict, clean, read_labels, read_rows, scan, usable, validation_rows

#: Of the converted files; raised when their arrays change.
_LAYOUT = 1
#: Stars without which training is pointless.
_MIN_TRAIN, _MIN_TEST = 40, 8
_KIND: dict[Survey, str] = {"lamost_lrs": "float16", "gaia_xp": "float32"}

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Spectra:
    """Spectra of one survey, on disk: ``flux``, ``ivar`` (n, L; 0 where masked or unknown), ``log_snr`` (n,)."""

    flux: Array
    ivar: Array
    log_snr: Array

    def __len__(self) -> int:
        return len(self.flux)


@dataclass(frozen=True, eq=False)
class OwnData:
    """What a training on own files learns from.

    Attributes
    ----------
    train, validation, test : SimulatedPairs
        Clean, rest-frame and dust-free arrays are the observed ones: nobody knows better. ``labels`` holds the usable
        labels of the file, NaN where unknown; ``index`` the row in its group.
    single : mapping of survey to Spectra
        Further spectra of one survey, for the pre-training.
    has_ivar : frozenset of survey
    labels : tuple of str
    notes : tuple of str
        What the person should know: rows and labels left out, stars on both sides.
    key : str
        Changes with the files.
    """

    train: SimulatedPairs
    validation: SimulatedPairs
    test: SimulatedPairs
    single: Mapping[Survey, Spectra]
    has_ivar: frozenset[Survey]
    labels: tuple[str, ...]
    notes: tuple[str, ...]
    key: str


def load_own_data(paths: Sequence[str | Path], cache: Path, *, progress: bool = False) -> OwnData:
    """Read one file of pairs and, if given, encoder files of either survey.

    Parameters
    ----------
    paths : sequence of path
        In any order; what a file is, its content says.
    cache : Path
        Folder for the converted arrays: 8.6 kB a pair, 4.3 GB for half a million.

    Raises
    ------
    SpecvizError
        With what is wrong, what was expected and what to do.
    """
    files = [inspect(p) for p in paths]
    pairs = [f for f in files if f.paired]
    if len(pairs) != 1:
        raise SpecvizError(
            f"{len(pairs)} of the {len(files)} files hold pairs", expected="one with gaia_spectra and lamost_spectra",
            remedy="Put all pairs into one file; files of one survey only help in the pre-training",
        )  # fmt: skip
    surveys = [next(iter(f.flux)) for f in files if not f.paired]
    if len(set(surveys)) < len(surveys):
        raise SpecvizError("Two files hold spectra of the same survey alone", expected="at most one a survey")
    folders = {f.path: _convert(f, cache, progress) for f in files}
    parts = {p: _open_pairs(folders[pairs[0].path], p) for p in ("train", "validation", "test")}
    notes = [json.loads((folders[f.path] / "notes.json").read_text()) for f in files]
    labels = tuple(k for k in pairs[0].labels if k in parts["train"].labels)
    single = {s: _open_single(folders[f.path], s) for f in files if not f.paired for s in f.flux}
    return OwnData(**parts, single=single, has_ivar=frozenset(pairs[0].ivar), labels=labels,
                   notes=tuple(n for lines in notes for n in lines), key="-".join(_key(f) for f in files))  # fmt: skip


# ---------------------------------------------------------------------------------------------- converting
def _key(file: OfficialFile) -> str:
    """Changes when the file is written again."""
    stat = file.path.stat()
    text = json.dumps([_LAYOUT, file.path.name, stat.st_size, stat.st_mtime_ns])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _convert(file: OfficialFile, cache: Path, progress: bool) -> Path:
    """Write the good rows of a file as .npy arrays, once; returns their folder."""
    folder = cache / f"own_{_key(file)}"
    if folder.is_dir():
        return folder
    notes: list[str] = []
    rows = {g: scan(file, g, notes, progress) for g in file.sizes if file.paired or g == "train"}
    parts = {"train": ("train", np.flatnonzero(rows["train"].keep))}
    if file.paired:
        parts = _split(file, rows, notes)
    size = sum(len(at) for _, at in parts.values()) * sum(
        2 * PIXELS[s] * np.dtype(_KIND[s]).itemsize for s in file.flux
    )
    with open_hdf5(file.path) as f:
        labels = {group: read_labels(f, file, group) for group in {group for group, _ in parts.values()}}
        learned = [k for k, v in labels["train"].items() if usable(k, v[parts["train"][1]], notes)]
        cache.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(cache).free < size:
            raise SpecvizError(f"{file.path.name} needs {size / 1e9:.1f} GB beside the checkpoints, in {cache}",
                               remedy="Pass --runs with a folder that has more room")  # fmt: skip
        partial = folder.with_suffix(".part")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        for part, (group, at) in parts.items():
            columns = {f"label_{k}": labels[group][k][at] for k in learned}
            _write_part(f, file, group, at, partial / part, columns, progress)
    (partial / "notes.json").write_text(json.dumps(notes))
    partial.replace(folder)
    return folder


def _split(file: OfficialFile, rows: dict[str, Verdict], notes: list[str]) -> dict[str, tuple[str, NDArray[np.int64]]]:
    """Group and row numbers of each part. The groups of the file are obeyed; stars, not rows, are dealt out."""
    known, hashes = np.flatnonzero(rows["train"].keep), rows["train"].hashes
    if "test" in rows:
        test = ("test", np.flatnonzero(rows["test"].keep))
        both = int(np.isin(rows["test"].hashes, hashes).sum())
        if both:
            notes.append(f"{file.path.name}: {both:,} stars of test are also in train: figures will flatter")
    else:
        # The far end of the same hashes, so that no star is in two parts.
        held = validation_rows(~hashes) if len(hashes) else np.zeros(0, bool)
        test, known, hashes = ("train", known[held]), known[~held], hashes[~held]
        notes.append(f"{file.path.name} has no group test: {len(test[1]):,} of its stars are held out instead")
    validates = validation_rows(hashes) if len(hashes) else np.zeros(0, bool)
    parts = {"train": ("train", known[~validates]), "validation": ("train", known[validates]), "test": test}
    for part, least in (("train", _MIN_TRAIN - _MIN_TEST), ("test", _MIN_TEST)):
        if len(parts[part][1]) < least:
            need = _MIN_TRAIN if part == "train" else _MIN_TEST
            raise SpectrumError(f"{file.path.name} has too few usable pairs for {part}", expected=f"at least {need}",
                                remedy="; ".join(notes) or "Add stars")  # fmt: skip
    return parts


def _write_part(f: Any, file: OfficialFile, group: str, at: NDArray[np.int64], folder: Path,
                columns: dict[str, Array], progress: bool) -> None:  # fmt: skip
    from tqdm import tqdm

    from specviz.models.specclip.signal import log_snr

    folder.mkdir()
    n = len(at)
    maps = {
        (s, what): np.lib.format.open_memmap(
            folder / f"{s}_{what}.npy", mode="w+", dtype=_KIND[s], shape=(n, PIXELS[s])
        )
        for s in file.flux
        for what in ("flux", "ivar")
    }
    snr = {s: np.empty(n, np.float32) for s in file.flux}
    for start in tqdm(range(0, file.sizes[group], ROWS), desc=f"convert {folder.name}", disable=not progress):
        rows = slice(start, min(start + ROWS, file.sizes[group]))
        low, high = np.searchsorted(at, (rows.start, rows.stop))
        if low == high:
            continue
        for survey, flux, ivar in read_rows(f, file, group, rows):
            mine = at[low:high] - start
            flux, weight = clean(survey, flux[mine], None if ivar is None else ivar[mine])
            snr[survey][low:high] = log_snr(flux, weight)
            maps[survey, "flux"][low:high], maps[survey, "ivar"][low:high] = flux, weight
    for values in maps.values():
        values.flush()
    kept: dict[str, Any] = {"index": at, **{f"snr_{s}": v for s, v in snr.items()}, **columns}
    np.savez(folder / "columns.npz", **kept)


def _open_single(folder: Path, survey: Survey) -> Spectra:
    flux, ivar = (np.load(folder / "train" / f"{survey}_{what}.npy", mmap_mode="r") for what in ("flux", "ivar"))
    with np.load(folder / "train" / "columns.npz") as columns:
        return Spectra(flux, ivar, columns[f"snr_{survey}"])


def _open_pairs(folder: Path, part: str) -> SimulatedPairs:
    arrays = {p.stem: np.load(p, mmap_mode="r") for p in (folder / part).glob("*.npy")}
    with np.load(folder / part / "columns.npz") as f:
        columns = {k: f[k] for k in f.files}
    lamost, xp = arrays["lamost_lrs_flux"], arrays["gaia_xp_flux"]
    return SimulatedPairs(
        lamost=lamost, lamost_clean=lamost, lamost_rest=lamost, lamost_ivar=arrays["lamost_lrs_ivar"],
        lamost_log_snr=columns["snr_lamost_lrs"], xp=xp, xp_clean=xp, xp_dustfree=xp, xp_ivar=arrays["gaia_xp_ivar"],
        xp_log_snr=columns["snr_gaia_xp"], index=columns["index"],
        labels={k.removeprefix("label_"): v for k, v in columns.items() if k.startswith("label_")},
    )  # fmt: skip


def official_group(pairs: SimulatedPairs, first_id: int = 0) -> OfficialGroup:
    """Simulated pairs as a group to be written; their source_ids count up from ``first_id``."""
    return OfficialGroup(
        gaia=pairs.xp, lamost=pairs.lamost, gaia_ivar=pairs.xp_ivar, lamost_ivar=pairs.lamost_ivar,
        source_ids=first_id + np.arange(len(pairs)), labels=pairs.labels,
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m specviz.training.official_pairs check FILE...`` and ``... export FILE``."""
    from specviz.training.recipe import shared_folder

    parser = argparse.ArgumentParser(prog="python -m specviz.training.official_pairs", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="say what files hold and what is wrong with them")
    check.add_argument("files", nargs="+")
    export = commands.add_parser("export", help="write simulated pairs in the official layout")
    export.add_argument("file")
    export.add_argument("--pairs", type=int, default=1000, help="training pairs; a fifth as many for test")
    export.add_argument("--seed", type=int, default=7)
    export.add_argument("--shared", help="folder of the training material (default: SPECVIZ_SHARED or ../shared)")
    export.add_argument("--cache", default="runs/cache", help="where drawn pairs are kept")
    options = parser.parse_args(argv)
    try:
        if options.command == "export":
            shared, cache = shared_folder(options.shared), Path(options.cache)
            train, test = (
                SimulatedPairs.load(shared, cache, split, n, options.seed + i, True)
                for i, (split, n) in enumerate((("train", options.pairs), ("test", max(_MIN_TEST, options.pairs // 5))))
            )
            write_official_hdf5(options.file, official_group(train), official_group(test, len(train)))
            options.files = [options.file]
        for path in options.files:
            file, notes = inspect(path), list[str]()
            print(file.describe())
            for group in file.sizes:
                scan(file, group, notes, True)
                with open_hdf5(file.path) as f:
                    read_labels(f, file, group)
            print("\n".join(notes) or "every row can be used")
    except SpecvizError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
