"""Does a star shine in lines? What stands above the lines that a star of its kind has, line by line, in all of LAMOST.

The reference is no flat continuum but the mixture of templates that fits the blue lines of the star, so that a
chromosphere that only fills H alpha in counts, too. Galaxies are asked for with sets of lines at a common redshift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from specviz.analysis.double_lines import absent_because, optical
from specviz.analysis.emission_lines import FAMILIES, GALAXY, EmissionLine
from specviz.analysis.excess import NAN, RESOLUTION, Excess, LineMeasure
from specviz.analysis.line_templates import COVERED_WAVE
from specviz.analysis.one_star import misfit_of, model_of, on_lamost_pixels, one_star
from specviz.analysis.report import Reason
from specviz.errors import SpecvizError
from specviz.spectra.frames import C_KM_S
from specviz.spectra.spectrum import Spectrum

#: From this value on the sentence says that there is emission (docs/detectors.md).
CLEAR = 6.0
#: A line counts as seen from this significance on.
SEEN = 3.0
#: Share of the lines that templates miss of an ordinary star; the spread of its lines is in their ``doubt``.
USUAL_MISFIT = 0.12
#: H alpha (Angstrom) beyond what chromospheres shine with (White & Basri 2003, ApJ 582, 1109, section 4.1: 20 for the
#: coolest stars).
CHROMOSPHERE = 20.0
#: FWHM beyond that of the star's lines, km/s, from which on emission is called broad.
BROAD = 180.0
#: Families of which two lines must be seen: a cosmic ray makes one. H alpha may stand alone.
_BOTH = ("Ca II H, K", "Ca II triplet", "nebula")


@dataclass(frozen=True)
class Emission:
    """Evidence for emission lines.

    Parameters
    ----------
    value : float
        Significance of the strongest family of lines (Balmer, Ca II H and K, Ca II triplet, nebula, galaxy), in sigma
        of the noise, or of what templates lack, whichever is larger. NaN where there is no value.
    unit : str
        "σ".
    text : str
        One sentence for a person.
    reasons : tuple of Reason
        The lines, vacuum Angstrom.
    absent : str
        Why there is no value.
    kind : str
        "core" (as narrow as the star's lines), "broad", "nebula", "galaxy", or "" where nothing is clear.
    lines : tuple of LineMeasure
        What is seen at 3 sigma or more, strongest first.
    redshift : float
        Of a galaxy's lines; NaN else.
    """

    value: float
    unit: str = "σ"
    text: str = ""
    reasons: tuple[Reason, ...] = ()
    absent: str = ""
    kind: str = ""
    lines: tuple[LineMeasure, ...] = ()
    redshift: float = NAN


def emission(report: Any) -> Emission:
    """Whether the report's optical spectrum has emission lines.

    Parameters
    ----------
    report : Report
        Only its star's spectra are read: LAMOST's, else SDSS's.
    """
    spectrum = optical(report)
    if spectrum is None:
        return Emission(NAN, absent="there is no optical spectrum")
    return emission_of(spectrum)


def emission_of(spectrum: Spectrum) -> Emission:
    """:func:`emission` of a spectrum."""
    refused = ""
    try:
        star = one_star(spectrum)
        teff, vsini = float(star.bank.teff[star.best]), float(star.bank.vsini[star.best])
        model = model_of(star)
        misfit = max(misfit_of(star, model) - USUAL_MISFIT, 0.0)
        excess = Excess(star.flux, star.sigma, model, star.shift / 2.0, teff=teff, vsini=vsini, misfit=misfit)
    except SpecvizError as error:  # no star that is known: a galaxy or a star all in emission still has its lines
        refused, teff = absent_because(error), NAN
        flux, sigma, _ = on_lamost_pixels(spectrum)
        excess = Excess(flux, sigma, np.ones(COVERED_WAVE.size), 0.0)
    galaxy, redshift = excess.galaxy()
    families = {name: _family(excess, name, lines) for name, lines in FAMILIES.items()}
    name, (value, lines) = max(families.items(), key=lambda item: item[1][0])
    if galaxy > max(value, CLEAR):
        shown = _seen(excess.measured(GALAXY, redshift=redshift, sharp=True))
        text = f"{_listed(shown)} in emission at one redshift, {redshift:.4f}: a galaxy ({galaxy:.0f} σ)."
        return Emission(galaxy, "σ", text, _reasons(shown, spectrum.survey), "", "galaxy", shown, redshift)
    if refused and (len(lines) < 2 or value < 2.0 * CLEAR):
        return Emission(NAN, absent=refused)
    every = _seen([m for _, found in families.values() for m in found])
    if value < CLEAR:
        best = f" The most is {lines[0].name} at {lines[0].sigma:.1f} σ." if lines and value >= SEEN else ""
        return Emission(
            max(value, 0.0), "σ", f"No emission line is clear above the star's own lines.{best}", lines=every
        )
    kind = _kind(name, lines, families["nebula"][1])
    return Emission(value, "σ", _sentence(kind, lines, value, teff), _reasons(lines, spectrum.survey), "", kind, every)


def _family(excess: Excess, name: str, lines: tuple[EmissionLine, ...]) -> tuple[float, tuple[LineMeasure, ...]]:
    """Significance of a set, and its lines that are seen.

    The lines' significances are added with the weights that are expected of them; where the leading line alone is more
    significant, it is the set's. A set whose leading line is not seen, or of which too few are, counts a third.
    """
    found = excess.measured(lines, sharp=name == "nebula")
    if not found:
        return 0.0, ()
    weights = {line.name: line.strength for line in lines}
    z = np.array([m.sigma for m in found])
    w = np.array([weights[m.name] for m in found])
    both = float((w @ z) / np.sqrt(w @ w))
    lead = float(np.max(np.where(w >= 1.0, z, 0.0), initial=0.0))
    seen = _seen(found)
    holds = lead >= SEEN and (len(seen) >= 2 or name not in _BOTH)
    if name in _BOTH and len(seen) >= 2 and seen[1].width < 0.15 * seen[0].width:
        holds = False  # these lines are of like strength
    if name == "Balmer" and excess.teff > 7000.0 and seen and max(m.height for m in seen) < 1.05:
        holds = False  # no more than shallow: a white dwarf or a subdwarf, which no template shows, looks so, too
    return (max(both, lead) if holds else both / 3.0), seen


def _seen(lines: list[LineMeasure]) -> tuple[LineMeasure, ...]:
    return tuple(sorted((m for m in lines if m.sigma >= SEEN), key=lambda m: -m.sigma))


def _kind(name: str, lines: tuple[LineMeasure, ...], nebular: tuple[LineMeasure, ...]) -> str:
    if name == "nebula":
        return "nebula"
    if lines and np.isfinite(lines[0].fwhm) and lines[0].fwhm > BROAD:
        return "broad"
    return "nebula" if len(nebular) >= 2 else "core"


def _sentence(kind: str, lines: tuple[LineMeasure, ...], value: float, teff: float) -> str:
    lead = lines[0]
    size = f"{lead.name} {lead.width:.1f} ± {lead.width_sigma:.1f} Å above the star's own lines"
    more = f", with {_listed(lines[1:4])}" if len(lines) > 1 else ""
    source = "a disc, a wind or accretion"
    if teff > 8500.0:
        source = "as from the disc of a Be star"
    elif teff < 5500.0:
        source = "as from an accreting young star"
    narrow = "narrow, as from a chromosphere" if teff < 7000.0 else "narrow"
    if lead.name == "Hα" and lead.width > CHROMOSPHERE:
        narrow = f"more than a chromosphere gives, {source}"
    what = {
        "broad": f"broad ({lead.fwhm:.0f} km/s), {source}",
        "nebula": "narrow, with forbidden lines, as from a nebula",
        "core": narrow,
    }[kind]
    return f"{size}{more}; {what} ({value:.1f} σ)."


def _listed(lines: tuple[LineMeasure, ...]) -> str:
    names = [m.name for m in lines]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "Lines"


def _reasons(lines: tuple[LineMeasure, ...], survey: str) -> tuple[Reason, ...]:
    out = []
    for m in lines[:6]:
        wide = float(np.hypot(m.fwhm, RESOLUTION)) if np.isfinite(m.fwhm) else RESOLUTION
        half = m.wavelength * wide / C_KM_S
        name = f"{m.name} emission"
        out.append(Reason(name, "star", m.wavelength, m.wavelength - half, m.wavelength + half, m.sigma, survey))
    return tuple(out)


__all__ = ["CLEAR", "Emission", "LineMeasure", "emission", "emission_of"]
