"""The calls that an action means, with their arguments from what the text names and from what was asked before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from specviz.assistant.intents import vocabulary
from specviz.assistant.intents.meaning import Before, Call
from specviz.assistant.intents.slots import Slots, count_in, meant

#: Tools that take a spectrum's survey, and a model.
SURVEYED = ("labels", "posterior")
_MODELLED = ("labels", "posterior", "oddness", "translate", "why", "similar")
#: Labels, and stars, that one text asks about one by one.
_EACH, _MOST = 3, 50
#: The words of a question about papers that are not its topic.
_ASKING = (
    r"\b(?:are there|is there|any|find|show|list|give|me|some|the|a|an|of|on|about|for|to|what|which|is|are|please"
    r"|papers?"
    r"|literature|publications?|cite|citations?|references?|bibliography|articles?|read|should|i|do|can|could|you|know"
    r"|search|look up|recommend|suggest|good|recent|latest|newest|online|ads|arxiv|published|there|have|been|more"
    r"|more about"
    r"|how|who|wrote|developed|proposed|trained|made|built|created|this|that|it|these|my|first|want)\b"
    r"|论文|文献|引用|参考|文章|综述|关于|有哪些|有什么|有没有|请|给我|帮我|推荐|查找|查一下|查|找一下|找|几篇|一些"
    r"|相关|最新|最近|近期"
    r"|在线|网上|想看|我想|读|看|哪些|什么|介绍|应该|怎么|如何|这个|这些|谁|写|提出|训练|做|开发|的|吗|呢|一?篇|[?？!！。,，.]"
)
_ONLINE = r"\bonline\b|\bads\b|\barxiv\b|\bsimbad\b|\blatest\b|\brecent\b|\bnewest\b|最新|在线|网上|近期|最近"
_OF_STAR = (
    r"\b(?:about|on|of|mention\w*|for) (?:it|this|this star|this one)\W*$|\b(?:its|this star's) (?:papers|literature)"
    r"|(?:关于|提到|研究|有关)(?:它|这颗(?:恒)?星|这个(?:恒)?星)|(?:它|这颗(?:恒)?星)的(?:论文|文献|文章)"
)
_USED = (
    r"\buse\b|\bswitch(?: \w+)? to\b|\bchange(?: \w+)? to\b|\bset (?:the )?model\b|改用|使用|换用|换成|换到|切换"
    r"|改成|用"
)


def used_model(lower: str, slots: Slots) -> bool:
    """Whether a text asks for another model from now on, and for nothing else."""
    rest = re.search(r"\bfor\b|\bwith\b|再|呢|\bsame\b|\bagain\b|\bwhat about\b", lower)
    if not slots.model or slots.labels or slots.surveys or rest:
        return False
    return re.search(_USED, lower) is not None


def labels_call(slots: Slots) -> list[Call]:
    """Labels, one call for each survey that is named."""
    arguments: dict[str, Any] = {}
    if slots.labels:
        arguments["only"] = list(slots.labels)
    if slots.model:
        arguments["model"] = slots.model
    if not slots.surveys:
        return [Call("labels", arguments)]
    return [Call("labels", {**arguments, "survey": survey}) for survey in slots.surveys]


def call_of(action: str, slots: Slots, before: Before, lower: str) -> list[Call] | str:
    """The calls of an action; a word for what is missing."""
    if action == "labels":
        return labels_call(slots)
    if action in ("posterior", "why"):
        return _about_labels(action, slots, before)
    if action == "export":
        if not slots.file:
            return "file"
        return [Call("export", {"what": _first(vocabulary.EXPORTS, lower, "labels"), "file": slots.file})]
    if action == "papers":
        return [_papers(slots, lower)]
    if action == "light_curve":
        wanted = re.search(r"\b(?:fetch|download|get|retrieve|mast)\b|下载|获取|取来|去找", lower)
        return [Call("fetch_light_curve" if wanted else "light_curve")]
    arguments: dict[str, Any] = {}
    if action == "similar":
        if slots.count:
            arguments["k"] = slots.count
        if slots.survey:
            arguments["by"] = slots.survey
    elif action == "translate":
        arguments["to"] = _predicted(lower)
    elif action == "abundances" and slots.labels:
        arguments["only"] = list(slots.labels)
    elif action == "show":
        arguments["what"] = _first(vocabulary.VIEWS, lower, "star")
    elif action == "stretch":
        part = _first(vocabulary.PARTS, lower, "")
        if slots.stretch:
            arguments |= {"start": slots.stretch[0], "stop": slots.stretch[1]}
        elif part:
            arguments["part"] = part
        if slots.labels:
            arguments["label"] = slots.labels[0]
    if action in _MODELLED and slots.model:
        arguments["model"] = slots.model
    return [Call(action, arguments)]


def changed(call: Call, slots: Slots, lower: str = "") -> Call:
    """A call of before with what the new words name."""
    arguments = dict(call.arguments)
    key = {"similar": "by", "translate": "to"}.get(call.tool, "survey" if call.tool in SURVEYED else "")
    if slots.survey and key:
        arguments[key] = slots.survey
    if slots.model and call.tool in _MODELLED:
        arguments["model"] = slots.model
    if slots.labels:
        if "label" in arguments or call.tool == "stretch":
            arguments["label"] = slots.labels[0]
        elif call.tool in ("labels", "abundances"):
            arguments["only"] = list(slots.labels)
    if call.tool == "similar":
        count = slots.count or count_in(lower, alone=True)
        if count:
            arguments["k"] = count
        elif re.search(r"\bmore\b|更多|再多|多(?:来|给|找)", lower):
            arguments["k"] = min(_MOST, 2 * int(arguments.get("k", 5)))
    return Call(call.tool, arguments)


def topic(lower: str, slots: Slots) -> str:
    """What papers are asked about: the text without the words that ask."""
    plain = re.sub(_ASKING, " ", lower)
    words = [*plain.split(), *slots.stars, *(w for w in [slots.model.split("-")[0].lower()] if w and w not in plain)]
    return " ".join(words)[:200]


def _papers(slots: Slots, lower: str) -> Call:
    """Papers on a topic; about the star in hand SIMBAD knows them, and those that are new stand online."""
    arguments: dict[str, Any] = {"query": topic(lower, slots) or "specclip"}  # "how do I cite this?"
    if slots.count or (count := re.search(r"(\d{1,2}) ?(?:papers?|篇)", lower)):
        arguments["k"] = slots.count or int(count[1])  # type: ignore[index]
        arguments["query"] = re.sub(r"\b\d{1,2} ?", "", arguments["query"]).strip()
    if not slots.stars and re.search(_OF_STAR, lower):
        return Call("papers_online", {**arguments, "query": "", "where": "simbad"})
    if not re.search(_ONLINE, lower):
        return Call("papers", arguments)
    where = next((w for w in ("arxiv", "ads", "simbad") if re.search(rf"\b{w}\b", lower)), "")
    return Call("papers_online", {**arguments, "where": where} if where else arguments)


def _about_labels(action: str, slots: Slots, before: Before) -> list[Call] | str:
    wanted = slots.labels[:_EACH] or ((before.label,) if before.label else ())
    if not wanted:
        return "label" if action == "why" else labels_call(slots)
    arguments: dict[str, Any] = {}
    if action == "posterior" and slots.survey:
        arguments["survey"] = slots.survey
    if slots.model:
        arguments["model"] = slots.model
    return [Call(action, {"label": label, **arguments}) for label in wanted]


def _predicted(lower: str) -> str:
    """The survey that is to be predicted: not the one that stands behind "from"."""
    target = re.sub(
        r"(?:\bfrom|\bgiven|\busing|\bwith|由|从|用|根据|基于)(?: the| its)? ?(?:gaia )?(?:lamost|xp|optical)",
        " ",
        lower,
    )
    if target != lower and not any(meant(p, target) is not None for p in vocabulary.SURVEYS.values()):
        return (
            "lamost"
            if re.search(r"(?:from|given|using|with|由|从|用|根据|基于)(?: the| its)? ?(?:gaia )?xp", lower)
            else "xp"
        )
    back = meant(vocabulary.SURVEYS["lamost"], target)
    return "lamost" if back is not None and meant(vocabulary.SURVEYS["xp"], target) is None else "xp"


def _first(words: Mapping[str, str], lower: str, otherwise: str) -> str:
    return next((name for name, pattern in words.items() if re.search(pattern, lower)), otherwise)
