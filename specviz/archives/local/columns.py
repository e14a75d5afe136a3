"""Which columns (of a Parquet table) or datasets (of an HDF5 group) are flux, wavelength, error or mask, and of which
survey; and how one row of them becomes a ``Spectrum``.

Names are taken apart into a survey (``lamost_flux``, ``xp_wavelength``, ``gaia_spectra``) and a kind. A wavelength may
be absent where the number of pixels says which grid it is: 3909 (LAMOST), 1462 (SpecCLIP's LAMOST grid) or 343 (XP).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import NotASpectrumError, ReadError
from specviz.spectra.grids import LAMOST_NATIVE, SPECCLIP_WAVELENGTH, XP_WAVELENGTH_NM
from specviz.spectra.readers import text
from specviz.spectra.readers.content import Content
from specviz.spectra.spectrum import Spectrum

_SURVEYS = {
    **dict.fromkeys(("lamost", "lamost_lrs", "lrs"), "lamost_lrs"),
    **dict.fromkeys(("gaia_xp", "gaia", "xp", "bprp"), "gaia_xp"),
    **dict.fromkeys(("sdss", "boss", "eboss"), "sdss"),
}
_WAVE = (
    *text.WAVE_NAMES, "wavelengths", "waves", "lambdas", "log10_wavelength", "log_lambda", "wavelength_grid", "grid",
)  # fmt: skip
_FLUX = (*text.FLUX_NAMES, "fluxes", "spectra")
_KINDS: Mapping[str, tuple[str, ...]] = {
    "flux": _FLUX,
    "wave": _WAVE,
    "ivar": ("ivar", "ivars", "inverse_variance", "invvar", "flux_ivar"),
    "error": (*text.ERROR_NAMES, "errors", "flux_errors", "uncertainties"),
    "mask": ("mask", "masks", "bad"),
}
#: What rows are known by, in tables and groups; the first that is there is taken.
ID_NAMES: Mapping[str, tuple[str, ...]] = {
    "gaia": ("source_id", "source_ids", "gaia_source_id", "gaia_id", "dr3_source_id", "gaia_dr3_source_id", "gaia",
             "dr2_source_id", "gaia_dr2_source_id", "gaia_source_ids"),
    "obsid": ("obsid", "obsids", "lamost_obsid", "obs_id"),
    "kic": ("kic", "kepid", "kic_id"),
    "tic": ("tic", "tic_id", "ticid"),
    "name": ("name", "names", "object_id", "object", "star", "designation", "desig", "id", "ids", "starname",
             "main_id"),
    "ra": ("ra", "ra_obs", "ra_deg", "raj2000"),
    "dec": ("dec", "dec_obs", "dec_deg", "dej2000", "de"),
    "snr": ("snrg", "snr_g", "snr"),
}  # fmt: skip
#: Pixels of one spectrum; the finest echelle spectra have a tenth of this.
MAX_PIXELS = 1_000_000
_GRIDS = {
    LAMOST_NATIVE.size: ("lamost_lrs", LAMOST_NATIVE),
    SPECCLIP_WAVELENGTH.size: ("lamost_lrs", SPECCLIP_WAVELENGTH),
    XP_WAVELENGTH_NM.size: ("gaia_xp", XP_WAVELENGTH_NM),
}


@dataclass(frozen=True)
class Part:
    """The columns of one survey's spectra: ``names`` by kind; ``survey`` "" where the name does not tell it."""

    survey: str
    names: Mapping[str, str]

    @property
    def borrows(self) -> bool:
        """Whether the wavelength is that of no survey while the flux is one's: it may belong to another."""
        return "wave" in self.names and taken_apart(self.names["wave"])[0] != taken_apart(self.names["flux"])[0]


def plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def survey_of(name: str) -> str:
    """The survey that a name (of a group) is; "" if none."""
    return _SURVEYS.get(plain(name), "")


def taken_apart(name: str) -> tuple[str, str, int]:
    """Survey, kind and rank among the names of that kind; ("", "", 0) if the name is of something else."""
    key = plain(name)
    for kind, names in _KINDS.items():
        for rank, base in enumerate(names):
            if key == base:
                return "", kind, rank
            for word, survey in _SURVEYS.items():
                if key in (f"{word}_{base}", f"{base}_{word}"):
                    return survey, kind, rank
    return "", "", 0


def parts_of(names: Iterable[str]) -> list[Part]:
    """The surveys whose flux is among some columns; empty if no column is a flux."""
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for name in names:
        survey, kind, rank = taken_apart(name)
        if kind and ((survey, kind) not in found or rank < found[survey, kind][0]):
            found[survey, kind] = (rank, name)
    out = []
    for survey, kind in found:
        if kind == "flux":
            own = {k: found[survey, k][1] for k in _KINDS if (survey, k) in found}
            shared = {k: found["", k][1] for k in ("wave",) if k not in own and ("", k) in found}
            out.append(Part(survey, {**own, **shared}))
    return out


def id_columns(names: Iterable[str]) -> dict[str, str]:
    """Columns that say which star a row is, by kind."""
    by_plain = {plain(n): n for n in reversed(list(names))}
    found = {}
    for kind, known in ID_NAMES.items():
        name = next((by_plain[k] for k in known if k in by_plain), None)
        if name is not None:
            found[kind] = name
    return found


def release_in(name: str) -> str:
    """The Gaia release in the name of a column."""
    match = re.search(r"e?dr[234]", name.lower())
    return match[0].upper() if match else ""


def spectrum_of(
    file: str,
    star: str,
    part: Part,
    flux: NDArray[Any],
    *,
    wave: NDArray[Any] | None = None,
    unit: str = "",
    ivar: NDArray[Any] | None = None,
    error: NDArray[Any] | None = None,
    mask: NDArray[Any] | None = None,
    path: str | None = None,
    layout: str,
    meta: Mapping[str, Any] | None = None,
) -> Spectrum:
    """One row as a spectrum.

    Parameters
    ----------
    file, star : str
        For messages, and the name of the object.
    part : Part
        What its columns are called, and whose they are; survey "" to find out from the wavelengths.
    flux, wave, ivar, error, mask : arrays (n,) or (n, 1)
        Mask True or not 0 = bad.
    unit : str
        Of the wavelength; where it is not said, by range as in text files.
    layout : str
        For ``meta``.

    Raises
    ------
    ReadError
        Or one of its kinds, beginning with the names of file and star.
    """
    where = f"{file}, {star}"
    arrays = {"flux": flux, "ivar": ivar, "flux_error": error, "mask": mask}
    held = {k: _numbers(v, where, k) for k, v in arrays.items() if v is not None}
    n = held["flux"].size
    if n > MAX_PIXELS:
        raise ReadError(f"{where}: {n:,} pixels", expected=f"at most {MAX_PIXELS:,}")
    survey = part.survey
    if wave is not None:
        wave = _numbers(wave, where, "wavelength")
        if wave.size != n and part.borrows and n in _GRIDS:
            wave = None
    if wave is None:
        if n not in _GRIDS:
            raise NotASpectrumError(
                f"{where}: {n} pixels and no wavelength",
                expected="a wavelength column, or 3909, 1462 (LAMOST) or 343 (XP) pixels",
            )
        survey, wave, label = _GRIDS[n][0], _GRIDS[n][1], "wavelength"
    else:
        name = part.names.get("wave", "wavelength")
        label = f"{'loglam' if 'log' in name.lower() else 'wavelength'}{f' [{unit}]' if unit else ''}"
    for name, values in held.items():
        if values.size != wave.size:
            raise ReadError(f"{where}: {values.size} values of {name} and {wave.size} wavelengths", expected="as many")
    content = Content(where, b"-", path)
    words = part.names.get("wave", "").replace("_", " ")  # it may say “air”
    spectrum = text.star_of(content, [wave, *held.values()], [label, *held], words, layout=layout).spectra
    (one,) = spectrum.values()
    return _of_survey(one, survey, {**(meta or {}), "object_id": star})


def _numbers(values: Any, where: str, what: str) -> NDArray[np.float64]:
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ReadError(f"{where}: {what} is not an array of numbers") from error
    if array.ndim == 2 and 1 in array.shape:
        array = array.ravel()
    if array.ndim != 1:
        raise ReadError(f"{where}: {what} has the shape {array.shape}", expected="one number a pixel")
    return array


def _of_survey(spectrum: Spectrum, survey: str, facts: Mapping[str, Any]) -> Spectrum:
    """The spectrum under the survey that names say, with the wavelength in that survey's unit."""
    meta = {**spectrum.meta, **facts}
    survey = survey or spectrum.survey
    angstrom = spectrum.wavelength_angstrom
    unit = spectrum.flux_unit
    if survey == "gaia_xp" and not unit and 0 < float(np.nanmedian(np.abs(spectrum.flux))) < 1e-6:
        unit = "W m-2 nm-1"  # no normalised flux is that small
    return spectrum.with_(
        wavelength=angstrom / 10.0 if survey == "gaia_xp" else angstrom, survey=survey, flux_unit=unit, meta=meta
    )
