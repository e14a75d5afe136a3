"""What the tools gave, as tables: every number at the pointer says which call, model and version it is from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from specviz.views import formats, icons
from specviz.views.chat.prose import number
from specviz.views.formats import text
from specviz.views.similar_rows import HEIGHT, WIDTH, window_path

#: Rows of a table that stand open; the rest unfolds.
OPEN = 12
#: Keys of names that others gave: said as they are in each language.
_NAMES = {"star", "name", "title", "file", "authors"}
Say = Callable[[str], str]
#: Tools whose words say it all.
_WORDS_ONLY = {"help", "models", "use_model", "export", "load", "fetch", "star", "show"}


def card_html(made: Any) -> str:
    """The card of a call; "" where the words say it all, or there is nothing to list."""
    answer = made.answer
    if answer.tool in _WORDS_ONLY:
        return ""
    title, draw = _CARDS.get(answer.tool, (_TITLES.get(answer.tool, ""), None))
    body = draw(answer.data, _Numbers(made), made) if draw is not None else _anything(answer.data, _Numbers(made))
    said = title or answer.tool.replace("_", " ").capitalize()
    return frame(made.say(said), made, body) if body else ""


def picture_html(made: Any) -> str:
    """What is drawn in the card of a call, for a page that has its table already; "" where nothing is.

    Of similar stars their spectra from H beta to Mg b; the whole card that says why, or how odd.
    """
    answer, windows = made.answer, made.extra.get("windows")
    if answer.tool in ("why", "oddness"):
        return card_html(made)
    if answer.tool != "similar" or not windows:
        return ""
    n, own = _Numbers(made), made.extra.get("own")
    seen = [
        f"<li>{_thumb(window, own)}<span>{int(row['rank'])} {text(row['star'], 40)}</span>"
        f"<span class=sv-quiet>{n(formats.number(row['similarity'], 3))}</span></li>"
        for row, window in zip(answer.data["stars"], windows, strict=True)
    ]
    more = f"<details class=more><summary>{len(seen) - OPEN} more</summary>{_near(seen[OPEN:])}</details>"
    shown = _near(seen) if len(seen) <= OPEN + 2 else _near(seen[:OPEN]) + more
    title = f"{made.say('Similar stars')}, {made.say('Hβ to Mg b')}"
    return frame(title, made, shown + _key(made.say))


def _near(seen: Sequence[str]) -> str:
    return f"<ul class=near>{''.join(seen)}</ul>"


def frame(title: str, made: Any, body: str) -> str:
    """Title, where it is from, body."""
    call = made.answer.call
    return (
        f'<section class="card" aria-label="{text(title)}"><header><b>{text(title)}</b>'
        f'<span class="from" data-sv-call="{text(call, 12)}" title="{text(made.origin, 300)}">{text(made.origin, 90)}</span>'
        f"</header>{body}</section>"
    )


class _Numbers:
    """Writes numbers of one call, and says words in the language of its question."""

    def __init__(self, made: Any) -> None:
        self._call, self._origin, self.say = made.answer.call, made.origin, made.say

    def __call__(self, shown: str) -> str:
        return number(shown, self._call, self._origin)

    def heading(self, name: str) -> str:
        plain = formats.heading(name)
        said = self.say(plain)
        return formats.heading_html(name) if said == plain else text(said)

    def label(self, name: str, value: Any) -> str:
        return self(formats.label(name, value)) if value is not None else formats.DASH

    def plain(self, value: Any, digits: int = 4) -> str:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
            return formats.DASH
        return self(f"{value:.{digits}g}".replace("-", formats.MINUS))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), wide: int = -1) -> str:
    """A table of cells that are HTML already; a head may say ``title``; what is beyond the first dozen unfolds."""

    def cell(i: int, what: str) -> str:
        klass = " class=r" if i in right else ' class="wide"' if i == wide else ""
        return f"<td{klass}>{what}</td>"

    def drawn(some: Sequence[Sequence[str]]) -> str:
        lines = "".join(f"<tr>{''.join(cell(i, c) for i, c in enumerate(r))}</tr>" for r in some)
        head = "".join(f"<th scope=col{' class=r' if i in right else ''}>{h}</th>" for i, h in enumerate(heads))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"

    if len(rows) <= OPEN + 2:
        return drawn(rows)
    more = f"<details class=more><summary>{len(rows) - OPEN} more</summary>{drawn(rows[OPEN:])}</details>"
    return drawn(rows[:OPEN]) + more


# ---------------------------------------------------------------------------------------------- the tools
def _labels(data: Mapping[str, Any], n: _Numbers, _made: Any) -> str:
    rows = []
    for row in data["labels"]:
        name = str(row["label"])
        note = _warn(n.say("outside the training range")) if row.get("outside_training") else ""
        rows.append([
            n.heading(name), f'<span class=v>{n.label(name, row["value"])}</span>{_pair(name, row)}',
            text(formats.unit(name)), text(n.say(row.get("from", "")), 30), note,
        ])  # fmt: skip
    heads = [n.say("Parameter"), n.say("Value"), "", n.say("From"), ""]
    kept = [i for i in range(5) if i < 3 or any(r[i] for r in rows)]
    return table([heads[i] for i in kept], [[r[i] for i in kept] for r in rows], right=(1,))


def _pair(name: str, row: Mapping[str, Any]) -> str:
    plus, minus = row.get("plus", row.get("error")), row.get("minus", row.get("error"))
    if plus is None or minus is None:
        return ""
    digits = formats.DECIMALS.get(name, 2)
    return f'<span class="e"><span>+{formats.number(plus, digits)}</span><span>{formats.MINUS}{formats.number(minus, digits)}</span></span>'


def _warn(words: str) -> str:
    return f'<span class=bad title="{text(words)}">{icons.svg("warning", 13)} {text(words)}</span>'


def _posterior(data: Mapping[str, Any], n: _Numbers, _made: Any) -> str:
    name = str(data["label"])
    (low, high), (lower, upper) = data["interval_68"], data["interval_95"]
    unit = text(formats.unit(name))
    rows = [[n.say("Median"), n.label(name, data["median"]), unit]]
    rows += [[f"{mass} %", f"{n.label(name, a)} {n.say('to')} {n.label(name, b)}", unit]
             for mass, a, b in (("68", low, high), ("95", lower, upper))]  # fmt: skip
    rows += [[f"{n.say('Correlation with')} {formats.heading_html(k)}", n(formats.number(v, 2, sign=True)), ""]
             for k, v in data["correlations"].items()]  # fmt: skip
    return table([formats.heading_html(name), "", ""], rows, right=(1,))


def _similar(data: Mapping[str, Any], n: _Numbers, made: Any) -> str:
    windows = made.extra.get("windows")
    own = made.extra.get("own")
    rows = []
    for i, row in enumerate(data["stars"]):
        name = str(row["star"])
        thumb = ""
        if windows:
            thumb = _thumb(windows[i], own)
        named = (
            f'<button class="sv-button sv-link" data-sv-act="chat-say open {text(name, 60)}">{text(name, 40)}</button>'
        )
        rows.append([
            str(int(row["rank"])), thumb, named if name.startswith("demo ") else text(name, 40), n(formats.number(row["similarity"], 3)),
            n.label("teff", row.get("teff")), n.label("logg", row.get("logg")), n.label("fe_h", row.get("fe_h")),
        ])  # fmt: skip
    heads = ["#", n.say("Hβ to Mg b"), n.say("Star"), n.say("Similarity"), "T<sub>eff</sub> (K)", "log <i>g</i>", "[Fe/H]"]
    if not windows:
        heads, rows = [heads[0], *heads[2:]], [[r[0], *r[2:]] for r in rows]
    at = 1 if windows else 0
    counted = f"{n(formats.count(int(data['among'])))} {text(n.say(data['of']), 60)}"
    among = f"<span class=sv-quiet style='font-size:12px'>{text(n.say('of'))} {counted}</span>"
    return table(heads, rows, right=range(at + 2, at + 6)) + (_key(n.say) if windows else "") + among


def _key(say: Say) -> str:
    """Whose the two curves of a thumbnail are."""
    return "".join(
        f'<span class="key"><svg width=20 height=8><path d="M1 4H19" stroke="var(--sv-{colour})" stroke-width={width} /></svg>'
        f"{text(say(whose))}</span>"
        for colour, width, whose in (("similar", 2, "neighbour"), ("masked", 3, "this star"))
    )


def _thumb(window: Any, own: Any) -> str:
    """One neighbour from H beta to Mg b, over the star itself."""
    halo = "" if own is None else f'<path class="own" d="{window_path(*own)}"/>'
    return f'<svg class=thumb viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden=true>{halo}<path d="{window_path(*window)}"/></svg>'


def _oddness(data: Mapping[str, Any], n: _Numbers, _made: Any) -> str:
    out = ""
    percentile = data.get("percentile")
    if percentile is not None:
        kind = "typical" if percentile < 90 else "unusual" if percentile < 99 else "outlier"
        marks = "".join(f'<s style="left:{at}%"></s>' for at in (90, 99))
        out += (
            f'<div class=odd><b>{n(formats.ordinal(percentile))}</b><span>{text(n.say("percentile"))}, {text(n.say(kind))}</span>'
            f'<span class=scale role=img aria-label="Percentile {percentile:.0f} of 100">{marks}<i style="left:{min(max(percentile, 0), 99.6):.1f}%"></i></span></div>'
        )  # fmt: skip
    reasons = [[text(n.say(r["where"]), 60), text(n.say(r["kind"]), 20), f"{n.plain(r['wavelength'], 5)} Å", f"{n(formats.number(r['sigma'], 1, sign=True))} σ"]
               for r in data.get("reasons", ())]  # fmt: skip
    if reasons:
        out += table([text(n.say("Largest differences from the model")), "", "", ""], reasons, right=(2, 3))
    checks = "".join(f"<li>{_mark(c['passed'], n.say)}<span>{text(n.say(c['text']), 120)}</span></li>" for c in data["checks"])
    return out + (f"<ul class=checks>{checks}</ul>" if checks else "")


def _mark(passed: Any, say: Say) -> str:
    icon, klass, said = {
        True: ("check", "good", "passed"), False: ("warning", "bad", "failed")
    }.get(passed, ("unknown", "sv-quiet", "not checked"))  # fmt: skip
    return f'<span class={klass} role=img aria-label="{text(say(said))}">{icons.svg(icon, 13)}</span>'


def _translate(data: Mapping[str, Any], n: _Numbers, _made: Any) -> str:
    if data.get("off_by_percent") is None:
        return ""
    said = {words: text(n.say(words)) for words in ("Predicted", "from", "Off by", "of the flux (median)")}
    return (
        f"<dl><dt>{said['Predicted']}</dt><dd>{text(data['to'], 30)} {said['from']} {text(data['from'], 30)}</dd>"
        f"<dt>{said['Off by']}</dt><dd>{n.plain(data['off_by_percent'], 3)} % {said['of the flux (median)']}</dd>"
        f"<dt>χ²/N</dt><dd>{n.plain(data['chi2_per_point'], 3)}</dd></dl>"
    )


def _why(data: Mapping[str, Any], n: _Numbers, _made: Any) -> str:
    name = str(data["label"])
    digits, unit = formats.DECIMALS.get(name, 2), text(formats.unit(name))
    most = max((abs(r["adds"] or 0.0) for r in data["lines"]), default=1.0) or 1.0
    rows = []
    for row in data["lines"]:
        adds = row["adds"] or 0.0
        width = 50 * abs(adds) / most
        side = (
            f'class="up" style="left:50%;width:{width:.0f}%"'
            if adds >= 0
            else f'class="down" style="right:50%;width:{width:.0f}%"'
        )
        rows.append([
            text(n.say(row["line"]), 40), f"{n.plain(row['from'], 5)} {n.say('to')} {n.plain(row['to'], 5)} Å", f"<span class=track aria-hidden=true><i {side}></i></span>",
            f"{n(formats.number(adds, digits, sign=True))} {unit}",
        ])  # fmt: skip
    return table([f"{formats.heading_html(name)} {n.say('is read from')}", "", n.say("lowers · raises"), n.say("Adds")], rows, right=(3,))


def _compare(data: Mapping[str, Any], n: _Numbers, _made: Any) -> str:
    sources = list(dict.fromkeys((str(r["source"]), str(r["from"])) for r in data["values"]))
    names = list(dict.fromkeys(str(r["label"]) for r in data["values"]))
    found = {(str(r["source"]), str(r["from"]), str(r["label"])): r for r in data["values"]}
    rows = []
    for source in sources:
        cells = []
        for name in names:
            row = found.get((*source, name))
            cells.append("" if row is None else f"{n.label(name, row['value'])}{_pair(name, row)}")
        rows.append([f"{text(n.say(source[0]), 30)} <span class=sv-quiet>{text(n.say(source[1]), 20)}</span>", *cells])
    units = [formats.heading_html(k) + (f" ({text(formats.unit(k))})" if formats.unit(k) == "K" else "") for k in names]
    silent = "".join(f"<dt>{text(s['model'], 30)}</dt><dd>{text(n.say(s['why']), 200)}</dd>" for s in data["silent"])
    return table([n.say("Model"), *units], rows, right=range(1, len(names) + 1)) + (f"<dl>{silent}</dl>" if silent else "")


def _abundances(data: Mapping[str, Any], n: _Numbers, _made: Any) -> str:
    rows = []
    for row in data["labels"]:
        name = str(row["label"])
        value, error = row["value"], row["error"]
        track = ""
        if formats.is_abundance(name) and value is not None:
            at, half = (min(max(50 * (v + 1), 0), 100) for v in (value, (error or 0.0) - 1))
            klass = "dot prior" if row["decided_by_prior"] else "dot"
            track = (
                f'<span class=track aria-hidden=true><i class=err style="left:{max(at - half, 0):.0f}%;width:{min(2 * half, 100):.0f}%"></i>'
                f'<i class="{klass}" style="left:{at:.0f}%"></i></span>'
            )
        written = f"{n.label(name, value)} ± {formats.number(error, formats.DECIMALS.get(name, 2))}"
        rows.append([formats.heading_html(name), written, text(formats.unit(name)), track, f"<span class=sv-quiet>{text(n.say('prior'))}</span>" if row["decided_by_prior"] else ""])  # fmt: skip
    return table([n.say("Label"), n.say("Value"), "", "−1 · 0 · +1 dex", ""], rows, right=(1,))


def _outliers(data: Mapping[str, Any], n: _Numbers, _made: Any) -> str:
    rows = [
        [str(int(r["rank"])), text(r["star"], 40), n.plain(r["percentile"]), text(n.say(r["why"]), 300)]
        for r in data["oddest"]
    ]
    return table(["#", *map(n.say, ("Star", "Percentile", "Why"))], rows, right=(2,), wide=3)


def _papers(data: Mapping[str, Any], _n: _Numbers, _made: Any) -> str:
    items = []
    for paper in data.get("papers", ()):
        where = link(str(paper.get("id", "")), str(paper.get("url", "")))
        note = paper.get("note") or ""
        more = f"<br><span class=sv-quiet>{text(note, 300)}</span>" if note else ""
        head = f"{text(paper.get('title', ''), 300)} <span class=sv-quiet>{text(paper.get('authors', ''), 80)}, {text(paper.get('year', ''), 10)}</span>"
        items.append(f"<li>{head} {where}{more}</li>")
    return f"<ol class=papers>{''.join(items)}</ol>" if items else ""


def link(identifier: str, address: str = "") -> str:
    """A paper's address to press: opened by the person only, and told nothing of this page."""
    bare = identifier.removeprefix("arXiv:").removeprefix("doi:")
    if not address and identifier:
        if identifier.startswith(("10.", "doi:")):
            address = f"https://doi.org/{quote(bare, safe='/.')}"
        elif len(bare) == 19 and bare[:4].isdigit() and "." in bare:
            address = f"https://ui.adsabs.harvard.edu/abs/{quote(bare)}"
        else:
            address = f"https://arxiv.org/abs/{quote(bare, safe='/.')}"
    if urlsplit(address).scheme != "https":
        return text(identifier, 60)
    return f'<a href="{text(address, 300)}" target="_blank" rel="noopener noreferrer">{text(identifier or address, 60)}</a>'


def _anything(data: Mapping[str, Any], n: _Numbers) -> str:
    """A tool that has no card of its own: its plain values, and each list of rows as a table."""
    facts, tables = [], []
    for key, value in data.items():
        name = text(n.say(str(key).replace("_", " ")), 40)
        if isinstance(value, Mapping):
            value = [value]
        if isinstance(value, (list, tuple)) and value and all(isinstance(v, Mapping) for v in value):
            tables.append(_rows(value, n))
        elif isinstance(value, (list, tuple)):
            said = ", ".join(n.say(str(v)) for v in value)
            facts.append(f"<dt>{name}</dt><dd>{text(said, 400)}</dd>" if value else "")
        elif value is not None and value != "" and key != "star":
            facts.append(f"<dt>{name}</dt><dd>{_value(value, n)}</dd>")
    return (f"<dl>{''.join(facts)}</dl>" if any(facts) else "") + "".join(tables)


def _rows(rows: Sequence[Mapping[str, Any]], n: _Numbers) -> str:
    if all("label" in row and "value" in row for row in rows):
        return _labels({"labels": rows}, n, None)
    keys = [
        k for k in dict.fromkeys(k for row in rows for k in row) if any(row.get(k) not in (None, "") for row in rows)
    ]
    right = [i for i, k in enumerate(keys) if all(isinstance(row.get(k), (int, float, type(None))) for row in rows)]
    return table(
        [text(n.say(k.replace("_", " ")), 30) for k in keys],
        [[_value(row.get(k), n, k) for k in keys] for row in rows],
        right=right,
    )


def _value(value: Any, n: _Numbers, key: str = "") -> str:
    if isinstance(value, bool):
        return n.say("yes" if value else "no")
    if isinstance(value, (int, float)):
        return n.plain(value, 6)
    return text("" if value is None else str(value) if key in _NAMES else n.say(str(value)), 300)


#: Of tools whose values are listed as they are.
_TITLES = {
    "desa": "DESA: spectrum and light curve",
    "stretch": "SpectraFM: a part of the spectrum",
    "light_curve": "Light curve, measured",
    "fetch_light_curve": "Light curve, measured",
}
_CARDS: Mapping[str, tuple[str, Callable[[Mapping[str, Any], _Numbers, Any], str]]] = {
    "labels": ("Parameters", _labels),
    "posterior": ("Posterior", _posterior),
    "similar": ("Similar stars", _similar),
    "oddness": ("Anomaly and quality", _oddness),
    "translate": ("Prediction", _translate),
    "why": ("Why", _why),
    "compare": ("All models", _compare),
    "abundances": ("Abundances", _abundances),
    "outliers": ("Oddest stars", _outliers),
    "papers": ("Papers", _papers),
    "papers_online": ("Papers", _papers),
}
