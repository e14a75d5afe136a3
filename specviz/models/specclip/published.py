"""Two stars whose labels the official package printed: the end-to-end test of real weights (specification 5 and 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from specviz.errors import ReadError, SpecvizError
from specviz.models.specclip.routing import Survey
from specviz.spectra.readers import read
from specviz.spectra.spectrum import Spectrum

#: The official package prints two decimals: half of the last one, and float32.
ROUNDING = 0.0051
#: Its samples are drawn without a seed: four runs of one star spread by 0.01 of its posterior's width, and so may we.
SAMPLING = 0.1
#: Label: (value, standard deviation); None where the head gives a number alone.
Labels = Mapping[str, tuple[float, float | None]]


@dataclass(frozen=True)
class PublishedStar:
    """A spectrum of the official repository, and what the released model said of it (the tutorial of 13 May 2026)."""

    survey: Survey
    files: tuple[str, ...]
    labels: Labels


def _alone(**labels: float) -> dict[str, tuple[float, float | None]]:
    return {name: (value, None) for name, value in labels.items()}


STARS: tuple[PublishedStar, ...] = (
    PublishedStar(
        "lamost_lrs",
        ("spec-55859-F5902_sp02-084.fits.gz", "spec-55859-F5902_sp02-084.fits"),
        MappingProxyType(
            {
                "teff": (5893.09, 114.0),
                "logg": (4.11, 0.09),
                "rv": (3.39, 5.97),
                **_alone(fe_h=-0.91, e_bp_rp=0.03, alpha_fe=0.16, c_fe=0.15, n_fe=0.84, mg_fe=0.25, o_fe=0.27),
                **_alone(al_fe=0.10, si_fe=0.15, ca_fe=0.08, ti_fe=-0.07, mn_fe=-0.20, ni_fe=0.01, cr_fe=-0.09),
                "dnu": (15.53, 12.77),
                "nu_max": (254.0, 116.0),
                "mass": (1.24, 0.08),
                "radius": (7.52, 1.74),
                "age": (5.40, 1.45),
                "delta_pi1": (55.0, 16.3),
            }
        ),
    ),
    PublishedStar(
        "gaia_xp",
        ("sample4_txt_xp.csv",),
        MappingProxyType(
            {
                "teff": (4572.81, 268.19),
                "logg": (1.98, 0.19),
                **_alone(fe_h=-0.51, e_bp_rp=0.49, c_fe=-0.05, n_fe=0.25),
            }
        ),
    ),
)


@dataclass(frozen=True)
class Comparison:
    """One label: what was published, what this model says, and whether they agree."""

    label: str
    published: float
    spread: float | None
    ours: float
    agrees: bool

    def __str__(self) -> str:
        width = f" ± {self.spread:g}" if self.spread is not None else ""
        verdict = "" if self.agrees else "   DIFFERS"
        return f"{self.label:10} published {self.published:9.2f}{width:9} here {self.ours:9.2f}{verdict}"


def agrees(published: float, spread: float | None, ours: float) -> bool:
    """Whether a label is the published one.

    A label without spread is deterministic and has to be the same number; the median of a posterior may move by its
    sampling noise.
    """
    return abs(ours - published) <= ROUNDING + SAMPLING * (spread or 0.0)


def find_star(star: PublishedStar, folder: Path) -> Path | None:
    """The star's file in a folder or below it."""
    return next((path for name in star.files for path in sorted(folder.rglob(name))), None)


def read_star(path: Path, survey: Survey) -> Spectrum:
    """The spectrum in a file, as the official reader takes it.

    Its text files have no header: two rows, or two columns, of wavelength (Å, nm for XP) and flux.
    """
    if path.suffix.lower() in (".csv", ".txt"):
        return _plain_text(path, survey)
    star = read(path)
    if survey not in star.spectra:
        raise SpecvizError(f"{path.name} holds no {survey} spectrum", expected="the file of the official repository")
    return star.spectra[survey]


def _plain_text(path: Path, survey: Survey) -> Spectrum:
    try:
        rows = [row for row in path.read_text("utf-8").splitlines() if row.strip()]
        if any(c.isalpha() and c not in "eE" for c in rows[0]):
            rows = rows[1:]
        table = np.array([[float(cell) for cell in row.replace(",", " ").split()] for row in rows])
    except (ValueError, IndexError, UnicodeDecodeError, OSError) as error:
        raise ReadError(
            f"{path.name} is no table of wavelength and flux", expected="two rows or two columns"
        ) from error
    if table.ndim != 2 or min(table.shape) < 2:
        raise ReadError(f"{path.name} is no table of wavelength and flux", expected="two rows or two columns")
    wave, flux = (table[0], table[1]) if table.shape[1] > 10 else (table[:, 0], table[:, 1])
    return Spectrum(wave, flux, survey=survey, meta={"path": str(path)})
