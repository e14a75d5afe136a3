"""Files written for the tests: every layout, from the same star, so that a clone alone tests the readers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

N = 3909
HEADER = {
    "COEFF0": 3.5682,
    "COEFF1": 1e-4,
    "VACUUM": True,
    "HELIO": True,
    "HELIO_RV": 12.5,
    "DATA_V": "LAMOST DR7",
    "OBSID": 938505172,
    "DESIG": "LAMOST J012345.67+012345.6",
    "RA": 20.94,
    "DEC": 1.396,
    "CLASS": "STAR",
    "SUBCLASS": "G5",
    "Z": -0.0001,
    "SNRU": 10.0,
    "SNRG": 55.5,
    "SNRR": 80.0,
    "SNRI": 90.0,
    "SNRZ": -9999.0,
    "LMJD": 59000,
    "MJD": 58999,
    "PLANID": "HD012345N012345M01",
    "SPID": 5,
    "FIBERID": 172,
}


def star_arrays() -> dict[str, np.ndarray]:
    """A G star: blackbody, two lines, noise, a dead stretch at both ends and one bad pixel."""
    rng = np.random.default_rng(7)
    wave = 10 ** (3.5682 + 1e-4 * np.arange(N))
    flux = 900 * (wave / 5000) ** -1.2 * (1 - 0.4 * np.exp(-0.5 * ((wave - 4862.7) / 4) ** 2))
    flux += rng.normal(0, flux / 50)
    ivar = (50 / flux) ** 2
    ivar[:12] = ivar[-5:] = ivar[2000] = 0
    andmask = np.where(ivar == 0, 1.0, 0.0)
    return {"wave": wave, "flux": flux, "ivar": ivar, "andmask": andmask, "ormask": andmask.copy()}


@pytest.fixture(scope="session")
def arrays() -> dict[str, np.ndarray]:
    return star_arrays()


def _primary(rows: list[np.ndarray], **header: Any) -> fits.HDUList:
    hdu = fits.PrimaryHDU(np.array(rows, dtype=">f4"))
    hdu.header.update({**HEADER, **header})
    return fits.HDUList([hdu])


def _coadd(a: dict[str, np.ndarray]) -> fits.HDUList:
    columns = [
        fits.Column(name=n, format=f"{N}E", array=[a[k]])
        for n, k in zip(
            ("FLUX", "IVAR", "WAVELENGTH", "ANDMASK", "ORMASK", "NORMALIZATION"),
            ("flux", "ivar", "wave", "andmask", "ormask", "flux"),
            strict=True,
        )
    ]
    primary = fits.PrimaryHDU()
    primary.header.update({**HEADER, "DATA_V": "LAMOST DR10"})
    return fits.HDUList([primary, fits.BinTableHDU.from_columns(columns, name="COADD")])


def _sdss(a: dict[str, np.ndarray]) -> fits.HDUList:
    spec = fits.BinTableHDU.from_columns(
        [
            fits.Column(name="flux", format="E", array=a["flux"]),
            fits.Column(name="loglam", format="E", array=np.log10(a["wave"])),
            fits.Column(name="ivar", format="E", array=a["ivar"]),
            fits.Column(name="and_mask", format="J", array=a["andmask"].astype(int)),
        ],
        name="COADD",
    )
    objects = fits.BinTableHDU.from_columns(
        [
            fits.Column(name="CLASS", format="6A", array=["STAR"]),
            fits.Column(name="SUBCLASS", format="8A", array=["F9"]),
            fits.Column(name="Z", format="E", array=[0.0003]),
            fits.Column(name="SN_MEDIAN_ALL", format="E", array=[31.5]),
        ],
        name="SPECOBJ",
    )
    primary = fits.PrimaryHDU()
    primary.header.update({"PLATEID": 6138, "MJD": 56598, "FIBERID": 934, "PLUG_RA": 350.5, "PLUG_DEC": 12.25})
    return fits.HDUList([primary, spec, objects])


def _kepler() -> fits.HDUList:
    time = np.linspace(131.5, 164.9, 1600)
    time[10] = np.nan
    flux = 1e5 + 10 * np.sin(time)
    flux[20] = np.nan
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column(name="TIME", format="D", array=time, unit="BJD - 2454833"),
            fits.Column(name="SAP_FLUX", format="E", array=flux * 0.9, unit="e-/s"),
            fits.Column(name="PDCSAP_FLUX", format="E", array=flux, unit="e-/s"),
            fits.Column(name="PDCSAP_FLUX_ERR", format="E", array=np.full(1600, 9.0), unit="e-/s"),
            fits.Column(name="SAP_QUALITY", format="J", array=np.arange(1600)),
        ],
        name="LIGHTCURVE",
    )
    table.header.update({"BJDREFI": 2454833, "BJDREFF": 0.0})
    primary = fits.PrimaryHDU()
    primary.header.update(
        {
            "OBJECT": "KIC 1234",
            "KEPLERID": 1234,
            "MISSION": "Kepler",
            "TEFF": 5800,
            "LOGG": 4.4,
            "FEH": 0.1,
            "QUARTER": 1,
        }
    )
    return fits.HDUList([primary, table])


@pytest.fixture(scope="session")
def fits_files(tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, np.ndarray]) -> dict[str, Path]:
    """One FITS file a layout."""
    a, folder = arrays, tmp_path_factory.mktemp("layouts")
    made = {
        "dr1": _primary([a["flux"], a["ivar"], a["flux"] / 900, a["andmask"], a["ormask"]], DATA_V="LAMOST DR1"),
        "dr7": _primary([a["flux"], a["ivar"], a["wave"], a["andmask"], a["ormask"]]),
        "six_rows": _primary([a["flux"], a["ivar"], a["wave"], a["andmask"], a["ormask"], a["flux"]]),
        "dr10": _coadd(a),
        "sdss": _sdss(a),
        "kepler": _kepler(),
    }
    paths = {}
    for name, hdus in made.items():
        paths[name] = folder / f"{name}.fits"
        hdus.writeto(paths[name])
    return paths


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Write text or bytes under a name and return the path."""

    def put(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return put
