"""Build ``specviz/simulate/data/xp_operator_dr3.npz``: Gaia XP from a SED as one matrix, its dust curve and its noise.

    python -m specviz.training.make_xp_operator --shared ../shared

Needs GaiaXPy and dust_extinction (extras of the developer, not of the user) and the 2,000 public XP_CONTINUOUS spectra
of the shared folder; the noise is reduced to a few hundred numbers, no spectrum is copied.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Ridge strength in units of the squared norm of one column (columns have norm 1). 0.01 fits the shapes of 556 real XP
#: spectra best (median rms 2.3 % over 400-950 nm; 0.03: 2.4 %, 0.1: 3.1 %).
RIDGE = 0.01
#: The grid of the ridge fit (nm).
FIT_WAVE = np.arange(330.0, 1051.0, 2.0)
OUT = Path(__file__).parents[1] / "simulate" / "data" / "xp_operator_dr3.npz"


def merged_design(wave_nm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Both bands' bases, weighted by the BP/RP merge of 635-643 nm; shape (110, len(wave_nm)), W m-2 nm-1 per unit
    coefficient.
    """
    from gaiaxpy.calibrator import calibrator
    from gaiaxpy.core.satellite import BANDS

    matrices, merge = vars(calibrator)["__generate_xp_matrices_and_merge"]("calibrator", wave_nm, "v375wi", "v142r")
    parts = []
    for band in BANDS:
        design = np.array(matrices[band].get_design_matrix(), float)
        # Outside its own range a band's bases are divided by a vanishing response.
        parts.append(np.where(merge[band] > 0, design, 0.0) * merge[band])
    return np.vstack(parts)


def coefficients_from_sed(sed_wave: NDArray[np.float64], ridge: float = RIDGE) -> NDArray[np.float64]:
    """The ridge solution as a matrix (110, 720): coefficients = matrix @ SED (both per unit wavelength, W m-2 nm-1)."""
    design = merged_design(FIT_WAVE)
    norm = np.linalg.norm(design, axis=1)
    scaled = design / norm[:, None]
    solve = np.linalg.solve(scaled @ scaled.T + ridge * np.eye(len(scaled)), scaled) / norm[:, None]
    # Linear interpolation of the SED onto the fit grid, as a matrix.
    x = FIT_WAVE * 10.0
    left = np.clip(np.searchsorted(sed_wave, x) - 1, 0, sed_wave.size - 2)
    t = (x - sed_wave[left]) / (sed_wave[left + 1] - sed_wave[left])
    interpolate = np.zeros((x.size, sed_wave.size))
    interpolate[np.arange(x.size), left] = 1 - t
    interpolate[np.arange(x.size), left + 1] += t
    return np.asarray(solve @ interpolate)


def dust_curve(sed_wave: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(a, b) with A(lambda)/A(V) = a + b (1/R_V - 1/3.1): exactly the form of Gordon et al. (2023), so two calls give
    it.
    """
    import astropy.units as u
    from dust_extinction.parameter_averages import G23

    x = sed_wave * 1e-4 * u.um
    a, other = np.asarray(G23(Rv=3.1)(x)), np.asarray(G23(Rv=5.0)(x))
    return a, (other - a) / (1 / 5.0 - 1 / 3.1)


def noise_model(path: Path) -> dict[str, NDArray[np.float64]]:
    """Coefficient errors against brightness: ln(error_k / |c|) is a cubic in log10 |c| for each coefficient, plus
    scatter.

    |c| is the Euclidean norm of a band's coefficients. The scatter (number of transits, window class, gates) is common
    to all coefficients of a star, as seen in the data; bands are correlated.
    """
    from astropy.io import fits

    with fits.open(path) as hdus:
        table: Any = hdus[1].data
        get = {p: np.array([table[f"{p}_coeff_{k}"] for k in range(55)], float).T for p in ("bp", "rp", "e_bp", "e_rp")}
    out: dict[str, NDArray[np.float64]] = {}
    residuals = []
    for band in ("bp", "rp"):
        amplitude = np.linalg.norm(get[band], axis=1)
        x = np.log10(amplitude)
        y = np.log(get["e_" + band] / amplitude[:, None])
        poly = np.polyfit(x, y, 3)  # (4, 55), highest power first
        residual = y - np.array([np.polyval(poly[:, k], x) for k in range(55)]).T
        residuals.append(np.median(residual, axis=1))
        out[f"{band}_error_poly"] = poly
        out[f"{band}_range"] = np.percentile(x, [0.5, 99.5])
    scatter = np.array(residuals)
    robust = 1.4826 * np.median(np.abs(scatter - np.median(scatter, axis=1, keepdims=True)), axis=1)
    clipped = np.clip(scatter / robust[:, None], -3, 3)
    out["scatter"] = np.array([robust[0], robust[1], np.corrcoef(clipped)[0, 1]])
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    import h5py

    with h5py.File(args.shared / "synthetic" / "lte_grid.h5") as handle:
        sed_wave = handle["sed_wave_vac"][:]
    a, b = dust_curve(sed_wave)
    noise = noise_model(args.shared / "data" / "gaia_xp_2000" / "xp_continuous_combined_chunk0.fits")
    args.out.parent.mkdir(exist_ok=True)
    f32 = np.float32
    np.savez_compressed(
        args.out,
        sed_wave=sed_wave,
        coefficients_from_sed=coefficients_from_sed(sed_wave).astype(f32),
        dust_a=a.astype(f32),
        dust_b=b.astype(f32),
        allow_pickle=False,
        **{k: v.astype(f32) for k, v in noise.items()},
    )
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB; scatter {noise['scatter']}")


if __name__ == "__main__":
    main()
