"""Text that wants to become markup, stars made of it, and the eye that sees whether it did.

Every payload sets ``window.__pwned`` if a browser runs it.
"""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
from bokeh.models import Div, HoverTool, HTMLTemplateFormatter, Model, Paragraph, PreText, TableColumn, Tooltip
from bokeh.models.dom import HTML as DomHtml

from specviz.archives.demo import DemoArchive
from specviz.archives.protocol import Candidate, Outcome
from specviz.archives.transport.monitor import Step
from specviz.session.state import Asked, Explained, Notice, Progress, Recent, State, WorkItem
from specviz.spectra.star import Identifier, Star

PAYLOADS = {
    "element": '<img src=x onerror="window.__pwned=1">',
    "script": "</script><script>window.__pwned=2</script>",
    "attribute": '" onmouseover="window.__pwned=3" autofocus onfocus=\'window.__pwned=4\' x="\'',
    "template": "<%= (window.__pwned=5) %>${window.__pwned=6}{{7*7}}",
    "entity": "&lt;img src=x onerror=window.__pwned=7&gt;",
    "link": 'javascript:window.__pwned=8//"><a href="javascript:window.__pwned=9">x</a>',
}
#: Elements that load, run or restyle something; none of our panes has any.
_FORBIDDEN = {
    "img",
    "script",
    "iframe",
    "object",
    "embed",
    "link",
    "meta",
    "base",
    "style",
    "video",
    "audio",
    "source",
    "foreignobject",
    "frame",
}


class _Eye(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _FORBIDDEN:
            self.seen.append(f"<{tag}>")
        for name, value in attrs:
            if name.startswith("on") or name in ("autofocus", "srcdoc", "formaction"):
                self.seen.append(f"<{tag} {name}={value!r}>")
            if name in ("href", "src", "xlink:href", "action") and not (value or "").startswith(
                ("https://", "data:", "#")
            ):
                self.seen.append(f"<{tag} {name}={value!r}>")


def markup_in(html: str) -> list[str]:
    """Elements and attributes that none of our own HTML has."""
    eye = _Eye()
    eye.feed(html)
    eye.close()
    return eye.seen


def markup_in_tree(root: Any) -> list[str]:
    """The same of every model below ``root`` that a browser reads as HTML, with where it stands."""
    found: list[str] = []
    for model in root.references():
        for html in _html_of(model):
            found += [f"{type(model).__name__}: {what} in {html[:200]!r}" for what in markup_in(html)]
        if isinstance(model, HTMLTemplateFormatter) and ("<%=" in model.template or "{safe}" in model.template):
            found.append(f"a table template that does not escape: {model.template[:200]!r}")
        if isinstance(model, HoverTool) and "safe}" in str(model.tooltips):
            found.append(f"a tooltip that does not escape: {model.tooltips!r}")
    return found


def _html_of(model: Model) -> list[str]:
    if isinstance(model, DomHtml):
        return [str(model.html)]
    if isinstance(model, (Div, Paragraph, PreText)):
        return [str(model.text)]
    if isinstance(model, TableColumn):
        return [str(model.title or "")]
    if isinstance(model, Tooltip) and isinstance(model.content, str):
        return [model.content]
    return []


def hostile_star(evil: str) -> Star:
    """A demo star all of whose foreign text is ``evil``: name, every header, the catalogue, what services said."""
    star = DemoArchive().fetch("demo 1")
    spectra = {}
    for survey, spectrum in star.spectra.items():
        meta: dict[str, Any] = {k: evil if isinstance(v, str) else v for k, v in spectrum.meta.items()}
        meta |= dict.fromkeys(
            ("subclass", "class", "release", "object_id", "path", "comment", "object", "observer"), evil
        )
        spectra[survey] = spectrum.with_(meta=meta)
    catalogue = {**star.catalogue, "source": evil, "reference": evil, evil: evil}
    services = {s: Outcome("failed", evil, 2) for s in ("simbad", "lamost", "gaia", evil)}
    meta = {**star.meta, "services": services, "comment": evil, "path": evil}
    ids = (Identifier("LAMOST", evil, evil), Identifier("Gaia", evil, evil))
    catalogues = {"LASP": {"teff": 5700.0, "source": evil}, evil: {"teff": 5800.0, "logg": evil, evil: evil}}
    return star.with_(
        name=evil, identifiers=ids, spectra=spectra, catalogue=catalogue, catalogues=catalogues, meta=meta
    )


def hostile_state(state: State, evil: str) -> State:
    """A state with a star on screen, in which all that comes from outside says ``evil``."""
    report = state.report
    assert report is not None
    anomaly = report.anomaly
    if anomaly is not None:
        reasons = tuple(replace(r, name=evil) for r in anomaly.reasons)
        anomaly = replace(anomaly, reasons=reasons, note=evil)
    report = replace(
        report,
        anomaly=anomaly,
        flags=tuple(replace(f, text=evil, detail=evil) for f in report.flags),
        provenance=replace(report.provenance, model=evil, model_version=evil, device=evil, created=evil),
    )
    near = state.neighbours
    if near is not None:
        near = near.copy()
        for name in ("object_id", "class"):
            if name in near.colnames:
                near.replace_column(name, [evil] * len(near))
    candidate = Candidate(evil, evil, evil, 10.0, 20.0)
    return replace(
        state,
        target=evil,
        report=report,
        neighbours=near,
        busy=evil,
        slow=True,
        steps=(Progress(Step(evil, evil), 4), Progress(Step("simbad", evil), 4)),
        candidates=(candidate,) * 3,
        question=Asked(evil, evil),
        why=evil,
        notice=Notice("error", evil, evil, evil, ("retry", "file")),
        recent=(Recent(evil, evil),),
        work=(WorkItem(evil, evil, "failed", 99.0, evil), WorkItem(evil, evil, "current")),
        position=1,
        model=evil,
        explained=Explained("teff", problem=evil),
    )


def hostile_fits(evil: str) -> bytes:
    """A LAMOST file of demo 1 whose every card of text says ``evil`` (as far as a card holds it)."""
    import io

    from astropy.io import fits

    spectrum = DemoArchive().fetch("demo 1").spectra["lamost_lrs"]
    wave = spectrum.wavelength
    mask = (~spectrum.good).astype(float)
    hdu = fits.PrimaryHDU(np.array([spectrum.flux, spectrum.ivar, wave, mask, mask], np.float32))
    hdu.header.update({"COEFF0": float(np.log10(wave[0])), "COEFF1": 1e-4, "VACUUM": True, "SNRG": 50.0, "Z": 1e-5})
    said = evil[:60]
    for card in (
        "OBJECT",
        "DESIG",
        "OBSID",
        "CLASS",
        "SUBCLASS",
        "DATA_V",
        "TELESCOP",
        "BUNIT",
        "OBSERVER",
        "FILENAME",
    ):
        hdu.header[card] = said
    hdu.header["COMMENT"] = said
    hdu.header["HISTORY"] = said
    out = io.BytesIO()
    hdu.writeto(out)
    return out.getvalue()
