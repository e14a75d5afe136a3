"""The table of similar stars as HTML: rank, a thumbnail of Hβ to Mg b over this star's grey halo, labels.

A table in HTML and not a Bokeh one: half the bytes a star, heads that are buttons, rows that the keys and the pointer can
walk through (``widgets/rows.js``), columns that give way on a narrow widget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.views import formats
from specviz.views.formats import text
from specviz.views.stylesheet import MEDIUM, NARROW, QUIET

WIDTH, HEIGHT = 140, 30
WINDOW = (4830.0, 5200.0)
#: Normalised flux at the upper and lower edge of a thumbnail; the deepest lines of the coolest stars end at the edge.
TOP, BOTTOM = 1.08, 0.4
#: Column by which a head sorts (None: it does not), its HTML, whether the largest comes first at the first press, width in
#: pixels (0: what is left).
COLUMNS: tuple[tuple[str | None, str, bool, int], ...] = (
    ("rank", "#", False, 40),
    (None, "Hβ to Mg b", False, 156),
    ("name", "Star", False, 0),
    ("class", "Class", False, 58),
    ("similarity", "Similarity", True, 106),
    ("teff", "T<sub>eff</sub> (K)", False, 66),
    ("logg", "log <i>g</i>", False, 54),
    ("fe_h", "[Fe/H]", False, 60),
    ("snr", "S/N", True, 48),
)
NAMES = {"rank": "rank", "name": "name", "class": "class", "similarity": "similarity", "teff": "Teff", "logg": "log g",
         "fe_h": "[Fe/H]", "snr": "S/N"}  # fmt: skip
CSS = f"""
:host {{ width: 100%; }}
.scroll {{ height: 273px; overflow-y: auto; overflow-x: hidden; scrollbar-width: thin; }}
table {{ width: 100%; border-collapse: separate; border-spacing: 0; table-layout: fixed; }}
th {{ position: sticky; top: 0; z-index: 2; background: var(--jp-layout-color1); font-size: 12px; font-weight: 400; text-align: left; padding: 0 8px; height: 27px;
  color: {QUIET}; border-bottom: 1px solid var(--jp-border-color2); white-space: nowrap; }}
th button {{ font: inherit; color: inherit; background: none; border: none; padding: 2px 0; margin: 0; min-width: 24px; min-height: 24px; text-align: inherit; cursor: pointer; white-space: nowrap; border-radius: 2px; position: relative; }}
th button:hover, th[aria-sort] button {{ color: var(--jp-ui-font-color1); }}
th[aria-sort] button {{ font-weight: 500; }}
th[aria-sort] button::after {{ content: ""; position: absolute; right: -10px; top: 9px; width: 4px; height: 4px; border: solid currentColor; border-width: 0 1.2px 1.2px 0;
  transform: rotate(45deg) translate(-1px, -1px); }}
th[aria-sort="ascending"] button::after {{ transform: rotate(225deg) translate(-2px, -2px); }}
th.r[aria-sort] button {{ right: 10px; }}
th button:focus-visible, tr:focus-visible {{ outline: 2px solid var(--jp-brand-color1); outline-offset: -2px; }}
td {{ height: 34px; line-height: 34px; padding: 0 8px; border-bottom: 1px solid var(--jp-border-color3, var(--jp-border-color2)); white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; }}
td:first-child {{ border-left: 3px solid transparent; padding-left: 4px; }}
.r {{ text-align: right; }}
tbody tr {{ cursor: pointer; outline: none; scroll-margin-top: 28px; }}
tbody tr:hover td, tbody tr[data-sv-ring] td {{ background: var(--jp-layout-color2); }}
tbody tr[aria-selected="true"] td {{ background: color-mix(in srgb, var(--sv-similar) 14%, var(--jp-layout-color1)); }}
tbody tr[aria-selected="true"] td:first-child {{ border-left-color: var(--sv-similar); }}
td svg {{ display: block; width: {WIDTH}px; height: {HEIGHT}px; overflow: hidden; }}
td svg path {{ fill: none; stroke: var(--sv-similar); stroke-width: 1.1; }}
td svg use, .halo path {{ stroke: var(--sv-masked); stroke-opacity: 0.55; stroke-width: 2.6; fill: none; }}
.halo {{ position: absolute; width: 0; height: 0; }}
td i {{ display: inline-block; width: 36px; height: 6px; margin-right: 9px; vertical-align: 2px;
  background: linear-gradient(var(--sv-similar), var(--sv-similar)) 0 0 / var(--w) 100% no-repeat, var(--sv-grid); }}
.plain col:nth-child(2), .plain th:nth-child(2), .plain td:nth-child(2) {{ display: none; }}
@container {MEDIUM} {{ col:nth-child(4), th:nth-child(4), td:nth-child(4) {{ display: none; }} }}
@container {NARROW} {{ col:nth-child(n+6), th:nth-child(n+6), td:nth-child(n+6) {{ display: none; }} col:nth-child(2) {{ width: 152px !important; }}
  td i {{ display: none; }} col:nth-child(5) {{ width: 84px !important; }} }}
@container (max-width: 459px) {{ col:nth-child(2) {{ width: 82px !important; }} td svg {{ width: 66px; }} col:nth-child(5) {{ width: 76px !important; }} }}
"""


def path(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    """SVG path of a normalised spectrum in the thumbnail's frame; one scale for all rows."""
    ok = np.isfinite(y)
    if ok.sum() < 2:
        return ""
    px = (x[ok] - WINDOW[0]) / (WINDOW[1] - WINDOW[0]) * WIDTH
    py = np.clip(2 + (TOP - y[ok]) / (TOP - BOTTOM) * (HEIGHT - 4), 0, HEIGHT)
    return "M" + "L".join(f"{a:.0f} {b:.1f}" for a, b in zip(px, py, strict=True))


def window_path(wavelength: Any, flux: Any) -> str:
    """:func:`path` of a spectrum's stretch from H beta to Mg b (vacuum Angstrom)."""
    wave = np.asarray(wavelength, float)
    keep = (wave >= WINDOW[0]) & (wave <= WINDOW[1])
    return path(wave[keep][::3], np.asarray(flux, float)[keep][::3])


def heads(sort: str) -> str:
    """The head: a button a column that sorts by it, and turns the order round when it already does."""
    cells = []
    for at, (name, label, largest, _width) in enumerate(COLUMNS):
        right = ' class="r"' if at == 0 or at >= 4 else ""
        if name is None:
            cells.append(f"<th{right} scope=col>{label}</th>")
            continue
        # By rank is by similarity, the largest first: the head of the similarity shows it.
        active, down = sort.removeprefix("-") == name, sort.startswith("-")
        wanted = f"-{name}" if (not active and largest) or (active and not down) else name
        state = f' aria-sort="{"descending" if down else "ascending"}"' if active else ""
        title = f"Sort by {NAMES[name]}"
        cells.append(
            f'<th{right} scope=col{state}><button data-sv-set="similar_sort {wanted}" aria-label="{title}" title="{title}">{label}</button></th>'
        )
    return "<thead><tr>" + "".join(cells) + "</tr></thead>"


def table(
    near: Any, rows: Sequence[int], sort: str, chosen: int | None, halo: str, thumb: Callable[[int], str] | None
) -> str:
    """The whole table.

    Parameters
    ----------
    near : astropy.table.Table
        Similar stars, the columns of ``SimilarityIndex.search``. Names and classes are foreign text, escaped here.
    rows : sequence of int
        Which of its rows, in which order.
    sort : str
    chosen : int or None
        Row that is selected.
    halo : str
        Path of this star.
    thumb : callable(row of the index)
        Path of a reference star. None: there are no pictures of these stars, and no column for them.
    """
    similarity = np.asarray(near["similarity"], float) if "similarity" in near.colnames else np.full(len(near), np.nan)
    # The bar spans the range of what was found: absolute cosines of a good embedding all look alike.
    known = similarity[np.isfinite(similarity)]
    top = float(known.max()) if known.size else 1.0
    low = min(float(known.min()), 0.999 * top) if known.size else 0.0
    width = np.clip(6 + 30 * (similarity - low) / max(top - low, 1e-6), 0, 36)
    kinds = near["class"] if "class" in near.colnames else [""] * len(near)
    numbers = {n: plain(near, n) for n in ("rank", "teff", "logg", "fe_h", "snr")}
    first = chosen if chosen in rows else (rows[0] if rows else None)
    out = []
    for row in rows:
        value = formats.number(similarity[row], 3)
        bar = f'<i style="--w:{width[row]:.0f}px"></i>' if np.isfinite(similarity[row]) else ""
        name = str(near["object_id"][row]).removeprefix("LAMOST ")
        svg = (
            ""
            if thumb is None
            else f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none"><use href="#sv-halo"/><path d="{thumb(int(near["row"][row]))}"/></svg>'
        )
        out.append(
            f'<tr data-sv-row={row} tabindex={0 if row == first else -1} aria-selected="{str(row == chosen).lower()}">'
            f'<td class=r>{formats.number(numbers["rank"][row])}<td>{svg}<td title="{text(name, 200)}">{text(name)}<td>{text(kinds[row], 20)}'
            f"<td class=r>{bar}{value}<td class=r>{formats.label('teff', numbers['teff'][row])}<td class=r>{formats.label('logg', numbers['logg'][row])}"
            f"<td class=r>{formats.label('fe_h', numbers['fe_h'][row])}<td class=r>{formats.number(numbers['snr'][row])}</tr>"
        )
    columns = "".join(f'<col style="width:{w}px">' if w else "<col>" for *_, w in COLUMNS)
    return (
        f'<div class="scroll"><svg class="halo" aria-hidden="true"><defs><path id="sv-halo" d="{halo}"/></defs></svg>'
        f'<table{"" if thumb is not None else " class=plain"} role="grid" aria-label="Similar stars" data-sv-rows="choose" data-sv-peek="peek" data-sv-open="open-similar">'
        f"<colgroup>{columns}</colgroup>{heads(sort)}<tbody>{''.join(out)}</tbody></table></div>"
    )


def copied(near: Any, rows: Sequence[int]) -> str:
    """The listed rows as tab-separated text at full precision, with a head: what a spreadsheet takes."""
    names = [n for n in near.colnames if n != "row"]
    lines = ["\t".join(f"{n} [{near[n].unit}]" if getattr(near[n], "unit", None) else n for n in names)]
    for row in rows:
        cells = [near[n][row] for n in names]
        lines.append("\t".join("" if np.ma.is_masked(c) else _cell(c) for c in cells))
    return "\n".join(lines)


def _cell(value: Any) -> str:
    """One cell; text that a spreadsheet would take for a formula is told to be text."""
    if isinstance(value, (float, np.floating)):
        return repr(float(value)) if np.isfinite(value) else ""
    said = " ".join(str(getattr(value, "value", value)).split())
    return f"'{said}" if said[:1] in "=+-@" and not _is_number(said) else said


def _is_number(said: str) -> bool:
    try:
        float(said)
    except ValueError:
        return False
    return True


def plain(near: Any, name: str) -> NDArray[np.float64]:
    """A column as plain floats, NaN where masked or absent."""
    if name not in near.colnames:
        return np.full(len(near), np.nan)
    values = near[name]
    values = getattr(values, "value", values)
    return np.asarray(np.ma.filled(np.ma.asarray(values, float), np.nan))
