"""The grids: sizes, ends and steps as the surveys and SpecCLIP publish them."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.spectra import grids


def test_lamost_native_is_the_published_scale() -> None:
    assert grids.LAMOST_NATIVE.shape == (3909,)
    assert grids.LAMOST_NATIVE[[0, -1]] == pytest.approx([3699.986, 9099.132], abs=2e-3)
    assert np.allclose(np.diff(np.log10(grids.LAMOST_NATIVE)), 1e-4, rtol=1e-8)


def test_specclip_grid_starts_338_steps_into_the_native_one() -> None:
    assert grids.SPECCLIP_WAVELENGTH.shape == (1462,)
    assert grids.SPECCLIP_WAVELENGTH[[0, -1]] == pytest.approx([3999.4475, 5598.8651], abs=1e-3)
    assert np.allclose(grids.SPECCLIP_WAVELENGTH, grids.LAMOST_NATIVE[338 : 338 + 1462], rtol=1e-11)


def test_xp_grid_has_550_nm_at_the_reference() -> None:
    assert grids.XP_WAVELENGTH_NM.shape == (343,)
    assert grids.XP_WAVELENGTH_NM[[0, grids.XP_REFERENCE_INDEX, -1]].tolist() == [336.0, 550.0, 1020.0]


def test_grids_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        grids.LAMOST_NATIVE[0] = 1.0


def test_grids_equal_those_of_the_golden_files(shared) -> None:
    with np.load(shared / "golden/specclip/normalization_lamost.npz") as golden:
        assert np.allclose(grids.SPECCLIP_WAVELENGTH, golden["lamost_grid_wave"], rtol=1e-13)
    with np.load(shared / "golden/specclip/normalization_gaia.npz") as golden:
        assert np.array_equal(grids.XP_WAVELENGTH_NM, golden["gaia_grid_nm"])
