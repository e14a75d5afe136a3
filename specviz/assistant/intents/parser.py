"""``understand``: a text as calls of tools, with what was said before in mind; or what could be said instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from specviz.assistant.intents import vocabulary
from specviz.assistant.intents.calls import SURVEYED, call_of, changed, labels_call, used_model
from specviz.assistant.intents.meaning import Before, Call, Understood
from specviz.assistant.intents.references import group, pointed_at
from specviz.assistant.intents.slots import Slots, meant, read
from specviz.assistant.intents.small_talk import MEASURED_NOT, OUTSIDE, UNMEASURED, talk_of, term_of
from specviz.assistant.intents.vocabulary import Language, language_of

#: Stars that one text may name.
MOST = 8
#: Of two that stand in one text, the first swallows the second.
_SWALLOWS = {
    "papers": set(vocabulary.ACTIONS), "similar": {"labels", "oddness", "show", "star"},
    "export": {"labels", "posterior", "similar", "show", "translate", "star", "abundances", "oddness"},
    "show": {"posterior", "labels", "star"}, "why": {"labels", "posterior", "show", "star"},
    "outliers": {"oddness", "similar", "labels", "show", "star"}, "compare": {"labels", "models", "similar", "star"},
    "abundances": {"labels", "star"}, "translate": {"show", "labels", "similar", "star", "posterior"},
    "posterior": {"labels", "star"}, "desa": {"labels", "star"}, "light_curve": {"show", "labels", "export"},
    "stretch": {"labels", "show", "abundances"}, "oddness": {"labels", "star"}, "models": {"labels"},
    "star": {"labels"}, "help": {"labels"},
}  # fmt: skip
#: A picture of something that is named.
_PICTURED = r"spectr|光谱|posterior|后验|distribution|分布|corner|everything|全部"


def understand(
    text: str, before: Before | None = None, *, uploads: Iterable[str] = (), models: Iterable[str] = ()
) -> Understood:
    """Read a text; the same text after the same words is always read the same way.

    Parameters
    ----------
    text : str
    before : Before, optional
    uploads, models : iterable of str
        Names of handed-over files, of models that are here.
    """
    before = before or Before()
    uploads, models = tuple(uploads), tuple(models)
    slots = read(text, uploads=uploads, models=models)
    language = _language(text, slots, before)
    whole, lower = vocabulary.spaced(vocabulary.fold(text)).lower(), slots.rest.lower()
    term = "" if slots.stars else term_of(whole)
    if term:
        return Understood(language, reply=f"term:{term}")
    stars = slots.stars[:MOST]
    if not stars:
        pointed = pointed_at(lower, before, uploads)
        if pointed.points and not pointed.names:
            return _missing("which", language)
        stars, lower = pointed.names, pointed.rest
    actions = _actions(lower, slots)
    together = () if stars else group(lower, before, uploads)[:MOST]
    if used_model(lower, slots) and not stars and not set(actions) - {"models"}:
        return Understood(language, (Call("use_model", {"name": slots.model}),))
    if "outliers" in actions:
        names = stars if len(stars) > 1 else together or (before.listed if len(before.listed) > 1 else uploads)
        if len(names) < 2:
            return _missing("stars", language)
        return Understood(language, (Call("outliers", {"names": list(names)}),))
    named = actions or stars or together or slots.labels or slots.surveys or slots.model
    reply = "" if named else talk_of(whole)
    if reply in OUTSIDE:
        return Understood(language, suggestions=_suggested(text, language), reply=reply)
    if not stars and not actions and re.search(vocabulary.AGAIN, lower):
        together = together or before.together
    stars = stars or together
    asked = _asked(actions, lower, slots, before, bool(stars))
    if isinstance(asked, str):
        return _missing(asked, language)
    if not asked and not stars:
        return Understood(language, suggestions=_suggested(text, language), reply=reply)
    calls: list[Call] = []
    for name in stars or ("",):
        here = name in uploads or name.lower().startswith("demo ")
        calls += [Call("load" if here else "fetch", {"name": name})] if name else []
        calls += asked
    also = "unmeasured" if re.search(MEASURED_NOT, lower) and "papers" not in actions else ""
    return Understood(language, tuple(calls), reply=also)


# ---------------------------------------------------------------------------------------------- parts
def _asked(actions: list[str], lower: str, slots: Slots, before: Before, new_star: bool) -> list[Call] | str:
    """What is asked of each star; a word for what is missing; nothing where the text asks for nothing."""
    again = re.search(vocabulary.AGAIN, lower) is not None
    if actions:
        calls: list[Call] = []
        for action in actions:
            made = call_of(action, slots, before, lower)
            if isinstance(made, str):
                return made
            calls += made
        return calls
    repeated = tuple(c for c in before.calls if not (new_star and c.tool in ("similar", "outliers") and not again))
    pointed_from_list = new_star and before.listed and all(c.tool in ("similar", "outliers") for c in repeated)
    if slots.labels:
        takes = again and any(c.tool in (*SURVEYED, "why", "abundances", "stretch") for c in before.calls)
        return [changed(c, slots, lower) for c in before.calls] if takes else labels_call(slots)
    taken_up = again or slots.surveys or slots.model or _only_count(lower, slots, before)
    if taken_up and repeated and not pointed_from_list:
        return [changed(c, slots, lower) for c in repeated]
    if (
        new_star
        or len(slots.surveys) > 1
        or (before.has_star and (slots.surveys or slots.model) and not re.search(UNMEASURED, lower))
    ):
        return labels_call(slots)
    return []


def _only_count(lower: str, slots: Slots, before: Before) -> bool:
    """ "20?" after a list of similar stars."""
    similar = any(c.tool == "similar" for c in before.calls)
    return similar and (slots.count is not None or re.fullmatch(r"\W*\d{1,3}\W*", lower) is not None)


def _actions(lower: str, slots: Slots) -> list[str]:
    found = sorted((at, a) for a, p in vocabulary.ACTIONS.items() if (at := meant(p, lower)) is not None)
    actions = [action for _, action in found]
    if slots.stretch and "stretch" not in actions:
        actions.append("stretch")
    if "papers" in actions:
        return ["papers"]
    if "show" in actions and re.search(r"\b(?:plot|draw)\b|画|绘", lower):
        actions = [a for a in actions if a not in ("similar", "stretch") or not re.search(_PICTURED, lower)]
    if "why" in actions and not slots.labels and {"oddness", "compare"} & {*actions}:  # "why is it odd?"
        actions.remove("why")
    swallowed = {other for action in actions for other in _SWALLOWS.get(action, ()) if other != action}
    kept = [a for a in actions if a not in swallowed]
    if "show" in kept and not slots.surveys and not re.search(_PICTURED, lower):  # "show me demo 3": all of it
        kept.remove("show")
        if not kept:
            kept = ["labels"] if slots.labels or "labels" in actions else []
            kept = kept or (["show"] if re.search(r"\b(?:plot|draw)\b|画|绘|作图", lower) else [])
            kept = kept or (["star"] if "star" in actions else [])
    return kept


def _language(text: str, slots: Slots, before: Before) -> Language:
    """The language of the text; that of the last turn where it holds only names, symbols and numbers."""
    if before.language == "zh" and language_of(text) == "en":
        plain = slots.rest.lower()
        for pattern in (*vocabulary.LABELS.values(), *vocabulary.SURVEYS.values()):
            plain = re.sub(pattern, " ", plain)
        if not re.search(r"[a-z]{2,}", plain):
            return "zh"
    return language_of(text)


def _missing(what: str, language: Language) -> Understood:
    return Understood(language, suggestions=vocabulary.MISSING_EXAMPLES[language][what], missing=what)


def _suggested(text: str, language: Language) -> tuple[str, ...]:
    """The examples nearest to a text, else the first three."""
    examples = vocabulary.EXAMPLES[language]
    near = difflib.get_close_matches(vocabulary.fold(text).lower(), examples, n=3, cutoff=0.3)
    return tuple(near) or examples[:3]
