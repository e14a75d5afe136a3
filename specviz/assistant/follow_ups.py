"""``follow_ups``: what could be asked next, in words that the grammar understands."""

from __future__ import annotations

from dataclasses import dataclass

from specviz.assistant.conversation import Turn
from specviz.assistant.desk import Desk
from specviz.assistant.intents.vocabulary import Language

#: So many are offered.
OFFERED = 4
_OPTICAL = ("lamost_lrs", "sdss", "other")


@dataclass(frozen=True)
class Question:
    """Something that can be asked of a star.

    Parameters
    ----------
    tool : str
        That answers it; asked of a star once, it is offered no more.
    en, zh : str
    needs : str
        "", or the survey whose spectrum the star must have.
    """

    tool: str
    en: str
    zh: str
    needs: str = ""


QUESTIONS = (
    Question("labels", "What are its parameters?", "它的参数是什么？"),
    Question("similar", "Find 5 similar stars", "找 5 颗相似的恒星"),
    Question("posterior", "How sure are you of the metallicity?", "金属丰度的不确定度是多少？"),
    Question("why", "Why this temperature?", "为什么是这个温度？", "lamost"),
    Question("translate", "Predict its XP spectrum", "预测它的 XP 光谱", "lamost"),
    Question("oddness", "Is anything odd about it?", "它有什么异常吗？"),
    Question("compare", "Compare all models", "比较所有模型"),
    Question("abundances", "Fit the abundances", "拟合元素丰度", "lamost"),
)
_FIRST = {
    "en": ("Open demo 12", "What are the parameters of demo 3?", "Which models are there?", "Help"),
    "zh": ("打开 demo 12", "demo 3 的参数是什么？", "有哪些模型？", "帮助"),
}


def first_questions(language: Language) -> tuple[str, ...]:
    """What can be asked while no star is in hand."""
    return _FIRST[language]


def follow_ups(turn: Turn, desk: Desk) -> tuple[str, ...]:
    """What could be asked after a turn, of the star in hand; what was asked of that star already is left out.

    Parameters
    ----------
    turn : Turn
    desk : Desk
        With its star and its answers.
    """
    star = desk.star
    if star is None:
        return first_questions(turn.language)
    asked = {a.tool for a in desk.answers if a.star is star}
    has = {"": True, "lamost": any(s in star.spectra for s in _OPTICAL), "xp": "gaia_xp" in star.spectra}
    left = [q for q in QUESTIONS if q.tool not in asked and has[q.needs]]
    near = desk.last("similar")
    more = []
    if near is not None and near.star is star and near.data.get("stars"):
        name = str(near.data["stars"][0]["star"])
        more = [f"打开 {name}" if turn.language == "zh" else f"Open {name}"] if name.startswith("demo ") else []
    return tuple([*(q.zh if turn.language == "zh" else q.en for q in left), *more][:OFFERED])
