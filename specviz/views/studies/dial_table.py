"""The 28 labels of a fit as tables with a slider each: value, error, gain, and what is turned by hand.

The HTML is written once a fit. While a slider moves the browser alone keeps rows and numbers in step
(``widgets/dials.js``): a slider that were written anew would fall out of the hand that holds it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from specviz.views import formats, icons, stylesheet

#: Labels as they stand, by what makes them.
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Atmosphere", ("teff", "logg", "fe_h", "vmic")),
    ("C, N, odd Z", ("c_fe", "n_fe", "na_fe", "al_fe", "k_fe")),
    ("α elements", ("o_fe", "mg_fe", "si_fe", "s_fe", "ca_fe", "ti_fe")),
    ("Iron peak", ("v_fe", "cr_fe", "mn_fe", "ni_fe", "cu_fe", "zn_fe")),
    ("Neutron capture", ("sr_fe", "y_fe", "zr_fe", "ba_fe", "la_fe", "nd_fe", "eu_fe")),
)
#: Of a slider: K; all others move by hundredths.
_STEPS = {"teff": 10.0}
_STEP = 0.01
_NOTES = {
    "prior": "The spectrum says little of it: the value is what was believed before",
    "edge": "At the edge of what the emulator has learned",
}
CSS = f"""
:host {{ display: block; width: 100%; position: relative; min-width: 0; }}
.sv-dials {{ columns: 400px; column-gap: 24px; }}
.sv-dials table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; break-inside: avoid; margin: 0 0 6px; table-layout: fixed; }}
.sv-dials th, .sv-dials td {{ height: 26px; padding: 0 4px; text-align: right; white-space: nowrap; font-weight: 400; overflow: hidden; }}
.sv-dials thead th {{ font-size: 12px; color: {stylesheet.QUIET}; border-bottom: 1px solid var(--jp-border-color3, var(--jp-border-color2)); }}
.sv-dials thead th:first-child {{ font-weight: 600; }}
.sv-dials th:first-child {{ text-align: left; padding-left: 6px; }}
.sv-dials col.a {{ width: 66px; }} .sv-dials col.v {{ width: 52px; }} .sv-dials col.e {{ width: 84px; }} .sv-dials col.g {{ width: 46px; }}
.sv-dials col.t {{ width: 56px; }} .sv-dials col.r {{ width: 26px; }}
.sv-dials .e {{ text-align: left; }} .sv-dials td.e, .sv-dials td.g {{ font-size: 12px; color: {stylesheet.QUIET}; }} .sv-dials .r {{ padding: 0; }}
.sv-dials td.t {{ color: var(--sv-predicted); font-weight: 600; }}
.sv-dials tr.prior th, .sv-dials tr.prior td.v {{ color: {stylesheet.QUIET}; }} .sv-dials tr.prior .sv-name {{ font-style: italic; }}
.sv-dials input {{ width: 100%; height: 24px; margin: 0; accent-color: var(--jp-brand-color1); cursor: pointer; vertical-align: middle; }}
.sv-dials tr[data-sv-turned] input {{ accent-color: var(--sv-predicted); }}
.sv-dials button {{ font: inherit; color: inherit; background: none; border: 1px solid transparent; border-radius: 2px; cursor: pointer; padding: 0 4px; height: 24px; }}
.sv-dials .sv-name {{ margin-left: -5px; }} .sv-dials .r button {{ width: 24px; padding: 0; }}
.sv-dials button:hover {{ background: var(--jp-layout-color2); }}
.sv-dials .sv-name[aria-pressed="true"] {{ background: var(--sv-selected); border-color: var(--jp-brand-color1); font-weight: 500; }}
.sv-dials button:focus-visible, .sv-dials input:focus-visible {{ outline: 2px solid var(--jp-brand-color1); outline-offset: -1px; }}
.sv-dials tr:not([data-sv-turned]) .r button {{ visibility: hidden; }}
.sv-dials .w {{ color: {stylesheet.WARN_TEXT}; }} .sv-dials .w .sv-icon {{ vertical-align: -2px; }}
.sv-foot {{ font-size: 12px; line-height: 18px; color: {stylesheet.QUIET}; }}
@container (max-width: 430px) {{ .sv-dials col.e {{ width: 46px; }} .sv-dials .e small {{ display: none; }} }}
"""


def tables_html(fitted: Any, dials: Mapping[str, float] | None = None, element: str = "") -> str:
    """All labels of a fit; "" without one.

    Parameters
    ----------
    fitted : Fitted or None
    dials : mapping of str to float, optional
        What is turned by hand already.
    element : str
        The label whose windows are shown.
    """
    if fitted is None:
        return ""
    by_name = {label.name: label for label in fitted.labels}
    tables = "".join(
        _table(title, [by_name[n] for n in names if n in by_name], dials or {}, element) for title, names in GROUPS
    )
    return f'<div class="sv-list"><div class="sv-dials">{tables}</div><div class="sv-foot">{_foot(fitted)}</div></div>'


def _table(title: str, labels: list[Any], dials: Mapping[str, float], element: str) -> str:
    hint = "How many times narrower the error is than what was believed before: near 1, the spectrum said nothing"
    head = (
        f'<th scope="colgroup" colspan="2">{formats.text(title)}</th><th scope="col" class="e">±</th>'
        f'<th scope="col" title="{hint}">Gain</th><th scope="col" style="text-align:center">Turn</th><th scope="col">Turned</th><th></th>'
    )
    widths = "".join(f'<col class="{c}">' for c in ("a", "v", "e", "g", "d", "t", "r"))
    rows = "".join(_row(label, dials.get(label.name), element) for label in labels)
    return (
        f'<table aria-label="{formats.text(title)}"><colgroup>{widths}</colgroup><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _row(label: Any, turned: float | None, element: str) -> str:
    name, heading = label.name, formats.text(formats.heading(label.name))
    low, high, step = slider_range(label)
    decimals, sign = formats.DECIMALS.get(name, 2), " +" if formats.is_abundance(name) else ""
    unit = formats.unit(name)
    note = _NOTES.get(label.note, "")
    warning = (
        f'<span class="w" role="img" aria-label="{note}" title="{note}">{icons.svg("warning", 12)}</span> '
        if label.note == "edge"
        else ""
    )
    shown = label.value if turned is None else turned
    hint = f' title="{note}"' if note else ""
    return (
        f'<tr data-sv-dial-row="{name}"{f" class={label.note}" if label.note else ""}{hint}{" data-sv-turned" if turned is not None else ""}>'
        f'<th scope="row"><button class="sv-name" data-sv-set="element {name}" aria-pressed="{str(name == element).lower()}" '
        f'aria-label="Lines of {heading}" title="Show where {heading} speaks">{formats.heading_html(name)}</button></th>'
        f'<td class="v">{formats.label(name, label.value)}</td>'
        f'<td class="e">± {formats.number(label.error, decimals)} <small>{unit}</small></td>'
        f'<td class="g">{warning}{formats.number(label.gain, 1 if label.gain < 9.95 else 0)}</td>'
        f'<td class="d"><input type="range" data-sv-dial="{name}" data-sv-fit="{label.value:.6g}" min="{low:.6g}" max="{high:.6g}" '
        f'step="{step:g}" value="{shown:.6g}" aria-label="{heading}{f" in {unit}" if unit else ""}"></td>'
        f'<td class="t" data-sv-dial-text="{name}" data-sv-form="{decimals}{sign}">{"" if turned is None else formats.label(name, turned)}</td>'
        f'<td class="r"><button data-sv-act="study-do reset {name}" aria-label="Reset {heading}" title="Back to the fit: {heading}">'
        f"{icons.svg('reset', 12)}</button></td></tr>"
    )


def slider_range(label: Any) -> tuple[float, float, float]:
    """Lowest and highest place of a label's slider, within what the emulator has learned, and its step."""
    step = _STEPS.get(label.name, _STEP)
    low = math.ceil(round(label.low / step, 6)) * step
    high = math.floor(round(label.high / step, 6)) * step
    return low, high, step


def _foot(fitted: Any) -> str:
    said = [
        "Grey and italic: the spectrum says little of it, the value is what was believed before (gain below 1.2).",
        "A slider goes as far as the emulator has learned.",
        "The model spectra are plane, static and in equilibrium (1D, LTE), and no survey calibrates them: "
        "compare stars of one kind with each other before you trust a tenth of a dex.",
    ]
    if not fitted.converged:
        said.insert(0, "The fit did not come to rest: use its numbers with care.")
    return " ".join(said)
