"""The live Gaia archive: ``pytest -m remote tests/archives/test_gaia_remote.py``. Few, small questions."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.archives.gaia import Gaia, door
from specviz.archives.gaia.queries import aip_coefficients, arrays
from specviz.errors import QueryError

pytestmark = [pytest.mark.remote, pytest.mark.usefixtures("live")]
SOURCE = "5937083312263887616"


def test_source_and_flags() -> None:
    source = Gaia().source(SOURCE)
    assert source.ra == pytest.approx(251.51920772923995, abs=1e-9) and source.has_xp_continuous is True
    assert Gaia().has_xp(SOURCE)[SOURCE][0] is True


def test_coefficients_and_sampled_agree() -> None:
    ours = Gaia().xp(SOURCE, "continuous").spectra[SOURCE].spectra["gaia_xp"]
    theirs = Gaia().xp(SOURCE, "sampled").spectra[SOURCE].spectra["gaia_xp"]
    np.testing.assert_allclose(ours.flux, theirs.flux, rtol=1e-5)


def test_both_shapes_hold_the_same_source() -> None:
    for structures in (("RAW", "DATAMODEL_GAIA"), ("INDIVIDUAL", "DATAMODEL_STANDARD")):
        refused = 0
        for structure in structures:
            try:
                files = door.load_data([SOURCE], retrieval="XP_CONTINUOUS", release="Gaia DR3", structure=structure)
            except QueryError:
                refused += 1
                continue
            assert len(files) == 1
        assert refused < 2


def test_cone_of_a_fast_star() -> None:
    found = Gaia().cone(269.452075, 4.693391, 3.0)  # Barnard's star, J2000
    assert found and found[0].source_id == "4472832130942575872"


def test_rvs() -> None:
    found = Gaia().rvs("4583627001381815936")
    assert len(found.spectra["4583627001381815936"].spectra["other"]) == 2401


def test_gaia_at_aip_serves_the_same_coefficients() -> None:
    (row,) = arrays("gaia_aip", aip_coefficients([SOURCE]))
    ours = Gaia().xp(SOURCE, "continuous").spectra[SOURCE].spectra["gaia_xp"]
    np.testing.assert_allclose(row["bp_coefficients"], ours.meta["bp_coefficients"], rtol=1e-12)


def test_the_archives_words() -> None:
    with pytest.raises(QueryError, match="no_such_column"):
        Gaia().query("SELECT no_such_column FROM gaiadr3.gaia_source")
