"""``Told``: what a ``%specviz`` cell shows: words, who made the numbers, tables, plots, an Explorer if asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import ref

from specviz.assistant.conversation import Turn
from specviz.assistant.tools.result import Answer
from specviz.assistant.transcript import made_by
from specviz.doors.environment import where, why_no_view
from specviz.views import formats

if TYPE_CHECKING:
    from specviz.assistant.talk_state import Made

#: Rows of a table, letters of a text and of a cell that are shown.
ROWS, LETTERS, CELL = 50, 20_000, 300
#: Answers whose words say all there is.
_WORDS_ONLY = {"load", "fetch", "star", "show", "oddness", "models", "why"}


@dataclass(frozen=True, eq=False)
class Told:
    """The answers of one cell.

    Parameters
    ----------
    turns : tuple of Turn
    note, problem : str
        What there is to say beside them; why nothing was asked.
    made : tuple of tuple of Made
        The calls of each turn with what their plots need.
    """

    turns: tuple[Turn, ...]
    note: str = ""
    problem: str = ""
    made: tuple[tuple[Made, ...], ...] = ()

    # ------------------------------------------------------------------ to go on with in Python
    @property
    def answers(self) -> tuple[Answer, ...]:
        """Of all turns, in their order."""
        return tuple(a for turn in self.turns for a in turn.answers)

    @property
    def text(self) -> str:
        """What was said."""
        return "\n".join(filter(None, (t.text for t in self.turns)))

    @property
    def data(self) -> Mapping[str, Any]:
        """Plain values of the last answer."""
        return self.answers[-1].data if self.answers else {}

    @property
    def star(self) -> Any:
        """The star in hand after the last answer."""
        return next((a.star for a in reversed(self.answers) if a.star is not None), None)

    @property
    def report(self) -> Any:
        """The last report that an answer rests on."""
        return self._last("report")

    @property
    def table(self) -> Any:
        """The last table."""
        return self._last("table")

    def _last(self, kind: str) -> Any:
        return next((a.shown[kind] for a in reversed(self.answers) if a.shown.get(kind) is not None), None)

    # ------------------------------------------------------------------ to look at
    def __repr__(self) -> str:
        return "\n".join(filter(None, self._plain()))

    def _plain(self) -> list[str]:
        """The words of each turn, those of the last with what there is to say beside them."""
        words = ["\n".join(filter(None, (t.text, _origins(t), t.problem))) for t in self.turns] or [""]
        words[-1] = "\n".join(filter(None, (words[-1], self.note, self.problem)))
        return words

    def _repr_html_(self) -> str:
        return "".join(self._pages())

    def _pages(self) -> list[str]:
        """The HTML of each turn, that of the last with what there is to say beside them."""
        pages = []
        for turn in self.turns:
            said = _paragraph(turn.said, "font-weight:bold;margin:8px 0 2px") if len(self.turns) > 1 else ""
            parts = [said, *map(_paragraph, turn.text.splitlines()), *map(_table, turn.answers)]
            parts += [_paragraph(_origins(turn), "opacity:.75;font-size:smaller"), _complaint(turn.problem)]
            pages.append("".join(parts))
        beside = _paragraph(self.note, "opacity:.85;white-space:pre-wrap") + _complaint(self.problem)
        *first, last = pages or [""]
        return [f'<div style="max-width:100ch">{page}</div>' for page in (*first, last + beside)]

    def _ipython_display_(self) -> None:
        from IPython.display import display

        asked = [a for a in self.answers if a.tool == "show" and a.star is not None]
        if where() in ("ipython", "script"):  # words alone
            words = f"{self!r}\n{why_no_view()}" if asked else repr(self)
            display({"text/plain": words, "text/html": self._repr_html_()}, raw=True)
            return
        from specviz.app.told_plots import TurnPlots, draw, free_earlier, free_with_cell

        free_earlier()
        drawn = [draw(made) for made in self.made]
        drawn += [None] * (len(self.turns) - len(drawn))
        pages, plain = self._pages(), self._plain()
        at = 0
        for i, plots in enumerate(drawn):
            if plots is None:
                continue
            # Words and tables apart from the plots: they are what a page shows that has no kernel behind it.
            display({"text/plain": "\n".join(plain[at : i + 1]), "text/html": "".join(pages[at : i + 1])}, raw=True)
            display(free_with_cell(TurnPlots(plots, self._again(i))))
            at = i + 1
        if at < len(pages):
            display({"text/plain": "\n".join(plain[at:]), "text/html": "".join(pages[at:])}, raw=True)
        seen = {call for plots in drawn if plots is not None for call in plots.calls}
        shown = [a for a in asked if a.call not in seen]
        if shown:  # the last one: an Explorer holds a good deal
            from specviz.app.explorer import explore

            report = shown[-1].shown.get("report")
            model = {} if report is None else {"model": report.provenance.model}
            display(free_with_cell(explore(shown[-1].star, **model)))

    def _again(self, i: int) -> Callable[[], tuple[Made, ...] | None]:
        """What gives the calls of a turn as long as somebody keeps this: plots that nobody sees do not."""
        weak = ref(self)

        def again() -> tuple[Made, ...] | None:
            told = weak()
            return None if told is None else told.made[i]

        return again


def _origins(turn: Turn) -> str:
    made = [made_by(a) for a in turn.answers if a.provenance]
    return f"[{'; '.join(made)}]" if made else ""


def _paragraph(words: str, style: str = "") -> str:
    return f'<p style="margin:0 0 4px;{style}">{formats.text(words, LETTERS)}</p>' if words else ""


def _complaint(words: str) -> str:
    style = "margin:0 0 4px;border-left:3px solid currentColor;padding-left:8px"
    return f'<p role="alert" style="{style}">{formats.text(words, LETTERS)}</p>' if words else ""


def _table(answer: Answer) -> str:
    """The rows of an answer as a table; the words say the first of them, or all."""
    if answer.tool in _WORDS_ONLY:
        return ""
    out = []
    for rows in answer.data.values():
        if isinstance(rows, list) and len(rows) > 1 and all(isinstance(r, Mapping) for r in rows):
            labelled = all("label" in r and "value" in r for r in rows)
            if labelled and all("source" in r for r in rows):
                out.append(_rows(_side_by_side(rows), 0))
            else:
                out.append(_rows([_label_row(r) if labelled else r for r in rows[:ROWS]], len(rows)))
    return "".join(out)


def _side_by_side(rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A row a source and spectrum, a column a label."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        of = found.setdefault((str(row["source"]), str(row["from"])), {"by": row["source"], "from": row["from"]})
        cell = _label_row(row)
        of[str(row["label"])] = f"{cell['value']} {cell['error']}".strip()
    return list(found.values())


def _label_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A label's row as it is read: the heading, value and errors with the label's digits, the unit."""
    name = str(row["label"])
    digits = formats.DECIMALS.get(name, 2)
    plus, minus = row.get("plus", row.get("error")), row.get("minus", row.get("error"))
    error = ""
    if plus is not None and minus is not None:
        up, down = formats.number(plus, digits), formats.number(minus, digits)
        error = f"±{up}" if up == down else f"+{up} −{down}"
    remark = "outside of what it was trained on" if row.get("outside_training") else ""
    remark = "decided by the prior" if row.get("decided_by_prior") else remark
    value = "–" if row["value"] is None else formats.label(name, row["value"])
    return {"label": formats.heading(name), "from": row.get("from", ""), "value": value,
            "error": error, "unit": formats.unit(name), "note": remark}  # fmt: skip


def _rows(rows: list[Mapping[str, Any]], every: int) -> str:
    names = [k for k in dict.fromkeys(k for r in rows for k in r) if any(r.get(k) not in (None, "") for r in rows)]
    heads = "".join(f'<th scope="col">{formats.text(_head(k), CELL)}</th>' for k in names)
    body = "".join("<tr>" + "".join(map(_data, names, [r.get(k) for k in names])) + "</tr>" for r in rows)
    more = f"<caption>{len(rows)} of {every}</caption>" if every > len(rows) else ""
    return (
        f'<div style="overflow-x:auto"><table>{more}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _head(name: str) -> str:
    unit = formats.UNITS.get(name, "")
    return formats.heading(name).replace("_", " ") + (f" ({unit})" if unit and unit != "dex" else "")


def _data(name: str, value: Any) -> str:
    cell = _cell(name, value)
    return f'<td style="white-space:nowrap">{cell}</td>' if len(cell) < 40 else f"<td>{cell}</td>"


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return formats.text(formats.label(name, value) if name in formats.UNITS else f"{value:g}".replace("-", "−"))
    if isinstance(value, Mapping):
        value = ", ".join(f"{k} {v}" for k, v in value.items())
    return formats.text(value, CELL)
