"""Whom to cite: the surveys, archives, models and libraries behind what is on screen, as text and as BibTeX."""

from __future__ import annotations

from dataclasses import dataclass

from specviz import __version__
from specviz.session import outcome
from specviz.session.state import State
from specviz.spectra.acknowledgements import acknowledgement


@dataclass(frozen=True)
class Citation:
    """One work: ``what`` it stands for on screen, its ``words`` as a list of references has them, its ``bibtex``."""

    what: str
    words: str
    bibtex: str


def _paper(
    key: str, what: str, author: str, title: str, journal: str, volume: str, page: str, year: int, doi: str
) -> Citation:
    short = author.split(" and ")[0].strip("{}")
    many = " et al." if " and " in author else ""
    words = f"{short}{many} {year}, {journal}, {volume}, {page}, doi:{doi}"
    body = {
        "author": author, "title": "{" + title + "}", "journal": journal, "year": str(year), "volume": volume,
        "pages": page, "doi": doi,
    }  # fmt: skip
    return Citation(what, words, _entry("article", key, body))


def _entry(kind: str, key: str, body: dict[str, str]) -> str:
    lines = ",\n".join(f"  {k} = {{{v}}}" for k, v in body.items())
    return f"@{kind}{{{key},\n{lines}\n}}"


_AND_OTHERS = " and others"
_AA, _AAS = "Astronomy and Astrophysics", "Astronomy and Astrophysics Supplement"
_APJ, _RAA = "The Astrophysical Journal", "Research in Astronomy and Astrophysics"
_LAMOST = (
    _paper(
        "Cui2012",
        "LAMOST, the telescope",
        "Cui, X.-Q." + _AND_OTHERS,
        "The Large Sky Area Multi-Object Fiber Spectroscopic Telescope (LAMOST)",
        _RAA,
        "12",
        "1197",
        2012,
        "10.1088/1674-4527/12/9/003",
    ),
    _paper(
        "Zhao2012",
        "LAMOST, the survey",
        "Zhao, G." + _AND_OTHERS,
        "LAMOST spectral survey: an overview",
        _RAA,
        "12",
        "723",
        2012,
        "10.1088/1674-4527/12/7/002",
    ),
)
_GAIA = (
    _paper(
        "Gaia2016",
        "Gaia, the mission",
        "{Gaia Collaboration} and Prusti, T." + _AND_OTHERS,
        "The Gaia mission",
        _AA,
        "595",
        "A1",
        2016,
        "10.1051/0004-6361/201629272",
    ),
    _paper(
        "Gaia2023",
        "Gaia DR3",
        "{Gaia Collaboration} and Vallenari, A." + _AND_OTHERS,
        "Gaia Data Release 3: Summary of the content and survey properties",
        _AA,
        "674",
        "A1",
        2023,
        "10.1051/0004-6361/202243940",
    ),
    _paper(
        "DeAngeli2023",
        "XP spectra",
        "De Angeli, F." + _AND_OTHERS,
        "Gaia Data Release 3: Processing and validation of BP/RP low-resolution spectral data",
        _AA,
        "674",
        "A2",
        2023,
        "10.1051/0004-6361/202243680",
    ),
    _paper(
        "Montegriffo2023",
        "XP calibration",
        "Montegriffo, P." + _AND_OTHERS,
        "Gaia Data Release 3: External calibration of BP/RP low-resolution spectroscopic data",
        _AA,
        "674",
        "A3",
        2023,
        "10.1051/0004-6361/202243880",
    ),
)
_SERVICES = {
    "simbad": _paper(
        "Wenger2000",
        "SIMBAD",
        "Wenger, M." + _AND_OTHERS,
        "The SIMBAD astronomical database",
        _AAS,
        "143",
        "9",
        2000,
        "10.1051/aas:2000332",
    ),
    "vizier": _paper(
        "Ochsenbein2000",
        "VizieR",
        "Ochsenbein, F. and Bauer, P. and Marcout, J.",
        "The VizieR database of astronomical catalogues",
        _AAS,
        "143",
        "23",
        2000,
        "10.1051/aas:2000169",
    ),
}
_ASTROQUERY = _paper(
    "Ginsburg2019",
    "astroquery",
    "Ginsburg, A." + _AND_OTHERS,
    "astroquery: An Astronomical Web-querying Package in Python",
    "The Astronomical Journal",
    "157",
    "98",
    2019,
    "10.3847/1538-3881/aafc33",
)
_ASTROPY = _paper(
    "Astropy2022",
    "astropy",
    "{Astropy Collaboration} and Price-Whelan, A. M." + _AND_OTHERS,
    "The Astropy Project: Sustaining and Growing a Community-oriented Open-source Project",
    _APJ,
    "935",
    "167",
    2022,
    "10.3847/1538-4357/ac7c74",
)
_SPECVIZ = Citation(
    "this package",
    f"the specviz developers, specviz {__version__}: stellar spectra and foundation models in Jupyter",
    _entry("software", "specviz", {
        "author": "{the specviz developers}", "title": "{specviz: stellar spectra and foundation models in Jupyter}",
        "version": __version__, "note": "jupyter-specviz",
    }),
)  # fmt: skip
_MODELS = {
    "specclip": Citation(
        "SpecCLIP, the model",
        "Zhao et al. 2026, The Astrophysical Journal (SpecCLIP)",
        _entry("article", "SpecCLIP2026", {
            "author": "Zhao, X. and others", "title": "{SpecCLIP}", "journal": _APJ, "year": "2026",
        }),
    ),
    "phdlspec": Citation(
        "PhDLspec, the model",
        "Wu et al. 2026, arXiv:2604.02730 (PhDLspec)",
        _entry("misc", "PhDLspec2026", {
            "author": "Wu and others", "title": "{PhDLspec}", "year": "2026", "eprint": "2604.02730",
            "archiveprefix": "arXiv",
        }),
    ),
}  # fmt: skip


def citations(state: State) -> tuple[Citation, ...]:
    """The works behind the star on screen and what was said of it; simulated spectra need no survey."""
    found: list[Citation] = []
    star = state.star
    spectra = {} if star is None else {k: s for k, s in star.spectra.items() if not s.meta.get("simulated")}
    if "lamost_lrs" in spectra:
        found += _LAMOST
    if "gaia_xp" in spectra:
        found += _GAIA
    asked = {k for k, o in outcome.services(star).items() if o.status in ("found", "kept")}
    found += [_SERVICES[k] for k in _SERVICES if k in asked]
    name = state.report.provenance.model if state.report is not None else state.model
    found += [c for k, c in _MODELS.items() if name.startswith(k)]
    found.append(_SPECVIZ)
    if asked:
        found.append(_ASTROQUERY)
    return (*found, _ASTROPY)


def acknowledgements(state: State) -> tuple[str, ...]:
    """The sentences that the surveys of the spectra on screen ask for."""
    spectra = () if state.star is None else tuple(state.star.spectra.values())
    return tuple(dict.fromkeys(words for s in spectra if (words := acknowledgement(s))))


def as_text(found: tuple[Citation, ...], thanks: tuple[str, ...] = ()) -> str:
    """A list of references, and the sentences of the surveys."""
    return "\n".join([*(f"{c.what}: {c.words}" for c in found), *(("", *thanks) if thanks else ())])


def as_bibtex(found: tuple[Citation, ...]) -> str:
    """The same as BibTeX."""
    return "\n\n".join(c.bibtex for c in found) + "\n"
