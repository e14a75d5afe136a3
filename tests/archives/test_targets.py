"""Tables of targets: columns recognised whatever they are called, and spectra never taken for targets."""

from __future__ import annotations

import gzip
import io
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import MaskedColumn, QTable, Table

from specviz.archives.names import parse
from specviz.archives.targets import MAX_TARGETS, Target, query_targets, read_targets, targets_of
from specviz.errors import OptionError, ReadError, SpecvizError

SOL = 4345775217221821312


def texts(data: str | bytes, name: str = "targets.csv") -> list[str]:
    found = read_targets(data.encode() if isinstance(data, str) else data, name)
    assert found is not None
    return [target.text for target in found]


@pytest.mark.parametrize(
    ("header", "cell", "text"),
    [
        ("obsid", "353301001", "obsid 353301001"),
        ("OBSID", "353301001", "obsid 353301001"),
        ("source_id", str(SOL), f"Gaia {SOL}"),
        ("gaia_dr2_source_id", str(SOL), f"Gaia DR2 {SOL}"),
        ("DR3 source id", str(SOL), f"Gaia DR3 {SOL}"),
        ("Gaia_EDR3", str(SOL), f"Gaia EDR3 {SOL}"),
        ("gaia_source_id", f"Gaia DR3 {SOL}", f"Gaia DR3 {SOL}"),
        ("designation", "J224525.87+070521.6", "LAMOST J224525.87+070521.6"),
        ("DESIG", "LAMOST J224525.87+070521.6", "LAMOST J224525.87+070521.6"),
        ("designation", f"Gaia DR3 {SOL}", f"Gaia DR3 {SOL}"),
        ("KIC", "8098300", "KIC 8098300"),
        ("kepid", "KIC 8098300", "KIC 8098300"),
        ("TIC ID", "141810080", "TIC 141810080"),
        ("epic", "201367065", "EPIC 201367065"),
        ("2MASS", "15430310-1056011", "2MASS J15430310-1056011"),
        ("HD", "140283", "HD 140283"),
        ("HIP", "76976", "HIP 76976"),
        ("main_id", "HD 140283", "HD 140283"),
        ("Star", "* alf Lyr", "* alf Lyr"),
        ("object", "18 Sco", "18 Sco"),
        ("filename", "spec-1.fits", "spec-1.fits"),
    ],
)
def test_columns_are_known_by_name(header: str, cell: str, text: str) -> None:
    (target,) = read_targets(f"{header},teff\n{cell},5000\n".encode(), "a.csv") or []
    assert target.text == text
    assert target.name == (cell if header == "designation" else text)
    if not text.endswith(".fits"):
        assert parse(target.text).kind  # understood by what fetches


def test_positions_in_all_their_units() -> None:
    degrees = "235.7579000 -10.9337000"
    assert texts("ra,dec\n235.7579,-10.9337\n") == [degrees]
    assert texts("RAJ2000\tDEJ2000\n235.7579\t-10.9337\n", "a.tsv") == [degrees]
    assert texts("RA (deg);Dec [deg]\n235.7579;-10.9337\n") == [degrees]
    assert texts("ra_hours,dec\n15.71719333333,-10.9337\n") == [degrees]
    assert texts("ra  dec\n235.7579  -10.9337\n", "a.txt") == [degrees]
    (text,) = texts("ra,dec\n15:43:01.896,-10:56:01.32\n")
    assert text == degrees
    (text,) = texts("coordinates\n15 43 01.896 -10 56 01.32\n")
    assert parse(text).ra == pytest.approx(235.7579, abs=1e-6)
    table = QTable({"ra": [235.7579] * u.deg, "dec": [-10.9337] * u.deg})
    assert targets_of(table)[0].text == degrees
    table["ra"] = table["ra"].to(u.rad)
    assert targets_of(table)[0].text == degrees
    assert targets_of(QTable({"sky": SkyCoord([235.7579], [-10.9337], unit="deg")}))[0].text == degrees
    assert read_targets(b"ra,dec\n400,10\n1,1\n", "a.csv") == [
        Target("row 1", "", "400 10 is not on the sky"), Target("1.0000000 +1.0000000", "1.0000000 +1.0000000"),
    ]  # fmt: skip


def test_rows_fall_back_and_blank_ones_are_left_out() -> None:
    found = read_targets(
        f"name,obsid,source_id,ra,dec,Note\nSun's twin,12345678,{SOL},1,2,first\nB,-9999,{SOL},1,2,\n"
        f",,,1,2,\n,,,,,\nonly a name,,,,,x\n,,,,,a remark\n".encode(),
        "t.csv",
    )
    assert found == [
        Target("Sun's twin", "obsid 12345678", "first"),
        Target("B", f"Gaia {SOL}"),
        Target("1.0000000 +2.0000000", "1.0000000 +2.0000000"),
        Target("only a name", "only a name", "x"),
        Target("row 6", "", "a remark; this row names no star"),
    ]


def test_a_file_that_is_there_goes_first(tmp_path: Path) -> None:
    (tmp_path / "s.fits").write_bytes(b"x")
    table = f"obsid,file\n12345678,{tmp_path / 's.fits'}\n12345679,gone.fits\n"
    assert texts(table) == [str(tmp_path / "s.fits"), "obsid 12345679"]
    for odd in ("~nobody-of-that-name/s.fits", "x" * 5000):
        assert texts(f"obsid,file\n12345678,{odd}\n") == ["obsid 12345678"]


def made() -> Table:
    return Table(
        {
            "source_id": np.array([SOL, 5853498713190525696]),
            "Object": ["18 Sco", "Proxima"],
            "ra": MaskedColumn([243.9, 217.4], unit="deg", mask=[False, True]),
            "dec": [-8.37, -62.68],
        }
    )


@pytest.mark.parametrize("kind", ["ascii.csv", "ascii.tab", "ascii.ecsv", "votable", "fits", "parquet"])
def test_every_format_gives_the_same(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"t.{kind}"
    if kind == "parquet":
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        columns = {name: np.asarray(made()[name]).tolist() for name in made().colnames}
        pq.write_table(pa.table(columns), path)
    else:
        made().write(path, format=kind)
    expected = [Target("18 Sco", f"Gaia {SOL}"), Target("Proxima", "Gaia 5853498713190525696")]
    assert read_targets(path.read_bytes(), path.name) == expected
    if kind != "parquet":
        assert read_targets(gzip.compress(path.read_bytes()), path.name) == expected
    assert targets_of(made()) == expected


def test_ucds_tell_what_names_do_not() -> None:
    table = Table({"alpha_obj": [10.0], "beta_obj": [20.0], "label": ["Vega"]})
    for name, ucd in (("alpha_obj", "pos.eq.ra;meta.main"), ("beta_obj", "pos.eq.dec;meta.main"),
                      ("label", "meta.id;meta.main")):  # fmt: skip
        table[name].meta["ucd"] = ucd
    stream = io.BytesIO()
    table.write(stream, format="votable")
    assert texts(stream.getvalue(), "a.xml") == ["Vega"]
    table.remove_column("label")
    stream = io.BytesIO()
    table.write(stream, format="votable")
    assert texts(stream.getvalue(), "a.xml") == ["10.0000000 +20.0000000"]


def test_frames_lists_and_dicts() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"KIC": [8098300, None], "why": ["flare", None]}).astype({"KIC": "Int64"})
    assert targets_of(frame) == [Target("KIC 8098300", "KIC 8098300", "flare")]
    assert [t.text for t in targets_of(pd.DataFrame({"obsid": [353301001.0, np.nan]}))] == ["obsid 353301001"]
    assert targets_of(pd.Series(["Vega", "Sirius"]).tolist())[1] == Target("Sirius", "Sirius")
    assert [t.text for t in targets_of(["Vega", 353301001, np.int64(SOL), " "])] == ["Vega", "353301001", str(SOL)]
    assert targets_of({"name": ["Vega"]}) == [Target("Vega", "Vega")]
    assert targets_of([Target("a", "b")]) == [Target("a", "b")]
    for wrong in ("Vega", 3, [3.5], [["Vega"]], {"a": [1], "b": [1, 2]}, pd.DataFrame({"mood": [1]})):
        with pytest.raises(OptionError):
            targets_of(wrong)


def test_rounded_ids_are_refused_not_guessed() -> None:
    pd = pytest.importorskip("pandas")
    with pytest.raises(SpecvizError, match="last digits are lost"):
        targets_of(pd.DataFrame({"source_id": [float(SOL), np.nan]}))
    with pytest.raises(SpecvizError, match="last digits are lost"):
        read_targets(b"source_id,x\n4.34577521722182E+18,1\n", "excel.csv")


def test_names_one_a_line() -> None:
    assert texts("Vega\n# not this\n\nHD 140283\n\"Barnard's star\"\n", "names.txt") == [
        "Vega", "HD 140283", "Barnard's star",
    ]  # fmt: skip
    assert texts("353301001\n353301002\n", "ids.txt") == ["353301001", "353301002"]
    assert texts(f"{SOL}\r\n", "ids.txt") == [str(SOL)]
    assert texts("15 43 03.1 -10 56 01\n10 11 12 +13 14 15\n", "p.txt")[1] == "10 11 12 +13 14 15"
    assert texts("\ufeffname\nVega\n") == ["Vega"]
    assert texts("# name, teff\nVega, 9600\n") == ["Vega"]


@pytest.mark.parametrize(
    "data",
    [
        "\n".join(f"{w} {w / 5000}" for w in range(3800, 9000, 2)),
        "\n".join(f"{w},{w / 5000},0.1" for w in range(3800, 9000, 2)),
        "wavelength,flux\n" + "\n".join(f"{w},1" for w in range(3800, 9000, 2)),
        "source_id,wavelength,flux\n" + "\n".join(f"{SOL},{w},1" for w in range(336, 1022, 2)),
        "time,flux\n1,2\n3,4\n",
        "1.5\n2.5\n3.5\n",
        "12\n13\n",
        "10.5 20.5\n11.5 -20.5\n",
        "",
        "\n\n",
        "# only a comment\n",
        "This folder holds spectra of stars.\nThey were taken in 2019.\n",
        "import numpy as np\nprint(np.pi)\n",
        "<html><body>Please log in</body></html>",
        '{"error": "none"}',
        "a,b,c\n1,2,3\n",
        "source_id wavelength flux\n" + "\n".join(f"{SOL} {w} 1" for w in range(336, 1022, 2)),
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"\x89HDF\r\n\x1a\n",
    ],
)
def test_what_is_no_table_of_targets(data: str | bytes) -> None:
    raw = data.encode() if isinstance(data, str) else data
    if not raw:
        with pytest.raises(ReadError, match="empty"):
            read_targets(raw, "x.csv")
    else:
        assert read_targets(raw, "x.csv") is None


def test_a_spectrum_in_fits_is_no_table_of_targets() -> None:
    columns = [fits.Column(name=n, format="3D", array=[np.arange(3.0)]) for n in ("FLUX", "IVAR", "WAVELENGTH")]
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)])
    stream = io.BytesIO()
    hdus.writeto(stream)
    assert read_targets(stream.getvalue(), "spec.fits") is None
    stream = io.BytesIO()
    fits.PrimaryHDU(np.zeros((5, 10))).writeto(stream)
    assert read_targets(stream.getvalue(), "image.fits") is None


def test_damaged_tables_and_long_ones_are_said(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="row 2 has 3 cells, the header 2"):
        read_targets(b"name,teff\nVega,1\nSirius,2,3\n", "a.csv")
    with pytest.raises(ReadError, match="without rows"):
        read_targets(b"name,teff\n", "a.csv")
    rows = "name\n" + "Vega\n" * (MAX_TARGETS + 1)
    with pytest.raises(SpecvizError, match="100,001 rows"):
        read_targets(rows.encode(), "a.csv")
    with pytest.raises(SpecvizError, match="at most 100,000"):
        targets_of(["Vega"] * (MAX_TARGETS + 1))
    assert len(read_targets(rows.encode()[:-5], "a.csv") or []) == MAX_TARGETS
    path = tmp_path / "t.fits"
    made().write(path)
    with pytest.raises(ReadError):
        read_targets(path.read_bytes()[:5800], "cut.fits")
    with pytest.raises(ReadError, match="ECSV"):
        read_targets(b"# %ECSV 1.0\n# ---\n# datatype: [oops\nname\nVega\n", "a.ecsv")
    made().write(tmp_path / "t.xml", format="votable")
    with pytest.raises(ReadError):
        read_targets((tmp_path / "t.xml").read_bytes()[:-30], "cut.xml")
    with pytest.raises(ReadError, match="entities"):
        read_targets(b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><VOTABLE></VOTABLE>', "a.xml")
    pytest.importorskip("pyarrow")
    with pytest.raises(ReadError, match="Parquet"):
        read_targets(b"PAR1" + b"\x00" * 100, "a.parquet")


def test_names_stay_plain_text() -> None:
    wild = ['=HYPERLINK("http://x","y")', "<script>alert(1)</script>", "@SUM(A1)", "+1+1", "{{7*7}}", "a\u202eb"]
    cells = "\n".join('"' + w.replace('"', '""') + '",5' for w in wild)
    found = read_targets(f"name,obsid\n{cells}\n".encode(), "../../evil\x00<b>.csv")
    assert found is not None
    assert [t.name for t in found[:5]] == wild[:5] and found[5].name == "a b"  # the override is no character to show
    assert {type(t.name) for t in found} == {str}


def test_a_query_goes_through_tap(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    tap = types.ModuleType("specviz.archives.tap")
    tap.query = lambda service, adql: asked.append((service, adql)) or Table({"source_id": [SOL]})  # type: ignore[attr-defined]
    tap.service_of = lambda adql: "gaia"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "specviz.archives.tap", tap)
    monkeypatch.setattr("specviz.archives.tap", tap, raising=False)
    assert query_targets("select source_id from gaiadr3.gaia_source") == [Target(f"Gaia {SOL}", f"Gaia {SOL}")]
    query_targets("select 1", service="simbad")
    assert [service for service, _ in asked] == ["gaia", "simbad"]


@pytest.mark.parametrize("kind", ["ascii.csv", "ascii.ecsv", "votable", "fits"])
def test_damaged_bytes_raise_our_errors_or_none(kind: str, tmp_path: Path) -> None:
    made().write(tmp_path / "t", format=kind)
    whole, rng = (tmp_path / "t").read_bytes(), np.random.default_rng(5)
    for k in range(150):
        broken = bytearray(whole[: rng.integers(1, len(whole))] if k % 3 == 0 else whole)
        for at in rng.integers(0, len(broken), rng.integers(1, 25)):
            broken[at] = rng.integers(0, 256)
        try:
            found = read_targets(bytes(broken), "t")
        except SpecvizError:
            continue
        assert found is None or all(isinstance(target, Target) for target in found)


# ------------------------------------------------------------------------------------------------ real files
def test_no_real_spectrum_is_taken_for_targets(shared: Path) -> None:
    folders = ("gaia_xp_formats", "gaia_xp_calspec10", "gaia_xp_2000", "lamost_dr10", "lamost_dr1", "lamost_dr7",
               "lamost_dr8_repeats", "kepler_llc", "sdss_templates/templates_original", "lightcurves_text")  # fmt: skip
    seen = 0
    for folder in folders:
        for path in sorted((shared / "data" / folder).rglob("*")):
            if path.is_file() and path.name not in ("labels.csv", "star_info.csv"):
                assert read_targets(path.read_bytes(), path.name) is None, path
                seen += 1
    assert seen > 250


def test_real_tables_of_targets(shared: Path) -> None:
    data = shared / "data"

    def read(path: str) -> list[Target]:
        found = read_targets((data / path).read_bytes(), path)
        assert found is not None, path
        return found

    labels = read("lamost_dr10/labels.csv")
    assert len(labels) == 254 and labels[0] == Target("LAMOST J224525.87+070521.6", "obsid 938505172")
    assert read("lamost_misc/MDwarfMachine/data/trvr.fits")[0].text == "obsid 1607211"
    assert len(read("fixtures/astroquery_xmatch/posList.csv")) == 6
    assert read("fixtures/astroquery_gaia/1712337806100O-result.ecsv")[0].text == "Gaia DR3 6636090334814214528"
    assert read("fixtures/astroquery_nadc_lamost/conesearch_response.xml")[0].text.startswith("obsid ")
    assert len(read("MANIFEST.csv")) > 300


def test_labels_of_catalogues_travel_with_their_row() -> None:
    table = Table({"name": ["demo 1", "demo 2"], "APOGEE_TEFF": [5800.0, -9999.0], "APOGEE_TEFF_ERR": [20.0, 20.0]})
    first, second = targets_of(table)
    said = {"teff": 5800.0, "teff_err": 20.0, "source": "APOGEE, columns of the table"}
    assert dict(first.catalogues["APOGEE"]) == said
    assert second.catalogues.get("APOGEE", {}).get("teff") is None
    from specviz.session.resolve import resolve

    star = resolve(first)
    assert star.catalogue["source"] == "true values of the simulation"  # what the archive says leads
    assert star.catalogues["APOGEE"]["teff"] == 5800.0
    assert first == targets_of(Table({"name": ["demo 1"]}))[0]  # the same star
