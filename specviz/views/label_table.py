"""Every label of a star as a table: value and errors, where the model was trained, and what catalogues say of it.

In a third of the Explorer it keeps label, value, errors, unit and the leading catalogue; where there is room (the panel
enlarged) it shows everything. What is left out in the narrow one stands in the row's hint.
"""

from __future__ import annotations

import math

from specviz.session.state import Posterior, Report
from specviz.spectra.catalogue_values import CatalogueValues, catalogues_of
from specviz.views import formats, icons, stylesheet
from specviz.views.posterior_choice import SURVEYS
from specviz.views.posterior_marks import STYLES

#: Labels by what they are of; the rest are "Others", abundance ratios go by their name.
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Atmosphere", ("teff", "logg", "fe_h", "alpha_fe", "vmic", "vsini")),
    ("Abundances", ()),
    ("Motion and dust", ("rv", "ebv", "e_bp_rp")),
    ("Evolution", ("mass", "radius", "age", "dnu", "nu_max", "delta_pi1")),
    ("Others", ()),
)
CSS = f"""
:host {{ display: block; overflow: auto; box-sizing: border-box; scrollbar-width: thin; container-type: inline-size; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
th, td {{ height: 26px; padding: 0 5px; border-bottom: 1px solid var(--jp-border-color3, var(--jp-border-color2));
  text-align: right; white-space: nowrap; font-weight: 400; }}
thead th {{ position: sticky; top: 0; z-index: 1; background: var(--jp-layout-color1); font-size: 12px; color: {stylesheet.QUIET}; }}
tbody th {{ text-align: left; padding-left: 0; }} thead th:first-child {{ text-align: left; padding-left: 0; }}
tr.sv-group th {{ font-size: 12px; font-weight: 600; color: {stylesheet.QUIET}; height: 28px; vertical-align: bottom; padding-bottom: 2px; }}
.u, .e, .p, .x, .n {{ font-size: 12px; color: {stylesheet.QUIET}; }} .u, .n {{ text-align: left; }}
.e {{ color: var(--jp-ui-font-color1); }} td.c, td.d {{ color: var(--sv-catalogue); }} td.d {{ font-size: 12px; padding-left: 0; }}
small {{ font-size: 12px; padding-left: 6px; color: {stylesheet.QUIET}; }}
.f {{ color: {stylesheet.WARN_TEXT}; padding: 0; }} .f .sv-icon {{ vertical-align: -2px; }}
.p, .x, .n, .more {{ display: none; }}
@container (min-width: 500px) {{ .more {{ display: table-cell; }} }}
@container (min-width: 640px) {{ .x {{ display: table-cell; }} }}
@container (min-width: 760px) {{ .p {{ display: table-cell; }} th, td {{ padding: 0 8px; }} }}
@container (min-width: 900px) {{ .n {{ display: table-cell; white-space: normal; }} }}
"""


def grouped(names: list[str]) -> list[tuple[str, list[str]]]:
    """Labels by group, in the order of :data:`GROUPS`; groups without a label are left out."""
    out: dict[str, list[str]] = {title: [] for title, _ in GROUPS}
    home = {label: title for title, labels in GROUPS for label in labels}
    for name in names:
        out[home.get(name, "Abundances" if formats.is_abundance(name) else "Others")].append(name)
    for title, labels in GROUPS:
        out[title].sort(key=lambda n, known=labels: known.index(n) if n in known else len(known))  # type: ignore[misc]
    return [(title, held) for title, held in out.items() if held]


def range_flag(posterior: Posterior, name: str) -> str:
    """Whether a label lies "outside" the range that the model was trained on, at its "edge" (68 % reach it), or not: ""."""
    if name not in posterior.prior:
        return ""
    low, high = posterior.prior[name]
    median, p16, p84 = posterior.summary()[name]
    if not low <= median <= high:
        return "outside"
    return "edge" if math.isfinite(p16) and (p16 < low or p84 > high) else ""


#: What is said of a label by :func:`range_flag`.
FLAGS = {"outside": "outside training range", "edge": "at the edge of the training range"}


def table_html(report: Report | None) -> str:
    """All labels of a report by group; "" without a posterior.

    A label that the leading spectrum does not give says which one does.
    """
    labels = {} if report is None else report.labels
    if report is None or not labels:
        return ""
    catalogues = [c for c in catalogues_of(report.star) if any(c.value(n) is not None for n in labels)]
    other = next((s for s in report.posteriors if s != report.survey), "")
    columns = 7 + 2 * max(1, len(catalogues)) + bool(other)
    body = []
    for title, names in grouped(list(labels)):
        body.append(f'<tr class="sv-group"><th colspan="{columns}" scope="rowgroup">{title}</th></tr>')
        body += [_row(report, name, catalogues, other) for name in names]
    return f'<table aria-label="All labels"><thead>{_head(catalogues, other)}</thead><tbody>{"".join(body)}</tbody></table>'


def mark_svg(place: int) -> str:
    """The mark of the catalogue at a place of the list, as in the corner plot."""
    return (
        f'<svg width="10" height="10" viewBox="0 0 10 10" style="vertical-align:-1px" aria-hidden="true"><path d="'
        f'{STYLES[place % len(STYLES)][2]}" fill="none" stroke="var(--sv-catalogue)" stroke-width="1.3"/></svg>'
    )


def _head(catalogues: list[CatalogueValues], other: str) -> str:
    cells = ['<th scope="col">Label</th><th scope="col">Median</th><th scope="col">68 %</th>']
    cells.append('<th scope="col" class="u">Unit</th>')
    if other:
        cells.append(f'<th scope="col" class="x">From {formats.text(SURVEYS.get(other, other))}</th>')
    cells.append('<th scope="col" class="p">Trained on</th><th class="f"><span hidden>Flag</span></th>')
    if not catalogues:
        cells.append('<th scope="col" colspan="2">Catalogue</th>')
    for place, one in enumerate(catalogues):
        klass = ' class="more"' if place else ""
        hint = f"{one.source or one.name}; distance from our median in both errors, σ"
        cells.append(
            f'<th scope="col" colspan="2"{klass} title="{formats.text(hint, 200)}">{mark_svg(place)} '
            f"{formats.text(one.name, 14)}</th>"
        )
    cells.append('<th scope="col" class="n">Note</th>')
    return f"<tr>{''.join(cells)}</tr>"


def _row(report: Report, name: str, catalogues: list[CatalogueValues], other: str) -> str:
    survey, (median, low, high) = report.labels[name]
    posterior = report.posteriors[survey]
    up, down = formats.error_pair(name, median, low, high)
    source = "" if survey == report.survey else f"<small>{formats.text(SURVEYS.get(survey, survey))}</small>"
    note = posterior.notes.get(name, "")
    trained, flag = _trained(posterior, name), range_flag(posterior, name)
    cells = [
        f'<th scope="row">{formats.heading_html(name)}{source}</th><td>{formats.label(name, median)}</td>',
        f'<td class="e">{f"{up} {down}" if up else formats.DASH}</td><td class="u">{formats.unit(name)}</td>',
    ]
    if other:
        cells.append(f'<td class="x">{_from(report.posteriors[other], name) if survey != other else formats.DASH}</td>')
    warning = (
        f'<span title="{FLAGS[flag]}" aria-label="{FLAGS[flag]}">{icons.svg("warning", 14)}</span>' if flag else ""
    )
    cells.append(f'<td class="p">{trained}</td><td class="f">{warning}</td>')
    said = [f"trained on {trained} {formats.unit(name)}".strip()] if trained != formats.DASH else []
    if not catalogues:
        cells.append(f'<td colspan="2">{formats.DASH}</td>')
    for place, one in enumerate(catalogues):
        words = catalogue_words(one, name, median, low, high)
        more = " more" if place else ""
        away = one.distance(name, median, low, high)
        sigma = f"{formats.number(away, 1, sign=True)} σ" if away is not None else ""
        hint = formats.text(words, 200)
        klass = "c" if one.value(name) is not None else "u"
        cells.append(
            f'<td class="{klass}{more}" style="text-align:right" title="{hint}">{formats.label(name, one.value(name))}</td><td class="d{more}">{sigma}</td>'
        )
        said += [words] if words else []
    cells.append(f'<td class="n">{formats.text(note, 200)}</td>')
    hint = formats.text("; ".join([*([note] if note else []), *([FLAGS[flag]] if flag else []), *said]), 400)
    return f'<tr title="{hint}">{"".join(cells)}</tr>'


def _trained(posterior: Posterior, name: str) -> str:
    if name not in posterior.prior:
        return formats.DASH
    low, high = posterior.prior[name]
    return f"{formats.label(name, low)} to {formats.label(name, high)}"


def _from(posterior: Posterior, name: str) -> str:
    """The same label from the other spectrum."""
    if name not in posterior.names:
        return formats.DASH
    median, low, high = posterior.summary()[name]
    up, down = formats.error_pair(name, median, low, high)
    return f"{formats.label(name, median)} {up} {down}".rstrip()


def catalogue_words(one: CatalogueValues, name: str, median: float, low: float, high: float) -> str:
    """What a catalogue says of a label, in a sentence: value, errors, what it is, and how far it is from us."""
    value = one.value(name)
    if value is None:
        return ""
    errors, decimals = one.errors(name), formats.DECIMALS.get(name, 2)
    shown = formats.label(name, value)
    if errors is not None:
        lower, upper = (formats.number(e, decimals) for e in errors)
        shown += f" ± {upper}" if lower == upper else f" +{upper} {formats.MINUS}{lower}"
    unit, remark = formats.unit(name), one.remark(name)
    away = one.distance(name, median, low, high)
    sigma = "" if away is None else f", {formats.number(away, 1, sign=True)} σ"
    which = " in both errors" if errors is not None else " in our error alone"
    return f"{one.name} {shown} {unit}".rstrip() + (f" ({remark})" if remark else "") + (sigma + which if sigma else "")
