"""From Gaia XP coefficients to the calibrated, sampled spectrum (W m-2 nm-1 at 336-1020 nm).

A BP or RP mean spectrum is published as coefficients c of a set of bases. The external calibration (Montegriffo et al.
2023, A&A 674, A3; De Angeli et al. 2023, A&A 674, A2) is linear: f = c A with a design matrix A (bases x samples). The
two bands are merged with weights that cross over linearly in 635-643 nm. With the covariance K of the coefficients,
cov(f) = A^T K A, and sigma of a sample is the root of its diagonal; bands are independent. The matrices are those that
the Gaia consortium publishes for DR3 (GaiaXPy, BSD-3), sampled once by ``specviz/training/make_xp_design.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import SpectrumError
from specviz.spectra.grids import XP_WAVELENGTH_NM

if TYPE_CHECKING:
    from specviz.spectra.spectrum import Spectrum

Array = NDArray[np.float64]
BANDS = ("bp", "rp")
#: Without the other band nothing is known below the start of RP and above the end of BP, nm.
_RP_START, _BP_END = 635.0, 643.0


@dataclass(frozen=True)
class XpBand:
    """Coefficients of one band.

    Parameters
    ----------
    coefficients, errors : array, shape (n,)
        As published (``errors`` include the scaling by the standard deviation of the fit).
    correlations : array, shape (n (n - 1) / 2,), optional
        Upper triangle, column by column. Without it the errors are taken as independent, which is approximate.
    covariance : array, shape (n, n), optional
        Instead of errors and correlations.
    """

    coefficients: Array
    errors: Array | None = None
    correlations: Array | None = None
    covariance: Array | None = None

    def full_covariance(self) -> Array | None:
        """Covariance matrix (n, n); None where no errors are known."""
        n = self.coefficients.size
        if self.covariance is not None:
            return self.covariance
        if self.errors is None or self.errors.size != n:
            return None
        matrix = np.eye(n)
        if self.correlations is not None and self.correlations.size:
            if self.correlations.size != n * (n - 1) // 2:
                raise SpectrumError(
                    f"{self.correlations.size} correlations for {n} coefficients",
                    expected=f"{n * (n - 1) // 2}, the triangle without its diagonal",
                )
            lower = np.tril_indices(n, k=-1)
            matrix[lower] = self.correlations
            matrix.T[lower] = self.correlations
        return matrix * np.outer(self.errors, self.errors)


@dataclass(frozen=True)
class Design:
    """Design matrices (bases, 343) of both bands and their weights (343,) in the merged spectrum."""

    wavelength: Array
    matrix: dict[str, Array]
    weight: dict[str, Array]


@lru_cache(maxsize=1)
def dr3_design() -> Design:
    """The DR3 design shipped with specviz (55 bases a band)."""
    with np.load(Path(__file__).parent / "data" / "xp_design_dr3.npz") as stored:
        return Design(stored["wavelength_nm"], {b: stored[b] for b in BANDS}, {b: stored[f"{b}_weight"] for b in BANDS})


def calibrate(
    bp: XpBand | None, rp: XpBand | None, *, n_bp: int | None = None, n_rp: int | None = None
) -> tuple[Array, Array]:
    """Sampled spectrum and its errors.

    Parameters
    ----------
    bp, rp : XpBand or None
        None where the band is missing: its side of the spectrum is NaN (RP alone reaches from above 635 nm, BP alone to
        below 643 nm).
    n_bp, n_rp : int, optional
        Use only the leading bases ("truncation" to ``bp_n_relevant_bases``); all of them by default.

    Returns
    -------
    flux, sigma : array, shape (343,)
        W m-2 nm-1 on :data:`~specviz.spectra.grids.XP_WAVELENGTH_NM`; sigma is NaN where no errors are known.

    Raises
    ------
    SpectrumError
        No band at all, coefficients that are not finite, or more bases than the DR3 design has.
    """
    design = dr3_design()
    parts = {}
    for name, band, keep in (("bp", bp, n_bp), ("rp", rp, n_rp)):
        if band is None or band.coefficients.size == 0:
            continue
        matrix = _matrix(design, name, band)
        n = min(keep, band.coefficients.size) if keep and keep > 0 else band.coefficients.size
        covariance = band.full_covariance()
        sigma2 = np.full(matrix.shape[1], np.nan)
        if covariance is not None:
            # The variance is a sum of large terms of both signs; rounding may leave a tiny negative one.
            sigma2 = np.maximum(np.einsum("is,is->s", covariance[:n, :n] @ matrix[:n], matrix[:n]), 0.0)
        parts[name] = (band.coefficients[:n] @ matrix[:n], sigma2)
    wave = design.wavelength
    if len(parts) == 2:
        wb, wr = design.weight["bp"], design.weight["rp"]
        flux = parts["bp"][0] * wb + parts["rp"][0] * wr
        return flux, np.sqrt(parts["bp"][1] * wb**2 + parts["rp"][1] * wr**2)
    if not parts:
        raise SpectrumError("Neither BP nor RP coefficients", expected="at least one band")
    missing = wave <= _RP_START if "rp" in parts else wave >= _BP_END
    flux, sigma2 = next(iter(parts.values()))
    return np.where(missing, np.nan, flux), np.sqrt(np.where(missing, np.nan, sigma2))


def xp_covariance(spectrum: Spectrum) -> Array:
    """Full covariance (343, 343) of a calibrated XP spectrum, from the coefficients kept in its ``meta``.

    Raises
    ------
    SpectrumError
        If it was not made from coefficients with errors.
    """
    design = dr3_design()
    bands = {b: band_of_meta(spectrum.meta, b) for b in BANDS}
    present = {b: band for b, band in bands.items() if band is not None}
    total = np.zeros((design.wavelength.size, design.wavelength.size))
    for name, band in present.items():
        covariance = band.full_covariance()
        if covariance is None:
            raise SpectrumError(
                "The coefficients have no errors", expected="XP_CONTINUOUS with errors and correlations"
            )
        matrix = _matrix(design, name, band) * (design.weight[name] if len(present) == 2 else 1.0)
        total += matrix.T @ covariance @ matrix
    if not present:
        raise SpectrumError("The spectrum was not made from XP coefficients", expected="a star read from XP_CONTINUOUS")
    unknown = ~np.isfinite(spectrum.flux) if len(spectrum) == total.shape[0] else np.zeros(total.shape[0], bool)
    total[unknown] = np.nan
    total[:, unknown] = np.nan
    return total


def band_of_meta(meta: Any, band: str) -> XpBand | None:
    """The band's coefficients as a reader kept them in ``Spectrum.meta``."""
    if meta.get(f"{band}_coefficients") is None:
        return None
    return XpBand(
        *(
            meta.get(f"{band}_{k}")
            for k in ("coefficients", "coefficient_errors", "coefficient_correlations", "coefficient_covariance")
        )
    )


def _matrix(design: Design, name: str, band: XpBand) -> Array:
    n, most = band.coefficients.size, design.matrix[name].shape[0]
    if n > most:
        raise SpectrumError(
            f"{n} {name.upper()} coefficients",
            expected=f"at most the {most} bases of Gaia DR3",
            remedy="They are of another release: calibrate them with a GaiaXPy made for it, and open the sampled file",
        )
    if not np.isfinite(band.coefficients).all():
        raise SpectrumError(f"The {name.upper()} coefficients are not all numbers")
    return design.matrix[name][:n]


assert XP_WAVELENGTH_NM.size == 343  # the shipped design is sampled on this grid
