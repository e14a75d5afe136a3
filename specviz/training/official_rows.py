"""Which rows of a user's own HDF5 are spectra that can be learned from, whose they are, and what labels they have."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import SpectrumError
from specviz.spectra.grids import XP_REFERENCE_INDEX
from specviz.training.official_layout import OfficialFile, Survey, chunk, open_hdf5, source_ids

#: Rows read at once: 4,096 pairs with ivar are 59 MB.
ROWS = 4096
#: Part of the training stars that validates; which ones, their source_id decides.
VALIDATION_FRACTION = 0.1
#: Where a spectrum cannot be what it should be: median of continuum-normalised flux, f(550 nm) of XP.
_MEDIAN, _F550 = (0.4, 1.6), (0.98, 1.02)
#: A file in which more of the rows are not normalised than this was not normalised at all.
_TOO_MANY = 0.2
#: A LAMOST spectrum may lack this part of its pixels, where ivar is 0.
_MISSING = 0.2
#: Training stars that a label must be known of.
MIN_LABELLED = 20
#: float16 ends at 65,504.
_MAX_IVAR: dict[Survey, float] = {"lamost_lrs": 6e4, "gaia_xp": 1e12}
_CLIP: dict[Survey, tuple[float, float]] = {"lamost_lrs": (-50.0, 50.0), "gaia_xp": (-2.0, 60.0)}


def judge(survey: Survey, flux: NDArray[np.float32], ivar: NDArray[np.float32] | None
          ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:  # fmt: skip
    """Which spectra (n, L) are sound, and which are normalised as the survey's must be; each (n,).

    Sound: finite where ``ivar`` is not 0, and not flat.
    """
    finite = np.isfinite(flux)
    needed = finite if ivar is None or survey == "gaia_xp" else finite | ~(ivar > 0)
    known = finite & (True if ivar is None else ivar > 0)
    sound = needed.all(axis=1) & (finite.mean(axis=1) >= 1 - _MISSING)
    if ivar is not None:
        sound &= known.mean(axis=1) >= 1 - _MISSING
    filled = np.where(finite, flux, 0.0)
    sound &= np.ptp(filled, axis=1) > 0
    with np.errstate(over="ignore", invalid="ignore"):
        at, (low, high) = _scale(survey, filled), _MEDIAN if survey == "lamost_lrs" else _F550
    return sound, (at > low) & (at < high)


def _scale(survey: Survey, flux: NDArray[np.float32]) -> NDArray[np.float32]:
    """The number that normalisation sets to 1, (n,)."""
    return np.asarray(np.median(flux, axis=1) if survey == "lamost_lrs" else flux[:, XP_REFERENCE_INDEX])


def clean(survey: Survey, flux: NDArray[np.float32], ivar: NDArray[np.float32] | None
          ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:  # fmt: skip
    """Flux without gaps and ivar (n, L), 0 where nothing is known."""
    good = np.isfinite(flux)
    weight = np.zeros_like(flux) if ivar is None else np.where(good & (ivar > 0) & np.isfinite(ivar), ivar, 0.0)
    # Masked pixels of a normalised spectrum lie on its continuum; a value left there would be a cosmic ray.
    flux = np.where(good & ((weight > 0) | (ivar is None)), flux, 1.0) if survey == "lamost_lrs" else flux
    return flux.clip(*_CLIP[survey]), weight.clip(0.0, _MAX_IVAR[survey]).astype(np.float32)


def validation_rows(hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which training stars validate, (n,): those with the smallest hashes; a tenth, and at least eight."""
    n = max(round(VALIDATION_FRACTION * len(hashes)), min(8, len(hashes)))
    return np.asarray(hashes <= np.sort(hashes)[n - 1])


def hash_ids(ids: NDArray[Any]) -> NDArray[np.uint64]:
    """64 bits of each identifier, (n,): the same star the same bits, in any file and order."""
    if ids.dtype.kind in "iu":
        with np.errstate(over="ignore"):  # splitmix64 (Steele, Lea and Flood 2014, OOPSLA)
            z = ids.astype(np.int64).view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            return np.asarray(z ^ (z >> np.uint64(31)))
    return np.array(
        [int.from_bytes(hashlib.blake2b(bytes(i), digest_size=8).digest(), "little") for i in ids], np.uint64
    )


@dataclass(frozen=True, eq=False)
class Verdict:
    """On a group: ``keep`` (n,) and, for those kept, ``hashes`` of their stars."""

    keep: NDArray[np.bool_]
    hashes: NDArray[np.uint64]


def scan(file: OfficialFile, group: str, notes: list[str], progress: bool) -> Verdict:
    """Judge every row of a group; what is left out is told in ``notes``.

    Raises
    ------
    SpectrumError
        If the spectra are not normalised, or ivar is not that of the normalised flux.
    """
    from tqdm import tqdm

    n = file.sizes[group]
    sound, normal = np.ones(n, bool), {s: np.ones(n, bool) for s in file.flux}
    scales = {s: np.ones(n, np.float32) for s in file.flux}
    hashes, snr = np.zeros(n, np.uint64), dict[Survey, float]()
    with open_hdf5(file.path) as f:
        by_id = len(file.source_ids) == len(file.sizes)
        if by_id:
            hashes = hash_ids(source_ids(f, group))
        for start in tqdm(range(0, n, ROWS), desc=f"check {file.path.name} {group}", disable=not progress):
            rows = slice(start, min(start + ROWS, n))
            for survey, flux, ivar in read_rows(f, file, group, rows):
                good, normal[survey][rows] = judge(survey, flux, ivar)
                sound[rows] &= good
                scales[survey][rows] = _scale(survey, np.nan_to_num(flux))
                if ivar is not None and start == 0:
                    snr[survey] = _typical_snr(flux[good], ivar[good])
                # Without source_ids the XP spectrum stands for its star: Gaia publishes one for each.
                if not by_id and (survey == "gaia_xp" or not file.paired):
                    hashes[rows] = hash_ids(np.ascontiguousarray(flux).view(f"V{flux.shape[1] * 4}")[:, 0])
    keep = sound.copy()
    for survey, at in normal.items():
        wrong = sound & ~at
        if wrong.sum() > _TOO_MANY * max(1, sound.sum()):
            raise _not_normalised(file, group, survey, wrong[sound].mean(), float(np.median(scales[survey][sound])))
        keep &= at
    for survey, typical in snr.items():
        if not 0.05 < typical < 2e4:  # an ivar of the raw flux is wrong by the square of the scale
            raise SpectrumError(
                f"{group}/{file.ivar[survey]} of {file.path.name} gives a median S/N of {typical:.3g} a pixel",
                expected="the inverse variance of the normalised flux",
                remedy="Multiply the ivar of the raw flux by the square of what the flux was divided by",
            )
    lost = {"not finite, flat or masked": int((~sound).sum()), "not normalised": int((sound & ~keep).sum())}
    if any(lost.values()):
        why = ", ".join(f"{k:,} {reason}" for reason, k in lost.items() if k)
        notes.append(f"{file.path.name}: {n - int(keep.sum()):,} of {n:,} {group} rows are left out ({why})")
    return Verdict(keep, hashes[keep])


def read_rows(f: Any, file: OfficialFile, group: str, rows: slice
              ) -> list[tuple[Survey, NDArray[np.float32], NDArray[np.float32] | None]]:  # fmt: skip
    """(survey, flux, ivar or None) of some rows, arrays (n, L)."""
    return [
        (s, chunk(f, group, name, rows), chunk(f, group, file.ivar[s], rows) if s in file.ivar else None)
        for s, name in file.flux.items()
    ]


def _not_normalised(file: OfficialFile, group: str, survey: Survey, part: float, typical: float) -> SpectrumError:
    where = f"{group}/{file.flux[survey]} of {file.path.name}"
    if survey == "lamost_lrs":
        return SpectrumError(
            f"{where} is not continuum-normalised: {part:.0%} of the spectra have a median flux far from 1 (typically "
            f"{typical:.4g})", expected="flux / continuum",
            remedy="Divide each spectrum by specviz.spectra.continuum.gaspp_continuum first, or use to_specclip_grid",
        )  # fmt: skip
    return SpectrumError(
        f"{where} is not divided by the flux at 550 nm: {part:.0%} of the spectra are not 1 there (typically "
        f"{typical:.4g})", expected=f"1 at index {XP_REFERENCE_INDEX}, 550 nm",
        remedy=f"Divide each spectrum by its value at index {XP_REFERENCE_INDEX}, and multiply ivar by its square",
    )  # fmt: skip


def _typical_snr(flux: NDArray[np.float32], ivar: NDArray[np.float32]) -> float:
    """Median S/N of the pixels that have one; 1, which is possible, where none has."""
    known = ivar > 0
    if not known.any():
        return 1.0
    with np.errstate(over="ignore"):
        return float(np.median(np.abs(flux[known].astype(np.float64)) * np.sqrt(ivar[known].astype(np.float64))))


# ---------------------------------------------------------------------------------------------- labels
def read_labels(f: Any, file: OfficialFile, group: str) -> dict[str, NDArray[np.float32]]:
    """Labels (n,) of a group by name, NaN where unknown (also for the surveys' -9999)."""
    out = {}
    for name in file.labels:
        held = "labels" in f[group] and name in f[group]["labels"]
        values = np.full(file.sizes[group], np.nan)
        if held:
            values = np.asarray(f[group]["labels"][name], np.float64).reshape(-1)
        values = np.where(np.isfinite(values) & (values > -9000), values, np.nan)
        if name == "teff":
            values = np.where(values > 0, values, np.nan)
            typical = np.nanmedian(values) if np.isfinite(values).any() else np.inf
            if typical < 1000:
                raise SpectrumError(f"{group}/labels/teff of {file.path.name} has a median of {typical:.4g}",
                                    expected="kelvin")  # fmt: skip
        out[name] = values.astype(np.float32)
    return out


def usable(name: str, values: NDArray[np.float32], notes: list[str]) -> bool:
    """Whether enough training stars have a label to learn it; if not, ``notes`` says why."""
    known = values[np.isfinite(values)]
    if len(known) >= MIN_LABELLED and known.std() > 0:
        return True
    notes.append(f"the label {name} is not learned: {len(known)} training stars have it"
                 + (", all the same" if len(known) >= MIN_LABELLED else f", {MIN_LABELLED} are needed"))  # fmt: skip
    return False
