"""Two pages over the view, opened from the footer: whom to cite, and where every number comes from."""

from __future__ import annotations

from collections.abc import Iterable

from specviz import __version__
from specviz.session import outcome
from specviz.session.citations import acknowledgements, as_bibtex, as_text, citations
from specviz.session.state import State
from specviz.views import icons
from specviz.views.formats import DASH, heading, text
from specviz.views.help_page import HELP_CSS

CSS = (
    HELP_CSS
    + """
.help .body { padding: 8px 16px 12px; } .help .body p { margin: 4px 0 8px; } .help .body h3 { margin-top: 12px; }
.help .facts { grid-template-columns: minmax(120px, fit-content(38%)) minmax(0, 1fr); }
.help .facts dd { overflow-wrap: anywhere; user-select: text; } .help .facts dt { font-weight: 400; }
.help .actions { display: flex; gap: 8px; padding: 8px 0 4px; }
.sv-links { display: inline-flex; gap: 12px; font-size: 12px; white-space: nowrap; padding-left: 12px; }
.sv-links .sv-button.sv-link { height: 24px; }
"""
)
SURVEYS = {"lamost_lrs": "LAMOST", "gaia_xp": "Gaia XP", "sdss": "SDSS", "other": "Other"}
_LONGEST = 20_000


def links_html(state: State) -> str:
    """The words Cite and Provenance of the footer, and the pages that they open."""
    return (
        '<span class="sv-links">'
        '<button class="sv-button sv-link" popovertarget="sv-cite">Cite</button>'
        '<button class="sv-button sv-link" popovertarget="sv-provenance">Provenance</button></span>'
        + _page("sv-cite", "Cite", _cite(state))
        + _page("sv-provenance", "Provenance", _provenance(state))
    )


def _page(key: str, title: str, body: str) -> str:
    close = (
        f'<button class="sv-button sv-flat" popovertarget="{key}" popovertargetaction="hide" aria-label="Close {title}">'
        f"{icons.svg('close', 14)}</button>"
    )
    return (
        f'<div popover id="{key}" class="help" role="dialog" aria-label="{title}"><div class="head"><b>{title}</b>{close}</div>'
        f'<div class="body">{body}</div></div>'
    )


def _cite(state: State) -> str:
    found, thanks = citations(state), acknowledgements(state)
    works = _facts((c.what, c.words) for c in found)
    said = f"<h3>Acknowledgements</h3>{''.join(f'<p>{text(words, 2000)}</p>' for words in thanks)}" if thanks else ""
    return (
        f"<p>If these numbers go into a paper, these are the works behind them.</p>{works}{said}"
        f'<div class="actions">{_copy("Copy BibTeX", as_bibtex(found))}{_copy("Copy as text", as_text(found, thanks))}</div>'
    )


def _provenance(state: State) -> str:
    star, report = state.star, state.report
    parts = []
    if star is None:
        parts.append("<p>No star is shown.</p>")
    else:
        ids = ", ".join(map(str, star.identifiers)) or DASH
        facts = [("Star", star.name), ("Identifiers", ids)]
        for survey, spectrum in star.spectra.items():
            m = spectrum.meta
            words = [m.get("release"), m.get("object_id"), m.get("layout"), m.get("path")]
            facts.append((SURVEYS.get(survey, survey), ", ".join(dict.fromkeys(str(w) for w in words if w))))
        parts.append("<h3>Spectra</h3>" + _facts(facts))
        asked = outcome.services(star)
        if asked:
            told = ((outcome.service_name(k), f"{o.status}. {o.text}".strip()) for k, o in asked.items())
            parts.append("<h3>Archives</h3>" + _facts(told))
        if star.catalogue.get("source"):
            parts.append("<h3>Catalogue values</h3>" + _facts([("Source", str(star.catalogue["source"]))]))
    if report is not None:
        p = report.provenance
        seed = DASH if p.seed is None else str(p.seed)
        facts = [
            ("Model", f"{p.model} {p.model_version}"), ("Weights, SHA-256", p.weights_sha256 or DASH),
            ("Computed on", f"{p.device}, {p.dtype}, {p.seconds:.2f} s"), ("Seed", seed), ("Time, UTC", p.created),
            ("specviz", p.specviz_version),
        ]  # fmt: skip
        parts.append("<h3>Model</h3>" + _facts(facts))
        notes: dict[str, dict[str, None]] = {}
        for posterior in report.posteriors.values():
            for label, note in posterior.notes.items():
                notes.setdefault(note, {})[heading(label)] = None
        if notes:
            parts.append(
                "<h3>Remarks on labels</h3>" + _facts((", ".join(names), note) for note, names in notes.items())
            )
    else:
        parts.append(f"<p>specviz {text(__version__)}; no model has read a star yet.</p>")
    return "".join(parts)


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    lines = "".join(f'<dt class="sv-quiet">{text(k, 200)}</dt><dd>{text(v, 600)}</dd>' for k, v in facts)
    return f'<dl class="facts">{lines}</dl>'


def _copy(label: str, words: str) -> str:
    return f'<button class="sv-button" data-sv-copy="{text(words, _LONGEST)}">{icons.svg("copy", 14)} {label}</button>'
