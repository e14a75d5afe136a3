"""What was measured, in words: widths with their errors, the velocity with its cross-correlation, the indices."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from specviz.errors import SpecvizError
from specviz.session.state import Correlated, State
from specviz.views import formats, icons, option_controls
from specviz.views.stylesheet import QUIET

if TYPE_CHECKING:
    from specviz.spectra.velocity import Velocity
    from specviz.spectra.widths import EquivalentWidth

METHODS = {"bands": "side bands", "edges": "edges", "continuum": "continuum"}
UNITS = {"Angstrom": "Å", "mag": "mag", "ratio": ""}
#: Names of indices as they are printed, where plain text says it less well.
NAMES = {
    "Hbeta": "Hβ", "Halpha": "Hα core", "HdA": "Hδ<sub>A</sub>", "HdF": "Hδ<sub>F</sub>", "HgA": "Hγ<sub>A</sub>",
    "HgF": "Hγ<sub>F</sub>", "CN1": "CN<sub>1</sub>", "CN2": "CN<sub>2</sub>", "Mg1": "Mg<sub>1</sub>",
    "Mg2": "Mg<sub>2</sub>", "Mgb": "Mg <i>b</i>", "TiO1": "TiO<sub>1</sub>", "TiO2": "TiO<sub>2</sub>",
    "NaD": "Na D", "Dn4000": "D<sub>n</sub>4000",
}  # fmt: skip
#: Size of the picture of the cross-correlation, px.
WIDTH, HEIGHT = 176, 40

CSS = f"""
{option_controls.CSS}
:host {{ width: 100%; overflow: visible !important; }}
.sv-measure {{ font-size: 12px; line-height: 24px; padding: 2px 0 4px; font-variant-numeric: tabular-nums; }}
.sv-measure > div {{ display: flex; flex-wrap: wrap; align-items: center; gap: 2px 12px; min-height: 26px; }}
.sv-measure b {{ font-weight: 600; }} .sv-measure .q {{ color: {QUIET}; }}
.sv-measure .sv-one {{ display: inline-flex; align-items: center; gap: 6px; white-space: nowrap; }}
.sv-measure .sv-button {{ height: 24px; line-height: 22px; padding: 0 9px; border: 1px solid var(--jp-border-color1); border-radius: 2px;
  background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); font: inherit; font-size: 12px; cursor: pointer; white-space: nowrap; }}
.sv-measure .sv-button:hover {{ background: var(--jp-layout-color2); }}
.sv-measure .sv-button[aria-pressed="true"] {{ background: var(--sv-selected); border-color: var(--jp-brand-color1); font-weight: 500; }}
.sv-measure svg.sv-ccf {{ flex: none; display: block; }}
.sv-measure .sv-indices {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(158px, 1fr)); gap: 0 16px; }}
.sv-measure .sv-indices > span {{ display: flex; justify-content: space-between; gap: 8px; line-height: 20px; white-space: nowrap; }}
"""


def row(state: State, index_table: str) -> str:
    """Everything that there is to say; "" where nothing was asked for."""
    parts = []
    if state.view.measuring or state.measurements:
        parts.append(_widths(state))
    if state.velocity is not None:
        parts.append(velocity(state.velocity, state.view.rv))
    if index_table:
        parts.append(index_table)
    return f'<div class="sv-measure">{"".join(parts)}</div>' if parts else ""


def width(m: EquivalentWidth) -> str:
    """One measurement as plain text: EW 1.23 ± 0.05 Å."""
    return ("EW " if m.unit == "Angstrom" else "") + _pair(m.value, m.sigma, m.unit)


def _pair(value: float, sigma: float, unit: str) -> str:
    decimals = 3 if unit in ("mag", "ratio") else 2
    said = formats.number(value, decimals)
    if np.isfinite(sigma):
        said += f" ± {formats.number(sigma, decimals)}"
    return f"{said}\u00a0{UNITS[unit]}" if UNITS[unit] else said


def _widths(state: State) -> str:
    choice = option_controls.segmented(
        "measure_by", [("bands", "Side bands"), ("edges", "Edges"), ("continuum", "Continuum")], state.view,
        name="Continuum of what is measured",
    )  # fmt: skip
    hint = '<span class="q">Drag across a line to measure it</span>' if state.view.measuring else ""
    items = "".join(_one(k, m) for k, m in enumerate(state.measurements))
    ends = ""
    if state.measurements:
        copied = formats.text(as_csv(state.measurements), 10**6)
        ends = (
            f'<span class="sv-one"><button class="sv-button" data-sv-copy="{copied}">Copy</button>'
            '<button class="sv-button" data-sv-act="unmeasure all">Clear</button></span>'
        )
    return f"<div>{choice}{hint}{items}{ends}</div>"


def _one(place: int, m: EquivalentWidth) -> str:
    """One measurement with what made it, and a way to take it away."""
    span = f"{formats.number(m.low, 1)}–{formats.number(m.high, 1)} Å"
    code = f"explorer.measure({m.low:.1f}, {m.high:.1f}, method='{m.method}')"
    lost = f", {m.missing:.0%} masked" if m.missing > 0.005 else ""
    return (
        f'<span class="sv-one" title="{formats.text(code)}"><span class="q">{span}</span> <b>{width(m)}</b> '
        f'<span class="q">{METHODS.get(m.method, "")}{lost}</span>'
        + option_controls.icon_button(f"Remove the measurement at {span}", "close", f'data-sv-act="unmeasure {place}"')
        + "</span>"
    )


def as_csv(measurements: tuple[EquivalentWidth, ...]) -> str:
    """Plain ASCII at full precision, to paste into a table."""
    lines = ["low_vacuum_A,high_vacuum_A,value,error,unit,method,masked"]
    lines += [
        f"{m.low:.4f},{m.high:.4f},{m.value:.6g},{m.sigma:.6g},{m.unit},{m.method},{m.missing:.4f}"
        for m in measurements
    ]
    return "\n".join(lines)


def velocity(found: Correlated, shown: float | None = None) -> str:
    """What cross-correlation gave, in words and as a small picture; ``shown`` is the velocity of the view."""
    away = option_controls.icon_button("Put the velocity away", "close", 'data-sv-act="correlate-away"')
    if found.problem:
        return f"<div><span>RV: {formats.text(found.problem, 300)}</span>{away}</div>"
    result = found.result
    if result is None:
        return '<div><span class="q" aria-live="polite">Cross-correlating …</span></div>'
    told = (
        f'<span class="sv-one">RV <b>{formats.number(result.rv, 1)} ± {formats.number(result.sigma, 1)}</b> km s⁻¹</span>'
        f'<span class="q">R {formats.number(result.r, 1)}</span>'
        f'<span class="q" title="Teff / log g / [Fe/H] of the template">template {_template(result.template)}</span>'
    )
    use = f'<button class="sv-button" data-sv-set="rv {result.rv:.2f}" aria-pressed="false">Use it</button>'
    if shown is not None and abs(shown - result.rv) < 0.006:
        use = '<span class="q">in use</span>'
    return f"<div>{told}{use}{picture(result)}{away}</div>"


def _template(name: str) -> str:
    return formats.text(name.replace("-", formats.MINUS), 60)


def picture(result: Velocity) -> str:
    """The cross-correlation over velocity as an inline SVG, the peak marked."""
    x = (result.grid - result.grid[0]) / (result.grid[-1] - result.grid[0]) * WIDTH
    low, high = float(result.values.min()), float(result.values.max())
    y = 2.0 + (high - result.values) / max(high - low, 1e-9) * (HEIGHT - 4)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    at = float(np.interp(result.rv, result.grid, x))
    ends = f"{formats.number(result.grid[0])} to {formats.number(result.grid[-1])} km/s"
    said = f"Cross-correlation from {ends}, highest ({formats.number(result.height, 2)}) at {formats.number(result.rv, 1)} km/s"
    return (
        f'<svg class="sv-ccf" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}">'
        f"<title>{said}</title>"
        f'<line x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{HEIGHT}" stroke="var(--sv-predicted)" stroke-dasharray="2 2"/>'
        f'<polyline points="{points}" fill="none" stroke="var(--sv-observed)" stroke-width="1"/></svg>'
    )


def indices(measure: Callable[[], Any]) -> str:
    """The indices that could be measured, in a grid; what they are of, first."""
    try:
        table = measure()
    except SpecvizError as error:
        return f"<div>{formats.text(error, 300)}</div>"
    cells = []
    for entry in table:
        name = NAMES.get(str(entry["name"])) or formats.text(entry["name"])
        if entry["problem"]:
            value = f'<span class="q" title="{formats.text(entry["problem"])}">{formats.DASH}</span>'
        else:
            value = f'<span title="{formats.text(entry["source"])}">{_pair(entry["value"], entry["error"], str(entry["unit"]))}</span>'
        cells.append(f'<span><span class="q">{name}</span>{value}</span>')
    copied = formats.text(_table_csv(table), 10**6)
    head = (
        f'<div><span class="q">Indices in the rest frame (RV {formats.number(table.meta["rv_km_s"], 1)} km s⁻¹), '
        f'at the resolution of the spectrum</span><button class="sv-button" data-sv-copy="{copied}">Copy</button></div>'
    )
    return f'{head}<div class="sv-indices">{"".join(cells)}</div>'


def _table_csv(table: Any) -> str:
    lines = ["index,value,error,unit"]
    lines += [f"{e['name']},{e['value']:.6g},{e['error']:.6g},{e['unit']}" for e in table]
    return "\n".join(lines)


def buttons(state_view: Any) -> str:
    """The switches of the tools row: measure by dragging, find the velocity, list the indices."""
    return (
        "<span>"
        + option_controls.toggle("measuring", "Measure", state_view)
        + option_controls.toggle("indices", "Indices", state_view)
        + f'<button class="sv-button" data-sv-act="correlate" title="Radial velocity by cross-correlation">{icons.svg("target", 14)} Find RV</button>'
        + "</span>"
    )
