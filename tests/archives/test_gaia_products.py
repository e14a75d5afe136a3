"""What a data reply is taken apart into, without a server: shapes, masks, types, and the archive's words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from specviz.archives.gaia.products import pack, split, split_rows
from specviz.archives.gaia.releases import release_of
from specviz.archives.gaia.source import source_of
from specviz.archives.gaia.words import error_words, refuse_error_document
from specviz.errors import BadReplyError, QueryError
from specviz.spectra.readers.content import content_of


def _read(data: bytes) -> Any:
    return content_of(data, "x.fits").table


def test_a_packed_row_comes_back_to_the_bit() -> None:
    rng = np.random.default_rng(3)
    row = dict(
        source_id=np.int64(2**62 + 1), d=rng.normal(size=55), f=rng.normal(size=1485).astype(np.float32),
        nan=np.array([1.0, np.nan]), short=np.int16(-56), number=np.float32(0.1), text="dropped", empty=np.empty(0),
    )  # fmt: skip
    data = pack(row)
    table = _read(data)
    assert len(data) % 2880 == 0 and table.rows == 1 and "text" not in table and "empty" not in table
    for name in ("d", "f", "nan"):
        np.testing.assert_array_equal(table.cell(name, 0), row[name])
    assert int(table.cell("source_id", 0)) == 2**62 + 1 and int(table.cell("short", 0)) == -56
    assert float(table.cell("number", 0)) == float(np.float32(0.1))


def test_astropy_tables_in_either_shape() -> None:
    """As astroquery gives FITS: the id in a column, in the header as SOURCEID, or only in the file's name."""
    raw = Table({"source_id": [8, 7], "flux": np.ones((2, 343)) * [[8.0], [7.0]], "flux_error": np.ones((2, 343))})
    long = Table({"wavelength": [336.0, 338.0], "flux": [1.0, 2.0], "flux_error": [0.1, 0.2]})
    headed = long.copy()
    headed.meta["SOURCEID"] = "5555"
    many = Table({"source_id": [1, 2, 1], "wavelength": [336.0, 336.0, 338.0], "flux": [1.0, 9.0, 2.0],
                  "flux_error": [0.1, 0.2, 0.3]})  # fmt: skip
    files = {
        "XP_SAMPLED_RAW.fits": [raw], "XP_SAMPLED-Gaia DR3 66666.fits": [long], "b.fits": [headed], "c.fits": [many],
        "notes.txt": "/tmp/notes.txt",
    }  # fmt: skip
    found = split(files, "DR3")
    assert sorted(found) == [("sampled", one) for one in ("1", "2", "5555", "66666", "7", "8")]
    assert _read(found["sampled", "7"]).cell("flux", 0)[5] == 7.0
    np.testing.assert_array_equal(_read(found["sampled", "1"]).cell("flux", 0), [1.0, 2.0])
    np.testing.assert_array_equal(_read(found["sampled", "66666"]).cell("wavelength", 0), [336.0, 338.0])
    with pytest.raises(BadReplyError, match="does not say whose"):
        split({"XP_SAMPLED.fits": [long]}, "DR3")
    with pytest.raises(BadReplyError, match="sends Gaia DR4 where Gaia DR3"):
        split({"XP_SAMPLED-Gaia DR4 66666.fits": [long]}, "DR3")


def test_masked_numbers_become_nan_and_masked_bands_are_left_out() -> None:
    table = Table(
        {
            "source_id": [9],
            "bp_coefficients": np.ma.masked_all((1, 3)),
            "rp_coefficients": np.ma.array([[1.0, 2.0, 3.0]]),
        },
        masked=True,
    )
    table["rp_coefficients"].mask[0, 1] = True
    found = _read(split({"x": [table]}, "DR3")["continuous", "9"])
    assert "bp_coefficients" not in found
    np.testing.assert_array_equal(found.cell("rp_coefficients", 0), [1.0, np.nan, 3.0])


@pytest.mark.parametrize("array", [[1.5, 2.5], "{1.5,2.5}", "(1.5, 2.5)", "[1.5 2.5]"])
def test_arrays_of_a_database_may_be_text(array: Any) -> None:
    found = split_rows([{"source_id": 5, "bp_coefficients": array, "rp_coefficients": None}, {"source_id": None}])
    np.testing.assert_array_equal(_read(found["continuous", "5"]).cell("bp_coefficients", 0), [1.5, 2.5])
    assert list(found) == [("continuous", "5")]


@pytest.mark.parametrize(("body", "words"), [
    (b"<VOTABLE><RESOURCE><INFO name='QUERY_STATUS' value='ERROR'><![CDATA[Too &amp; many]]></INFO>", "Too & many"),
    (b'<vo:INFO value="ERROR" name="QUERY_STATUS">line one\n  line two</vo:INFO>', "line one line two"),
    (b"<html><ul><li><b>Message: </b>Invalid <i>value</i> &lt;RAW&gt;</li></ul>", "Invalid value <RAW>"),
    (b'{"message": "No such release"}', "No such release"), (b"plain words\n", "plain words"),
    (b"<html><body>nothing</body></html>", ""), (b"PK\0\1binary", ""), (b"{broken", ""), (b"", ""),
])  # fmt: skip
def test_words_of_an_error(body: bytes, words: str) -> None:
    assert error_words(body) == words


def test_an_error_document_is_told_from_a_result() -> None:
    with pytest.raises(QueryError, match="Too many"):
        refuse_error_document(b"<VOTABLE><INFO name='QUERY_STATUS' value='ERROR'>Too many</INFO></VOTABLE>", "gaia")
    refuse_error_document(b"<VOTABLE><INFO name='QUERY_STATUS' value='OK'>ERROR</INFO></VOTABLE>", "gaia")


def test_a_row_without_id_or_place_is_no_source() -> None:
    dr3 = release_of("DR3")
    assert source_of(dict(source_id=5, ra=1.0, dec=2.0), dr3).epoch == 2016.0
    for row in ({"ra": 1.0, "dec": 2.0}, {"source_id": 5, "ra": None, "dec": 2.0}, {}):
        with pytest.raises(BadReplyError):
            source_of(row, dr3)
    text = source_of(dict(source_id=5, ra=1.0, dec=2.0, has_rvs="t", has_xp_sampled="false", parallax=-1.0), dr3)
    assert (text.has_rvs, text.has_xp_sampled, text.has_xp_continuous, text.absolute_g) == (True, False, None, None)
