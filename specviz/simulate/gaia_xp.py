"""Gaia XP spectra from a SED, with noise drawn where Gaia's noise lives: in the coefficients.

``specviz/simulate/data/xp_operator_dr3.npz`` (made by ``specviz.training.make_xp_operator``) and the spectra room's DR3
design hold the instrument as matrices, so that neither GaiaXPy nor a network is needed: SED -> 110 coefficients (ridge
fit on the calibrated bases, which brings in the ripples of real XP spectra) -> 343 samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.spectra.grids import XP_REFERENCE_INDEX, XP_WAVELENGTH_NM
from specviz.spectra.xp_calibration import dr3_design

#: Mean flux (photon-weighted, W m-2 nm-1) in Gaia's G band of a star of G = 0: the Vega zero point, good to about 3 %.
G_ZERO_FLUX = 2.50e-11
# The G passband's shape (nm, relative), read off the published DR3 curve at 25 nm: good enough for a magnitude to 0.03.
_G_WAVE = np.arange(325.0, 1051.0, 25.0)
_G_TEXT = """.01 .05 .12 .32 .48 .54 .58 .61 .63 .65 .67 .69 .70 .71 .71 .70 .68 .65 .61 .57 .52 .46 .40 .34 .28 .22
    .16 .10 .06 .02"""
_G_BAND = np.array([float(word) for word in _G_TEXT.split()])


@dataclass(frozen=True, eq=False)
class XPBatch:
    """Simulated sampled XP spectra on 336, 338 ... 1020 nm.

    ``flux``, ``sigma``, ``clean`` (b, 343) float32 in W m-2 nm-1 (or relative to the flux at 550 nm, see
    :meth:`relative`); ``g_mag`` (b,).
    """

    wave_nm: NDArray[np.float64]
    flux: NDArray[np.float32]
    sigma: NDArray[np.float32]
    clean: NDArray[np.float32]
    g_mag: NDArray[np.float64]

    def relative(self) -> XPBatch:
        """Everything divided by the flux at 550 nm, as SpecCLIP reads it: the noisy one by its own, the clean one by
        its own.
        """
        at = self.flux[:, XP_REFERENCE_INDEX, None]
        clean_at = self.clean[:, XP_REFERENCE_INDEX, None]
        return XPBatch(self.wave_nm, self.flux / at, self.sigma / at, self.clean / clean_at, self.g_mag)


class XPSimulator:
    """The DR3 BP/RP spectrophotometer as matrices.

    Parameters
    ----------
    operator : mapping of str to array, optional
        Contents of the npz; the packaged one by default.
    correction : "packaged", None or array, shape (343,)
        Factor on every sample: what real spectra have and the instrument's matrices do not tell
        (``specviz.training.make_xp_correction``; 1.5 % at 550 nm, 5 % at 636 nm and at the red end).
    correlated : bool
        Correlate the errors of coefficients as in real spectra (``specviz.training.make_xp_correlation``: rms 0.10 in
        BP and 0.08 in RP), which changes the noise of most samples by 10 to 20 %, and quote errors accordingly, as the
        archive does. False: independent, as the errors of the 2,000 spectra are propagated, whose files carry no
        correlations; the training pairs are made like these.
    """

    def __init__(self, operator: Any | None = None, correction: Any = "packaged", *, correlated: bool = False) -> None:
        if operator is None:
            with (
                (files("specviz.simulate") / "data" / "xp_operator_dr3.npz").open("rb") as handle,
                np.load(handle) as npz,
            ):
                operator = {name: npz[name] for name in npz.files}
        self._op = operator
        self.sed_wave = np.asarray(operator["sed_wave"], np.float64)
        self._coefficients = np.asarray(operator["coefficients_from_sed"], np.float64)
        design = dr3_design()
        self._design = np.vstack([np.asarray(design.matrix[b], np.float64) * design.weight[b] for b in ("bp", "rp")])
        if isinstance(correction, str):
            with (files("specviz.simulate") / "data" / "xp_correction_dr3.npz").open("rb") as handle:
                correction = np.load(handle)["correction"]
        if correction is not None:
            self._design = self._design * np.asarray(correction, np.float64)
        self._cholesky = _cholesky() if correlated else {"bp": np.eye(55), "rp": np.eye(55)}

    @cached_property
    def _sigma_ratio(self) -> NDArray[np.float64]:
        """Error of each sample with correlated coefficients over that with independent ones, for typical errors."""
        middle = {b: np.polyval(self._op[f"{b}_error_poly"], np.mean(self._op[f"{b}_range"])) for b in ("bp", "rp")}
        with_, without = np.zeros(self._design.shape[1]), np.zeros(self._design.shape[1])
        for i, band in enumerate(("bp", "rp")):
            scaled = np.exp(middle[band])[:, None] * self._design[55 * i : 55 * i + 55]
            with_ += ((self._cholesky[band].T @ scaled) ** 2).sum(axis=0)
            without += (scaled**2).sum(axis=0)
        return np.asarray(np.sqrt(with_ / np.maximum(without, 1e-300)))

    def _noise(self, rng: np.random.Generator, errors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Errors of coefficients (b, 110) drawn with their correlations."""
        white = rng.standard_normal(errors.shape)
        parts = [white[:, 55 * i : 55 * i + 55] @ self._cholesky[band].T for i, band in enumerate(("bp", "rp"))]
        return errors * np.hstack(parts)

    @cached_property
    def operator(self) -> NDArray[np.float64]:
        """SED (720) -> sampled XP (343), shape (343, 720); same flux unit on both sides."""
        return np.asarray((self._coefficients.T @ self._design).T)

    @cached_property
    def _g_weight(self) -> NDArray[np.float64]:
        band = np.interp(self.sed_wave / 10.0, _G_WAVE, _G_BAND, left=0.0, right=0.0)
        weight = band * self.sed_wave * np.gradient(self.sed_wave)
        return np.asarray(weight / weight.sum())

    def g_flux(self, sed: NDArray[Any]) -> NDArray[np.float64]:
        """Photon-weighted mean flux of the SED in the G band, shape (b,), in the SED's unit per nm of its own."""
        return np.asarray(np.asarray(sed, np.float64) @ self._g_weight)

    def extinction_curve(self, wave: NDArray[np.float64], r_v: ArrayLike = 3.1) -> NDArray[np.float64]:
        """A(lambda) / E(B-V) at ``wave`` (A): Gordon et al. (2023, ApJ 950, 86), tabulated over 3200-10600 A.

        Shape (len(wave),), or (b, len(wave)) for ``r_v`` of shape (b,).
        """
        a, b = (np.interp(wave, self.sed_wave, self._op[name]) for name in ("dust_a", "dust_b"))
        ratio = np.asarray(r_v, np.float64)[..., None]
        return np.asarray(ratio * (a + b * (1.0 / ratio - 1.0 / 3.1)))

    def redden(self, sed: NDArray[Any], ebv: ArrayLike, r_v: ArrayLike = 3.1) -> NDArray[np.float64]:
        """SED behind dust, shape (b, 720)."""
        ebv, r_v = np.atleast_1d(np.asarray(ebv, float))[:, None], np.atleast_1d(np.asarray(r_v, float))[:, None]
        curve = r_v * (self._op["dust_a"] + self._op["dust_b"] * (1.0 / r_v - 1.0 / 3.1))
        return np.asarray(np.asarray(sed, np.float64) * 10.0 ** (-0.4 * ebv * curve))

    def coefficient_errors(
        self, coefficients: NDArray[np.float64], scatter: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Standard errors of 2 x 55 coefficients, shape (b, 110), as DR3 quotes them for a star of this brightness.

        ``scatter`` (b, 2) shifts ln(error) of BP and RP (the number of transits and the window class differ between
        stars).
        """
        out = np.empty_like(coefficients)
        for i, band in enumerate(("bp", "rp")):
            part = slice(55 * i, 55 * i + 55)
            amplitude = np.maximum(np.linalg.norm(coefficients[:, part], axis=1), 1e-30)
            x = np.log10(amplitude).clip(*self._op[f"{band}_range"])
            ln = sum(self._op[f"{band}_error_poly"][p] * x[:, None] ** (3 - p) for p in range(4))
            # Below the faintest star of the sample the absolute error stays; relative error grows as the star fades.
            faint = np.minimum(np.log10(amplitude) - x, 0.0)
            ln = ln - np.log(10.0) * faint[:, None]
            if scatter is not None:
                ln = ln + scatter[:, i, None]
            out[:, part] = amplitude[:, None] * np.exp(ln)
        return out

    def observe(
        self,
        sed: NDArray[Any],
        g_mag: ArrayLike,
        rng: np.random.Generator | None,
        *,
        ebv: ArrayLike = 0.0,
        r_v: ArrayLike = 3.1,
    ) -> XPBatch:
        """Simulate XP spectra.

        Parameters
        ----------
        sed : array, shape (b, 720)
            Flux per unit wavelength in any unit, on ``sed_wave``, before extinction.
        g_mag : array, shape (b,)
            Apparent G after extinction: sets the flux scale and the noise.
        rng : numpy.random.Generator or None
            None: no noise is added, ``sigma`` is still what DR3 would quote.
        ebv, r_v : array or float

        Returns
        -------
        XPBatch
            In W m-2 nm-1. ``sigma`` is propagated from the errors of the coefficients (and their correlations);
            the noise of neighbouring samples is correlated because it is drawn in the coefficients.
        """
        sed = np.atleast_2d(np.asarray(sed, np.float64))
        n = len(sed)
        g_mag = np.broadcast_to(np.asarray(g_mag, float), (n,)).copy()
        dusty = sed
        if np.any(ebv):
            by_star = [np.broadcast_to(np.asarray(value, float), (n,)) for value in (ebv, r_v)]
            dusty = self.redden(sed, *by_star)
        dusty = dusty * (G_ZERO_FLUX * 10.0 ** (-0.4 * g_mag) / self.g_flux(dusty))[:, None]
        coefficients = dusty @ self._coefficients.T
        scatter = None
        if rng is not None:
            s_bp, s_rp, rho = (float(v) for v in self._op["scatter"])
            z = rng.standard_normal((n, 2))
            scatter = np.stack([s_bp * z[:, 0], s_rp * (rho * z[:, 0] + np.sqrt(1.0 - rho**2) * z[:, 1])], axis=1)
        errors = self.coefficient_errors(coefficients, scatter)
        clean = coefficients @ self._design
        noisy = clean if rng is None else clean + self._noise(rng, errors) @ self._design
        sigma = np.sqrt(errors**2 @ self._design**2) * self._sigma_ratio
        return XPBatch(
            XP_WAVELENGTH_NM, noisy.astype(np.float32), sigma.astype(np.float32), clean.astype(np.float32), g_mag
        )


@lru_cache(maxsize=1)
def _cholesky() -> dict[str, NDArray[np.float64]]:
    """Lower Cholesky factors (55, 55) of the typical correlation of coefficient errors, by band."""
    lower = np.tril_indices(55)
    out = {}
    with (
        (files("specviz.simulate") / "data" / "xp_correlation_dr3.npz").open("rb") as handle,
        np.load(handle) as npz,
    ):
        for band in ("bp", "rp"):
            out[band] = np.zeros((55, 55))
            out[band][lower] = npz[band]
    return out
