"""The posterior panel's words: the key in the empty corner, the controls in the header, the sentence for screen readers."""

from __future__ import annotations

from specviz.session.state import Report, ViewOptions
from specviz.views import formats, icons, option_controls, posterior_table, spoken, stylesheet
from specviz.views.label_table import grouped
from specviz.views.posterior_choice import Choice, brushed
from specviz.views.posterior_marks import STYLES

#: What a saved page has nobody to ask for; see ``export_menu``.
_LIVE = ".sv-live { display: var(--sv-keys-bar, none); }"
KEY_CSS = f"""
{_LIVE}
{option_controls.CSS}
:host {{ position: absolute !important; top: 2px; right: 2px; z-index: 2; width: auto !important; max-width: 72%; }}
.sv-key {{ display: grid; gap: 2px; justify-items: start; margin: 0; padding: 0; list-style: none; font-size: 12px; line-height: 18px; }}
.sv-key li {{ display: flex; gap: 7px; align-items: center; white-space: nowrap; }} .sv-key svg {{ flex: none; }}
.sv-seg {{ margin-bottom: 4px; }} small {{ font-size: 11px; color: {stylesheet.QUIET}; }}
"""
HEADER_CSS = f"""
{_LIVE}
{option_controls.CSS}
.sv-controls {{ gap: 4px; }} .sv-seg button {{ padding: 0 6px; }} .sv-menu > summary {{ padding: 0 17px 0 6px; }}
.sv-menu > div.sv-long {{ width: 256px; max-height: 316px; overflow: auto; scrollbar-width: thin; box-sizing: border-box; }}
.sv-two {{ display: grid; grid-template-columns: 1fr 1fr; }}
.sv-long b {{ display: block; font-size: 12px; color: {stylesheet.QUIET}; padding: 4px 8px 0; }}
.sv-dots > summary {{ width: 24px; padding: 0; border-color: transparent; box-sizing: border-box; height: 24px; display: inline-flex; align-items: center; justify-content: center; background: none; }}
.sv-dots > summary::after {{ display: none; }}
.sv-dots > div.sv-long {{ width: 310px; }} .sv-dots code {{ font-family: var(--jp-code-font-family); font-size: 11px; }}
"""


def key_html(
    choice: Choice, view: ViewOptions, beyond: dict[str, list[str]], catalogues: list[tuple[int, str, str]]
) -> str:
    """What the marks mean, and the switch of whose posterior is drawn.

    Parameters
    ----------
    choice : Choice
    view : ViewOptions
    beyond : dict
        Labels off the cells, by catalogue.
    catalogues : list of (place, name, source)
        As drawn.
    """
    switch = ""
    if choice.other:
        offered = [("auto", choice.surveys[0]), (choice.other, choice.surveys[1]), ("both", "Both")]
        switch = option_controls.segmented("posterior_from", offered, view, name="Posterior from")
        switch = f'<div class="sv-live">{switch}</div>'
    lines = []
    both = choice.first is not None and choice.second is not None
    pairs = ((choice.first, "reconstructed", True), (choice.second, "predicted", not both))
    for (posterior, role, filled), survey in zip(pairs, choice.surveys, strict=True):
        if posterior is not None:
            words = f"{survey}, 68, 95 %" if both else "68 and 95 %"
            samples = f"Posterior from {survey}: {formats.count(len(posterior))} samples; 68 and 95 % regions"
            lines.append(_line(_swatch(role, filled=filled), f'<span title="{formats.text(samples)}">{words}</span>'))
    for place, name, source in catalogues:
        off = beyond.get(name, [])
        headings = ", ".join(formats.heading(n) for n in off)
        note = (
            f' <small title="Beyond the axes: {formats.text(headings, 80)}">{len(off)} off scale</small>' if off else ""
        )
        lines.append(
            _line(_mark(place), f'<span title="{formats.text(source, 200)}">{formats.text(name, 14)}</span>{note}')
        )
    if not catalogues:
        lines.append(_line(_mark(0), "Catalogue: none"))
    if choice.brush:
        left, whole = (len(p) for p in (brushed(choice.posteriors[0], choice.brush), choice.posteriors[0]))
        clear = '<button class="sv-button sv-link" data-sv-set="brush []">Clear</button>'
        words = ", ".join(
            f"{formats.heading(n)} {formats.label(n, a)} to {formats.label(n, b)}" for n, a, b in choice.brush
        )
        said = formats.text(f"{formats.count(left)} of {formats.count(whole)} samples: {words}", 200)
        share = formats.number(100 * left / whole)
        lines.append(f'<li><span title="{said}">{share}\u00a0% brushed</span>{clear}</li>')
    return f'{switch}<ul class="sv-key" aria-label="Key">{"".join(lines)}</ul>'


def header_html(report: Report | None, choice: Choice | None, view: ViewOptions) -> str:
    """Corner or table, the labels of the corner, and what can be copied."""
    if report is None or not report.labels:
        return ""
    parts = []
    if choice is not None and choice.labels:
        parts.append(
            option_controls.segmented("posterior", [("corner", "Corner"), ("table", "Table")], view, name="Shown as")
        )
        labels = option_controls.menu("Labels", _labels(choice, view), name="Labels of the corner plot")
        parts.append(f'<span class="sv-live">{labels}</span>')
    parts.append(_copies(report))
    return f'<span class="sv-controls">{"".join(parts)}</span>'.replace("<div><b", '<div class="sv-long"><b')


def _labels(choice: Choice, view: ViewOptions) -> str:
    groups = []
    for title, names in grouped(list(choice.labels)):
        items = "".join(option_controls.member("corner", n, formats.heading(n), view) for n in names)
        groups.append(f'<b>{title}</b><div class="sv-two">{items}</div>')
    return "".join(groups)


def _copies(report: Report) -> str:
    """The menu of what leaves the panel, and the lines of Python that do the same."""

    def item(label: str, copied: str, code: str = "") -> str:
        shown = f"<code>{formats.text(label, 80)}</code>" if code else formats.text(label)
        return f'<button class="sv-item" data-sv-copy="{formats.text(copied, 10**6)}">{shown}</button>'

    lines = [
        'explorer.set(brush=[("teff", 5700, 5800)])',
        "explorer.report.posterior.to_qtable()",
        "explorer.report.posterior.to_arviz()",
        'explorer.set(posterior_from="both")',
    ]
    items = "<b>Copy all labels</b>" + item("For a spreadsheet (TSV)", posterior_table.tsv(report))
    items += item("For astropy and TOPCAT (ECSV)", posterior_table.ecsv(report))
    items += "<b>Copy the line of Python</b>" + "".join(item(line, line, line) for line in lines)
    return option_controls.menu(icons.svg("copy"), items, name="Copy posterior").replace(
        "sv-menu", "sv-menu sv-dots", 1
    )


def sentence(choice: Choice) -> str:
    """The corner plot in words."""
    parts = []
    for posterior, survey in zip((choice.first, choice.second), choice.surveys, strict=True):
        if posterior is None:
            continue
        summary = posterior.summary()
        values = "; ".join(spoken.value(n, *summary[n]) for n in choice.names if n in summary)
        parts.append(f"from {survey}, {len(posterior)} samples: {values}")
    return "Corner plot of the posterior " + ". ".join(parts)


def _line(mark: str, words: str) -> str:
    return f"<li>{mark}<span>{words}</span></li>"


def _swatch(role: str, *, filled: bool) -> str:
    fill = f'fill="var(--sv-{role})" fill-opacity=".28"' if filled else 'fill="none"'
    return (
        f'<svg width="18" height="12" aria-hidden="true"><rect x="1" y="1.5" width="16" height="9" rx="4.5" {fill} '
        f'stroke="var(--sv-{role})" stroke-width="1.4"/></svg>'
    )


def _mark(place: int) -> str:
    """A catalogue's mark on its dashes."""
    _, dash, path = STYLES[place]
    return (
        '<svg width="18" height="12" aria-hidden="true" fill="none" stroke="var(--sv-catalogue)">'
        f'<path d="M0 6H18" stroke-dasharray="{dash.replace(" ", ",")}"/>'
        f'<path d="{path}" transform="translate(4 1)" fill="var(--jp-layout-color1)" stroke-width="1.3"/></svg>'
    )
