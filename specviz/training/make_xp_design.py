"""Sample the DR3 external calibration of Gaia XP once: writes ``specviz/spectra/data/xp_design_dr3.npz``.

The inputs are the configuration tables that the Gaia consortium publishes inside GaiaXPy (BSD-3): dispersion, response
and inverse bases of the instrument model (BP v375wi, RP v142r), which GaiaXPy itself samples for its default grid.

Run: ``python -m specviz.training.make_xp_design``
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from specviz.spectra.grids import XP_WAVELENGTH_NM

TARGET = Path(__file__).resolve().parents[1] / "spectra" / "data" / "xp_design_dr3.npz"


def make(target: Path = TARGET) -> Path:
    """Write the design matrices (55, 343) and merge weights (343,) of both bands; returns the path."""
    # GaiaXPy's package init sets matplotlib's text.usetex; put the setting back for whoever imports this module.
    import matplotlib

    usetex = matplotlib.rcParams["text.usetex"]
    try:
        from gaiaxpy.core.config import load_xpmerge_from_xml, load_xpsampling_from_xml

        grid, weights = load_xpmerge_from_xml(bp_model="v375wi")
        matrices = load_xpsampling_from_xml(bp_model="v375wi")
    finally:
        matplotlib.rcParams["text.usetex"] = usetex
    if not np.allclose(grid, XP_WAVELENGTH_NM, atol=1e-9):
        raise ValueError("the published grid is not 336-1020 nm in steps of 2 nm")
    arrays = {"wavelength_nm": XP_WAVELENGTH_NM}
    for band in ("bp", "rp"):
        arrays[band] = np.asarray(matrices[band], np.float64)
        arrays[f"{band}_weight"] = np.asarray(weights[band], np.float64)
        if arrays[band].shape != (55, XP_WAVELENGTH_NM.size):
            raise ValueError(f"the {band} design has the shape {arrays[band].shape}")
    target.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(target, allow_pickle=False, **arrays)
    return target


if __name__ == "__main__":
    written = make()
    print(f"{written.name}: {written.stat().st_size / 1024:.0f} kB")
