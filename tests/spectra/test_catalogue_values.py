"""What catalogues say of a star, and how far that is from a posterior."""

from __future__ import annotations

import pytest

from specviz.spectra.catalogue_values import CatalogueValues, catalogues_of, short_name
from specviz.spectra.star import Star

LASP = {"teff": 5714.0, "teff_err": 40.0, "fe_h": -0.09, "source": "LASP, DR10 v2.0"}
GAIA = {"teff": 5650.0, "teff_lower": 5630.0, "teff_upper": 5710.0, "teff_err": 40.0, "source": "Gaia DR3 GSP-Phot"}


def test_distances_have_both_errors_in_them() -> None:
    lasp = CatalogueValues("LASP", "LASP", LASP)
    assert lasp.value("teff") == 5714.0 and lasp.errors("teff") == (40.0, 40.0) and lasp.errors("fe_h") is None
    assert lasp.distance("teff", 5764.0, 5734.0, 5800.0) == pytest.approx(-50 / (30.0**2 + 40.0**2) ** 0.5)
    assert lasp.distance("fe_h", -0.19, -0.24, -0.09) == pytest.approx(1.0)  # ours alone, on the catalogue's side
    gaia = CatalogueValues("GSP-Phot", "", GAIA)
    assert gaia.errors("teff") == (20.0, 60.0)  # bounds rather than half their distance
    assert gaia.distance("teff", 5730.0, 5650.0, 5800.0) == pytest.approx(-0.8)  # its upper error points at us
    assert lasp.distance("logg", 4.4, 4.3, 4.5) is None and lasp.value("source") is None
    assert lasp.distance("fe_h", -0.1, float("nan"), float("nan")) is None
    assert gaia.remark("fe_h") == "[M/H]" and lasp.remark("fe_h") == ""


def test_the_leading_catalogue_comes_first_and_none_twice() -> None:
    star = Star("s", catalogue=LASP, catalogues={"GSP-Phot": GAIA, "LASP": LASP})
    assert [(c.name, c.value("teff")) for c in catalogues_of(star)] == [("LASP", 5714.0), ("GSP-Phot", 5650.0)]
    assert [c.name for c in catalogues_of(Star("s", catalogue=GAIA))] == ["GSP-Phot"]
    assert catalogues_of(Star("s")) == () == catalogues_of(None)
    with pytest.raises(TypeError):
        star.catalogues["LASP"]["teff"] = 1.0  # type: ignore[index]


@pytest.mark.parametrize(
    ("source", "name"),
    [("LASP, DR10", "LASP"), ("LASP-M, DR10", "LASP-M"), ("LASP, VizieR V/162/dr11l", "LASP"),
     ("Gaia DR3 GSP-Phot", "GSP-Phot"), ("Gaia DR3", "Gaia"), ("KIC (file header)", "KIC"),
     ("true values of the simulation", "Simulation"), ("", "Catalogue"), ("My own", "My own"),
     ("APOGEE, columns of x.parquet", "APOGEE"), ("x" * 60, "Catalogue")],
)  # fmt: skip
def test_short_names(source: str, name: str) -> None:
    assert short_name(source) == name
