"""What the panel of Lux says in HTML: what the star is inferred from, its labels by source, what to beware of."""

from __future__ import annotations

from typing import Any

from specviz.session.view_options import ViewOptions
from specviz.views import formats, icons, option_controls, stylesheet
from specviz.views.formats import text

CSS = (
    option_controls.CSS
    + """
:host { width: auto; max-width: 100%; }
.sv-seg { flex-wrap: wrap; row-gap: 2px; } .sv-seg button[disabled] { cursor: default; opacity: 0.55; }
.sv-from { display: flex; align-items: center; gap: 8px; flex-wrap: wrap; font-size: 12px; min-height: 28px; }
"""
)
TABLE = f"""
:host {{ display: block; width: 100%; overflow-x: auto; scrollbar-width: thin; container-type: inline-size; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
th, td {{ height: 26px; padding: 0 6px; text-align: right; white-space: nowrap; font-weight: 400;
  border-bottom: 1px solid var(--jp-border-color3, var(--jp-border-color2)); }}
thead th {{ font-size: 12px; color: {stylesheet.QUIET}; }} thead th[aria-current] {{ color: var(--jp-ui-font-color1); font-weight: 500; }}
th:first-child {{ text-align: left; padding-left: 0; }} td small {{ font-size: 12px; color: {stylesheet.QUIET}; }}
td.u {{ background: var(--sv-selected); }} td.c {{ color: var(--sv-catalogue); }} td.w {{ padding: 0; color: {stylesheet.WARN_TEXT}; }}
@container (max-width: 429px) {{ th, td {{ padding: 0 3px; }} td {{ line-height: 16px; padding: 3px; }} td small {{ display: block; }} }}
"""
NOTES = f"""
:host {{ width: 100%; }} p {{ margin: 6px 0 0; font-size: 12px; line-height: 18px; }} p.q {{ color: {stylesheet.QUIET}; }}
"""
#: What a star may be inferred from, in the order of the buttons.
FROM = (
    ("auto", "Auto"), ("lamost_lrs", "LAMOST"), ("gaia_xp", "Gaia XP"), ("both", "Both"), ("blue", "Blue arm"),
    ("red", "Red arm"),
)  # fmt: skip
_SHORT = dict(FROM)


def controls(view: ViewOptions, answer: Any) -> str:
    """Buttons of what the star is inferred from; what it lacks cannot be pressed."""
    sources = () if answer is None else ("auto", *answer.sources)
    buttons = "".join(
        f'<button data-sv-set="lux_from {word}" aria-pressed="{str(view.lux_from == word).lower()}"'
        f"{'' if answer is None or word in sources else ' disabled'}>{label}</button>"
        for word, label in FROM
    )
    return (
        '<div class="sv-from"><span>Infer the star from</span>'
        f'<span class="sv-seg" role="group" aria-label="Infer the star from">{buttons}</span></div>'
    )


def table(answer: Any) -> str:
    """Labels with their errors by source, the one in use first, beside a catalogue."""
    catalogue = answer.catalogues[0] if answer.catalogues else None
    heads = "".join(
        f'<th scope="col"{" aria-current=true" if i == 0 else ""} title="Inferred from {text(c.title)}">{text(_SHORT.get(c.source, c.title))}</th>'
        for i, c in enumerate(answer.columns)
    )
    known = (
        ""
        if catalogue is None
        else f'<th scope="col" title="{text(catalogue.source, 80)}">{text(catalogue.name or "Catalogue", 14)}</th>'
    )
    rows = "".join(_row(answer, name, catalogue) for name in answer.names)
    return (
        f'<table aria-label="Labels by what they were inferred from"><thead><tr><th scope="col">Label</th>{heads}<th></th>'
        f"{known}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _row(answer: Any, name: str, catalogue: Any) -> str:
    unit = formats.unit(name)
    head = formats.heading_html(name) + (f' <small class="sv-quiet">{unit}</small>' if unit not in ("", "dex") else "")
    cells = "".join(
        f"<td{' class=u' if i == 0 else ''}>{_value(name, column.labels.get(name))}</td>"
        for i, column in enumerate(answer.columns)
    )
    flag, trained, value = "", answer.ranges.get(name), answer.columns[0].labels.get(name)
    if trained is not None and value is not None and not trained[0] <= value[0] <= trained[1]:
        low, high = (formats.label(name, v) for v in trained)
        hint = text(f"Outside the training range, {low} to {high} {unit}")
        flag = f'<span title="{hint}" role="img" aria-label="{hint}">{icons.svg("warning", 14)}</span>'
    theirs = "" if catalogue is None else f'<td class="c">{formats.label(name, catalogue.value(name))}</td>'
    return f'<tr><th scope="row">{head}</th>{cells}<td class="w">{flag}</td>{theirs}</tr>'


def _value(name: str, value: tuple[float, float, float] | None) -> str:
    if value is None:
        return formats.DASH
    error = formats.number(0.5 * (value[2] - value[1]), formats.DECIMALS.get(name, 2))
    return f"{formats.label(name, value[0])} <small>± {error}</small>"


def notes(answer: Any) -> str:
    """What was done, how far the predictions are off, and what to know before believing it."""
    out = []
    for note in answer.notes:
        out.append(f'<p role="note">{icons.svg("warning", 14)} {text(note, 200)}</p>')
    xp, said = answer.xp, []
    if xp.seen and xp.predicted:
        said.append(
            f"XP predicted within {formats.number(xp.off, 1)} σ rms of the observed one, {xp.dust}".rstrip(", ")
        )
        if answer.other:
            said[-1] += f"; {answer.other} {formats.number(xp.off_other, 1)} σ"
    elif xp.dust:
        said.append(f"XP predicted with {xp.dust}")
    column = answer.columns[0]
    said.append(f"χ² {formats.number(column.chi2, 2)} a pixel")
    if column.left_out:
        broken = "pixel" if column.left_out == 1 else "pixels"
        said.append(f"{formats.count(column.left_out)} broken {broken} left out")
    out.append(f'<p class="q">{text(". ".join(said), 400)}.</p>')
    out.append(
        '<p class="q">Lux is a straight line: labels and both spectra are linear in one latent vector, and what was not '
        "observed has weight 0. Its errors were measured on stars it was not fitted to.</p>"
    )
    return "".join(out)
