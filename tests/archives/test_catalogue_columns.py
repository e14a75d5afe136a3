"""Labels of catalogues in the columns of any table."""

from __future__ import annotations

import numpy as np

from specviz.archives.catalogue_columns import catalogue_columns, catalogues_in


def test_columns_that_name_their_catalogue() -> None:
    names = ["source_id", "teff_gspphot", "teff_gspphot_lower", "teff_gspphot_upper", "mh_gspphot", "ebpminrp_gspphot",
             "lasp_teff", "lasp_teff_err", "feh_lasp", "APOGEE_TEFF", "APOGEE_ALPHA_M", "e_logg_apogee",
             "teff"]  # fmt: skip
    assert catalogue_columns(names) == {
        "GSP-Phot": {
            "teff": "teff_gspphot", "teff_lower": "teff_gspphot_lower", "teff_upper": "teff_gspphot_upper",
            "fe_h": "mh_gspphot", "e_bp_rp": "ebpminrp_gspphot",
        },
        "LASP": {"teff": "lasp_teff", "teff_err": "lasp_teff_err", "fe_h": "feh_lasp"},
        "APOGEE": {"teff": "APOGEE_TEFF", "alpha_fe": "APOGEE_ALPHA_M"},
    }  # fmt: skip


def test_a_table_of_apogee_has_apogee_s_labels() -> None:
    names = ["APOGEE_ID", "TEFF", "TEFF_ERR", "LOGG", "M_H", "FE_H", "ALPHA_M", "MG_FE", "MG_FE_ERR", "SNR"]
    columns = catalogue_columns(names)
    assert columns == {
        "APOGEE": {"teff": "TEFF", "teff_err": "TEFF_ERR", "logg": "LOGG", "fe_h": "FE_H", "alpha_fe": "ALPHA_M",
                   "mg_fe": "MG_FE", "mg_fe_err": "MG_FE_ERR"}
    }  # fmt: skip
    row = {"TEFF": np.float32(4800.5), "TEFF_ERR": 0.0, "LOGG": -9999.0, "FE_H": "−", "ALPHA_M": None, "MG_FE": 0.2}
    assert catalogues_in(row, columns, "allStar.parquet") == {
        "APOGEE": {"teff": 4800.5, "mg_fe": 0.2, "source": "APOGEE, columns of allStar.parquet"}
    }


def test_metals_stand_for_iron_where_there_is_none_and_other_tables_have_no_catalogue() -> None:
    assert catalogue_columns(["apogee_id", "M_H"]) == {"APOGEE": {"fe_h": "M_H"}}
    assert catalogue_columns(["name", "teff", "logg"]) == {}
    assert catalogue_columns(["teff_gspphot_lower"]) == {}
    assert catalogues_in({"M_H": float("nan")}, {"APOGEE": {"fe_h": "M_H"}}, "t") == {}
