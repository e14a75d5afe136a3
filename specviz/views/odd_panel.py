"""Why a star is odd: a row a score, the one that made it odd first; nothing of it while the person judges blind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from specviz.session.state import Reason, State, Vet
from specviz.views import formats, icons, stylesheet
from specviz.views.controls import html
from specviz.views.formats import text

#: Units as they are written on screen.
_UNITS = {"sigma": "σ", "km / s": "km s⁻¹", "km/s": "km s⁻¹", "Angstrom": "Å"}
#: Half of the stretch that a press on a reason shows, at least, Angstrom.
HALF = 100.0
#: A bar is full at this rarity (1 in 10 000) and empty at 1 in 1.
_FULL = 4.0
#: A score this rare or rarer has its sentence on screen, the others in the tooltip.
_TOLD = 0.05
HIDDEN = "Model’s score hidden until you save"
_CSS = f"""
:host {{ border-top: 1px solid var(--jp-border-color3, var(--jp-border-color2)); padding: 6px 0 0; margin-top: 6px !important; }}
.sv-odd {{ font-size: 12px; line-height: 18px; height: 204px; overflow: hidden auto; scrollbar-width: thin; }}
.sv-odd h4 {{ margin: 0 0 2px; font-size: 13px; line-height: 20px; font-weight: 600; display: flex; gap: 8px; align-items: baseline; white-space: nowrap; }}
.sv-odd h4 span {{ font-size: 12px; font-weight: 400; color: {stylesheet.QUIET}; overflow: hidden; text-overflow: ellipsis; }}
.sv-odd ul {{ list-style: none; margin: 0; padding: 0; }}
.sv-odd li {{ display: grid; grid-template-columns: minmax(0, 1fr) 56px 84px 92px; gap: 0 8px; align-items: baseline; padding: 2px 6px 2px 7px; border-left: 3px solid transparent; }}
.sv-odd li.sv-leads {{ border-left-color: var(--jp-brand-color1); background: var(--sv-selected); }}
.sv-odd li.sv-leads > :first-child {{ font-weight: 600; }}
.sv-odd li > span {{ white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }}
.sv-odd .v {{ text-align: right; }} .sv-odd .q {{ color: {stylesheet.QUIET}; }}
.sv-odd li.sv-absent > :last-child {{ grid-column: 2 / -1; color: {stylesheet.QUIET}; }}
.sv-odd svg {{ display: block; align-self: center; }}
.sv-odd p {{ margin: 0 0 1px; grid-column: 1 / -1; overflow-wrap: anywhere; color: {stylesheet.QUIET}; }}
.sv-odd .sv-leads p {{ color: inherit; }}
.sv-odd .sv-button {{ height: 20px; line-height: 18px; padding: 0 6px; margin: 1px 4px 1px 0; }}
"""


class OddPanel:
    """The scores of the star on screen, shown once the model's opinion may be: ``state.vet.revealed``.

    Parameters
    ----------
    session : VetSession
        A press on a reason zooms there: ``session.set(zoom=...)``.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self.root = html(css=_CSS, name="vet-odd", html_attributes={"data-sv-hold": ""})
        self.root.visible = False

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        shown = _shown(new.vet)
        if shown is _shown(old.vet) and self.root.object:
            return
        self.root.object = "" if shown is None else odd_html(shown)
        self.root.visible = shown is not None

    def act(self, act: str) -> bool:
        """A press on one of the panel's buttons (``data-sv-act="odd-zoom NUMBER"``); whether it was one."""
        word, _, about = act.partition(" ")
        if word != "odd-zoom":
            return False
        reasons = reasons_of(_shown(self._session.state.vet))
        if about.isdecimal() and int(about) < len(reasons):
            reason = reasons[int(about)]
            middle, half = (reason.low + reason.high) / 2, max(HALF, 0.7 * (reason.high - reason.low))
            self._session.set(zoom=(middle - half, middle + half))
        return True


def _shown(vet: Vet | None) -> Any:
    """The oddity that may be seen now, None for none."""
    return vet.odd if vet is not None and vet.revealed else None


def leading(vet: Vet | None) -> Any:
    """The score that made the star odd, if it may be seen and is known."""
    odd = _shown(vet)
    return None if odd is None else next((s for s in odd.scores if s.name == odd.leading and not s.absent), None)


def reasons_of(odd: Any) -> tuple[Reason, ...]:
    """The stretches of all scores, in the order of the rows."""
    return () if odd is None else tuple(r for s in in_order(odd) for r in s.reasons)


def in_order(odd: Any) -> Sequence[Any]:
    """The leading score first, then the rarest, those without a value last."""

    def rank(score: Any) -> tuple[bool, bool, float]:
        rarity = score.rarity if math.isfinite(score.rarity) else 1.0
        return score.name != odd.leading, bool(score.absent), rarity

    return sorted(odd.scores, key=rank)


def score_line(vet: Vet | None) -> str:
    """One quiet line beside the legend: that the score is hidden, or what it is and whose it is."""
    if vet is None:
        return ""
    if not vet.revealed:
        return f'<span title="{HIDDEN}">{icons.svg("hidden", 14)} <span class="long">{HIDDEN}</span><span class="short">Score hidden</span></span>'
    if vet.odd is None:
        return ""
    best = leading(vet)
    led = "" if best is None else f'<span class="long"> · {text(best.title, 40)}</span>'
    full = _percentile(vet.odd)
    word, _, short = full.rpartition(": ")
    plain = f'<span class="long">{full}</span><span class="short">{short.capitalize()}</span>' if word else full
    return f"<b>{plain}</b>{led}"


def _percentile(odd: Any) -> str:
    """ "Odder than 99.8 %"; among so few stars no more is said than they can tell."""
    if not math.isfinite(odd.percentile):
        return "Rank unknown"
    n = max(int(odd.n_reference), 1)
    if odd.percentile >= 100.0 * (1.0 - 0.5 / n):
        return f"Odder than all {formats.count(n)}"
    decimals = 1 if odd.percentile >= 99.0 else 0
    below = math.floor(odd.percentile * 10**decimals) / 10**decimals  # 99.96 is not 100.0: somebody is odder
    word = "Typical: odder" if odd.percentile < 90 else "Unusual: odder" if odd.percentile <= 99 else "Odder"
    return f"{word} than {formats.number(below, decimals)}\u00a0%"


def rarity_words(rarity: float, n: int = 0) -> str:
    """ "1 in 500" is as odd, or the share where that is common; "–" where it is not known.

    ``n``: of how many reference stars that is known; what none of them reaches is "< 1 in n".
    """
    if not math.isfinite(rarity):
        return formats.DASH
    if rarity <= 0 or (n and rarity * (n + 1) <= 1.0 + 1e-6):
        return f"< 1 in {formats.count(n)}" if n else "rarer than all"
    if rarity <= 0.05:
        return f"1 in {formats.count(_round(1.0 / rarity))}"
    return f"top {formats.number(100.0 * rarity)}\u00a0%" if rarity <= 0.5 else "common"


def _round(value: float) -> int:
    """Two figures: more are not known of a rarity."""
    step = 10 ** max(math.floor(math.log10(value)) - 1, 0)
    return int(round(value / step) * step)


def odd_html(odd: Any) -> str:
    """Headline and rows. Foreign text is escaped here."""
    rows, number = [], 0
    for score in in_order(odd):
        leads = score.name == odd.leading and not score.absent
        rows.append(_row(score, number, int(odd.n_reference), leads=leads))
        number += len(score.reasons)
    who = text(odd.reference, 80) or "reference stars"
    among = f"{formats.count(int(odd.n_reference))} {who}" if odd.n_reference else "no reference stars"
    return f'<div class="sv-odd"><h4>{_percentile(odd)}<span>{among}</span></h4><ul role="list" aria-label="Scores">{"".join(rows)}</ul></div>'


def _row(score: Any, first: int, n: int, *, leads: bool) -> str:
    """Name, a bar of how rare it is, that in words, and the value; below it what is worth a sentence, with its reasons."""
    name = text(score.title, 40)
    said = text(score.text or score.absent, 240)
    if score.absent:
        return f'<li class="sv-absent" title="{said}"><span>{name}</span><span>{text(score.absent, 90)}</span></li>'
    unit = text(_UNITS.get(score.unit, score.unit), 16)
    value = formats.number(score.value, _decimals(score.value)) + (f"\u00a0{unit}" if unit else "")
    zoom = "".join(
        f'<button class="sv-button" data-sv-act="odd-zoom {first + i}" title="Zoom there">{text(_place(r), 48)}</button>'
        for i, r in enumerate(score.reasons)
    )
    told = leads or score.rarity <= _TOLD or bool(zoom)  # of an ordinary value the number is enough
    more = f"<p>{said} {zoom}</p>" if told else ""
    marked = ' class="sv-leads" aria-current="true"' if leads else ""
    return (
        f'<li{marked} title="{said}"><span>{name}</span>{_bar(score.rarity)}<span class="q">{rarity_words(score.rarity, n)}</span>'
        f'<span class="v">{value}</span>{more}</li>'
    )


def _place(reason: Reason) -> str:
    """What a reason is and where: "Hα 6565 Å", in XP "Mg b 514 nm"; a name that says where says it once."""
    unit, at = ("nm", reason.wavelength / 10) if reason.survey == "gaia_xp" else ("Å", reason.wavelength)
    return (
        reason.name
        if f"\u00a0{unit}" in reason.name or f" {unit}" in reason.name
        else f"{reason.name} {formats.number(at)}\u00a0{unit}"
    )


def _decimals(value: float) -> int:
    return 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2


def _bar(rarity: float) -> str:
    """Its length is the logarithm of how rare: full at 1 in 10 000."""
    share = 0.0
    if math.isfinite(rarity):
        share = min(-math.log10(max(rarity, 10.0**-_FULL)) / _FULL, 1.0)
    return (
        '<svg width="56" height="8" aria-hidden="true"><rect width="56" height="8" fill="var(--sv-grid)"/>'
        f'<rect width="{56 * share:.1f}" height="8" fill="var(--sv-reconstructed)"/></svg>'
    )
