"""What SpectraFM answered, in words and numbers: controls, sentence, table of labels, the label stretch by stretch."""

from __future__ import annotations

import math
from typing import Any

from specviz.session.state import ViewOptions
from specviz.spectra.stretches import STRETCHES
from specviz.views import formats, icons, option_controls, stylesheet
from specviz.views.formats import text

WIDTH, ROW = 150, 20  # of the plot of the stretches and of a row in it, px
CSS = f"""
{option_controls.CSS}
:host {{ overflow: visible !important; min-width: 0; max-width: 100%; }}
.sv-ask {{ display: flex; flex-wrap: wrap; align-items: center; gap: 4px 12px; font-size: 12px; min-height: 28px; }}
.sv-ask > span {{ display: inline-flex; align-items: center; gap: 6px; white-space: nowrap; }}
.sv-ask .sv-seg {{ gap: 0; }}
.sv-ask input {{ font: inherit; font-size: 12px; height: 24px; width: 68px; box-sizing: border-box; padding: 0 6px; text-align: right; border-radius: 2px;
  font-variant-numeric: tabular-nums; background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); border: 1px solid var(--jp-border-color1); }}
.sv-ask select {{ font: inherit; font-size: 12px; height: 24px; padding: 0 4px; border-radius: 2px; background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1); border: 1px solid var(--jp-border-color1); }}
.sv-ask select:focus-visible {{ outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }}
@container (max-width: 699px) {{ .sv-seg {{ flex-wrap: wrap; row-gap: 2px; }} }}
"""
SAID = f"""
:host {{ width: 100%; font-size: 12px; line-height: 18px; padding: 2px 0; }}
.sv-bad {{ color: {stylesheet.WARN_TEXT}; }} p {{ margin: 0; min-height: 18px; }} p + p {{ padding-top: 2px; }}
"""
TABLE = f"""
:host {{ display: block; width: 100%; overflow-x: auto; container-type: inline-size; scrollbar-width: thin; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
th, td {{ height: 26px; padding: 0 5px; text-align: right; white-space: nowrap; font-weight: 400;
  border-bottom: 1px solid var(--jp-border-color3, var(--jp-border-color2)); }}
thead th {{ font-size: 12px; color: {stylesheet.QUIET}; }}
th:first-child {{ text-align: left; padding-left: 0; }} thead th:first-child {{ padding-left: 7px; }} td.q, td small {{ font-size: 12px; color: {stylesheet.QUIET}; }}
td.c {{ color: var(--sv-catalogue); }} td.f {{ padding: 0; color: {stylesheet.WARN_TEXT}; }}
tbody th button {{ font: inherit; color: inherit; height: 24px; padding: 0 6px; border: 1px solid transparent; border-radius: 2px; background: none; cursor: pointer; }}
tbody th button:hover {{ background: var(--jp-layout-color2); }}
tbody th button[aria-pressed="true"] {{ background: var(--sv-selected); border-color: var(--jp-brand-color1); font-weight: 500; }}
tbody th button:focus-visible {{ outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }}
p {{ margin: 4px 0 0; font-size: 12px; color: {stylesheet.QUIET}; }}
@container (max-width: 399px) {{ .more {{ display: none; }} th, td {{ padding: 0 3px; }} }}
"""
PARTS = f"""
:host {{ display: block; width: 100%; }}
h4 {{ margin: 10px 0 2px; font-size: 12px; line-height: 20px; font-weight: 600; display: flex; justify-content: space-between; gap: 8px; }}
h4 span {{ font-weight: 400; color: {stylesheet.QUIET}; }}
.sv-parts {{ display: grid; grid-template-columns: minmax(0, 1fr) {WIDTH}px max-content; column-gap: 8px; font-size: 11px; line-height: {ROW}px;
  font-variant-numeric: tabular-nums; }}
.sv-parts ol {{ list-style: none; margin: 0; padding: 0; min-width: 0; }}
.sv-parts li {{ height: {ROW}px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; color: {stylesheet.QUIET}; }}
.sv-parts ol:last-child li {{ text-align: right; color: var(--jp-ui-font-color1); }} .sv-parts small {{ font-size: 11px; color: {stylesheet.QUIET}; }}
"""


def controls(view: ViewOptions, labels: tuple[str, ...]) -> str:
    """The named stretches as buttons, and the select of the label whose attention is drawn."""
    parts = [("null", "All"), *((f"[{b.start:g},{b.stop:g}]", b.label) for b in STRETCHES)]
    now = "null" if view.ask is None else f"[{view.ask[0]:g},{view.ask[1]:g}]"
    buttons = "".join(
        f'<button data-sv-set="ask {value}" aria-pressed="{str(value == now).lower()}">{name}</button>'
        for value, name in parts
    )
    chosen = view.ask_label if view.ask_label in labels else (labels or ("",))[0]
    options = "".join(
        f'<option value="{text(n, 40)}"{" selected" if n == chosen else ""}>{text(formats.heading(n), 24)}</option>'
        for n in labels
    )
    attend = (
        f'<span><span class="sv-quiet">Attention of</span><select data-sv-bind="ask_label" data-sv-typed="study-do label" aria-label="Label whose attention is drawn">'
        f"{options}</select></span>"
        if labels
        else ""
    )
    return (
        f'<div class="sv-ask"><span class="sv-seg" role="group" aria-label="Part of the spectrum">{buttons}</span>{attend}'
        "</div>"
    )


def fields(low: str, high: str, window: tuple[float, float], turn: int = 0) -> str:
    """The two ends of the stretch as fields; ``low`` and ``high`` are what stands in them, ``window`` what an empty one
    means. With another ``turn`` the text is another, so that the browser writes it over what was typed.
    """
    ends = (("low", "From", low, window[0]), ("high", "to", high, window[1]))
    inputs = "".join(
        f'<span class="sv-quiet">{name}</span><input data-sv-typed="study-do {word}" data-sv-told="{text(value)}" '
        f'value="{text(value)}" placeholder="{end:.0f}" inputmode="decimal" maxlength="10" spellcheck="false" aria-label="{name} (vacuum Å)">'
        for word, name, value, end in ends
    )
    return f'<div class="sv-ask" data-sv-turn="{turn}"><span>{inputs}<span class="sv-quiet">Å</span></span></div>'


def sentence(answer: Any, note: str = "") -> str:
    """What was read, in one sentence, and below it what to beware of; ``note`` goes first."""
    warnings = [*([note] if note else []), *([answer.problem] if answer.problem else []), *answer.warnings]
    said = "".join(f'<p><span class="sv-bad">{icons.svg("warning", 14)}</span> {text(w, 300)}</p>' for w in warnings)
    return f'<p aria-live="polite">{text(what_was_read(answer), 300)}</p>{said}'


def what_was_read(answer: Any) -> str:
    """ "Read: 412 pixels at 6485 to 6645 Å, in 1 bag. Teff 5790 ± 80 K, −0.4 σ from the whole spectrum"."""
    span = f"{formats.number(answer.low)} to {formats.number(answer.high)} Å"
    if answer.problem:
        return f"Nothing was read at {span}."
    bags = f"{answer.n_bags} bag{'s' if answer.n_bags != 1 else ''}"
    where = f"the whole spectrum, {span}" if answer.whole else span
    said = f"Read: {formats.count(answer.pixels)} pixels of {where}, in {bags}."
    one = answer.label(answer.chosen)
    if one is None:
        return said
    decimals = formats.DECIMALS.get(one.name, 2)
    value = f"{formats.label(one.name, one.value)} ± {formats.number(one.error, decimals)} {formats.unit(one.name)}"
    said += f" {formats.heading(one.name)} {value.rstrip()}"
    if not answer.whole:
        said += f", {formats.number(one.change_sigma, 1, sign=True)} σ from the whole spectrum"
    return said + "."


def table(answer: Any) -> str:
    """The labels of the stretch beside those of the whole spectrum and of a catalogue; a press on a label draws its
    attention.
    """
    names = {one.catalogue for one in answer.labels if one.catalogue}
    catalogue = names.pop() if len(names) == 1 else "Catalogue"
    heads = (
        ("", "Label", ""),
        ("", "Value", "From the stretch"),
        ("", "±", "One standard deviation"),
        ("", "Scatter", "Standard deviation between bags of pixels; one bag has none"),
        ("", "", ""),
        ("more", "Whole", "From the whole spectrum"),
        ("", "Δ (σ)", "Stretch less whole spectrum, in errors of the stretch: its pixels are in both"),
        ("more", text(catalogue, 14), "Catalogue value"),
        ("", "◇ (σ)", f"{catalogue} less stretch, in both errors"),
    )
    head = "".join(
        f'<th scope="col" class="{klass}" title="{text(hint, 120)}">{name or "<span hidden>Flag</span>"}</th>'
        for klass, name, hint in heads
    )
    rows = "".join(_row(one, one.name == answer.chosen, whole=answer.whole) for one in answer.labels)
    return (
        f'<table aria-label="Labels of the stretch"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        f"{_notes(answer)}"
    )


def _notes(answer: Any) -> str:
    """What the weights say of labels, those of one word together: "[α/Fe], [C/Fe]: learned from simulated spectra only"."""
    said: dict[str, list[str]] = {}
    for one in answer.labels:
        if one.note:
            said.setdefault(one.note, []).append(formats.heading_html(one.name))
    return "".join(f'<p class="sv-quiet">{", ".join(names)}: {text(note, 160)}.</p>' for note, names in said.items())


def _row(one: Any, chosen: bool, *, whole: bool) -> str:
    decimals = formats.DECIMALS.get(one.name, 2)
    flag = ""
    if one.outside:
        low, high = (formats.label(one.name, v) for v in one.trained)
        hint = f"Outside the training range, {low} to {high} {formats.unit(one.name)}"
        flag = f'<span title="{text(hint)}" aria-label="{text(hint)}">{icons.svg("warning", 14)}</span>'
    change = formats.number(math.nan if whole else one.change_sigma, 1, sign=True)
    unit = formats.unit(one.name)
    name = (
        f"{formats.heading_html(one.name)}{f' <small class=sv-quiet>{unit}</small>' if unit not in ('', 'dex') else ''}"
    )
    return (
        f'<tr><th scope="row"><button data-sv-set="ask_label {text(one.name, 40)}" aria-pressed="{str(chosen).lower()}">{name}</button></th>'
        f"<td>{formats.label(one.name, one.value)}</td><td>{formats.number(one.error, decimals)}</td>"
        f'<td class="q">{formats.number(one.scatter, decimals)}</td><td class="f">{flag}</td>'
        f'<td class="q more">{formats.label(one.name, one.whole)}</td><td>{change}</td>'
        f'<td class="{"c" if math.isfinite(one.catalogue_value) else "q"} more">{formats.label(one.name, one.catalogue_value)}</td>'
        f'<td class="q">{formats.number(one.catalogue_sigma, 1, sign=True)}</td></tr>'
    )


def parts(answer: Any) -> str:
    """The chosen label with its error from each named stretch and from the one that is asked, as a small plot.

    Shaded: the whole spectrum ± 1 σ; dashed: the catalogue.
    """
    asked, name = answer.label(answer.chosen), answer.chosen
    rows = [(p.name, p.value, p.error, p.problem, f"{p.low:.0f} to {p.high:.0f} Å", "") for p in answer.stretches]
    if (
        asked is not None
        and not answer.problem
        and not any((p.low, p.high) == (answer.low, answer.high) for p in answer.stretches)
    ):
        span = f"{answer.low:.0f}–{answer.high:.0f} Å"
        rows.append((span, asked.value, asked.error, "", "The stretch that is asked", "asked"))
    known = math.nan if asked is None else asked.catalogue_value
    ends = [v for _, value, error, *_ in rows for v in (value - error, value + error) if math.isfinite(v)]
    if math.isfinite(known):
        ends.append(known)
    if not ends:
        return ""
    low, high = min(ends), max(ends)
    margin = 0.06 * (high - low) or 1.0
    low, high = low - margin, high + margin

    def at(value: float) -> float:
        return 5.0 + (value - low) / (high - low) * (WIDTH - 10)

    height, marks, decimals = ROW * len(rows), "", formats.DECIMALS.get(name, 2)
    whole = rows[0]
    if math.isfinite(whole[1]):
        a, b = at(whole[1] - whole[2]), at(whole[1] + whole[2])
        marks += f'<rect x="{a:.1f}" y="1" width="{b - a:.1f}" height="{height - 2}" fill="var(--sv-telluric)"/>'
    if math.isfinite(known):
        marks += f'<path d="M{at(known):.1f} 1V{height - 1}" stroke="var(--sv-catalogue)" stroke-dasharray="3 3"/>'
    names, numbers = "", ""
    for i, (title, value, error, problem, hint, kind) in enumerate(rows):
        names += f'<li title="{text(hint)}">{text(title, 30)}</li>'
        if not math.isfinite(value):
            numbers += f'<li title="{text(problem, 200)}">{formats.DASH}</li>'
            continue
        y, colour = ROW * i + ROW / 2, "var(--sv-reconstructed)"
        shape = "m-4 0l4 -4l4 4l-4 4z" if kind else "m-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0 -6.8 0"
        marks += (
            f'<path d="M{at(value - error):.1f} {y}H{at(value + error):.1f}" stroke="{colour}" stroke-width="1.4"/>'
        )
        marks += f'<path d="M{at(value):.1f} {y}{shape}" fill="{colour}"/>'
        numbers += f"<li>{formats.label(name, value)} <small>± {formats.number(error, decimals)}</small></li>"
    said = f"{formats.heading(name)} by stretch: " + ", ".join(
        f"{row[0]} {formats.label(name, row[1])}" for row in rows if math.isfinite(row[1])
    )
    unit = formats.unit(name)
    key = "shaded: all ± 1 σ" + (f", dashed: {asked.catalogue}" if math.isfinite(known) and asked is not None else "")
    return (
        f"<h4><b>{formats.heading_html(name)} by stretch{f' ({unit})' if unit else ''}</b><span>{text(key, 60)}</span></h4>"
        f'<div class="sv-parts"><ol>{names}</ol><svg width="{WIDTH}" height="{height}" role="img" aria-label="{text(said, 300)}">'
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" fill="none" stroke="var(--sv-frame)"/>{marks}</svg>'
        f"<ol>{numbers}</ol></div>"
    )
