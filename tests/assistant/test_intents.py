"""What words mean: English and Chinese, follow-ups, names, and what is not understood."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specviz.assistant.intents.meaning import Before, Call, label_of
from specviz.assistant.intents.parser import understand
from specviz.assistant.intents.slots import read
from specviz.assistant.intents.vocabulary import EXAMPLES
from specviz.assistant.tools.catalogue import all_tools

MODELS = ("specclip-small", "lux-small", "spectrafm-small")
LABELS: list[tuple[str, dict[str, Any]]] = [("labels", {})]


def calls(text: str, before: Before | None = None, **more: Any) -> list[tuple[str, dict[str, Any]]]:
    found = understand(text, before, models=MODELS, **more)
    return [(c.tool, dict(c.arguments)) for c in found.calls]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("open demo 12", [("load", {"name": "demo 12"}), *LABELS]),
        ("打开 demo12", [("load", {"name": "demo 12"}), *LABELS]),
        ("what are its parameters?", LABELS),
        ("它的参数是什么？", LABELS),
        ("What is the temperature of Gaia DR3 4345775217221821312?",
         [("fetch", {"name": "Gaia DR3 4345775217221821312"}), ("labels", {"only": ["teff"]})]),
        ("fetch HD 140283 and show its spectrum", [("fetch", {"name": "HD 140283"}), ("show", {"what": "spectrum"})]),
        ("Open Arcturus, please", [("fetch", {"name": "Arcturus"}), *LABELS]),
        ("查找 HD 140283", [("fetch", {"name": "HD 140283"}), *LABELS]),
        ("obsid 353301001", [("fetch", {"name": "obsid 353301001"}), *LABELS]),
        ("analyse 15:43:03.1 -10:56:01", [("fetch", {"name": "15:43:03.1 -10:56:01"}), *LABELS]),
        ("log g and [Mg/Fe] from XP", [("labels", {"only": ["logg", "mg_fe"], "survey": "xp"})]),
        ("镁丰度是多少", [("labels", {"only": ["mg_fe"]})]),
        ("how sure are you of the metallicity?", [("posterior", {"label": "fe_h"})]),
        ("金属丰度的不确定度是多少?", [("posterior", {"label": "fe_h"})]),
        ("find 10 similar stars", [("similar", {"k": 10})]),
        ("three twins by XP", [("similar", {"k": 3, "by": "xp"})]),
        ("找 10 颗相似的恒星", [("similar", {"k": 10})]),
        ("why this temperature?", [("why", {"label": "teff"})]),
        ("为什么是这个温度?", [("why", {"label": "teff"})]),
        ("predict its XP spectrum", [("translate", {"to": "xp"})]),
        ("预测它的 XP 光谱", [("translate", {"to": "xp"})]),
        ("compare all models", [("compare", {})]),
        ("比较所有模型", [("compare", {})]),
        ("is anything odd about it?", [("oddness", {})]),
        ("它有什么异常吗?", [("oddness", {})]),
        ("fit the abundances", [("abundances", {})]),
        ("拟合元素丰度", [("abundances", {})]),
        ("papers about SpecCLIP", [("papers", {"query": "specclip"})]),
        ("关于金属丰度的论文", [("papers", {"query": "金属丰度"})]),
        ("export the posterior to p.fits", [("export", {"what": "posterior", "file": "p.fits"})]),
        ("导出参数到 labels.ecsv", [("export", {"what": "labels", "file": "labels.ecsv"})]),
        ("plot the posterior", [("show", {"what": "posterior"})]),
        ("画出光谱", [("show", {"what": "spectrum"})]),
        ("use lux", [("use_model", {"name": "lux-small"})]),
        ("改用 spectrafm", [("use_model", {"name": "spectrafm-small"})]),
        ("its parameters with spectrafm-small", [("labels", {"model": "spectrafm-small"})]),
        ("which is the oddest of demo 1, demo 2 and demo 3?",
         [("outliers", {"names": ["demo 1", "demo 2", "demo 3"]})]),
        ("which models are there?", [("models", {})]),
        ("你能做什么?", [("help", {})]),
    ],
)  # fmt: skip
def test_words(text: str, expected: list[tuple[str, dict[str, Any]]]) -> None:
    assert calls(text) == expected


@pytest.mark.parametrize(
    ("before", "text", "expected"),
    [
        ("its temperature", "the same with XP", [("labels", {"only": ["teff"], "survey": "xp"})]),
        ("它的温度", "用 XP 再来一次", [("labels", {"only": ["teff"], "survey": "xp"})]),
        ("its temperature", "and demo 4?", [("load", {"name": "demo 4"}), ("labels", {"only": ["teff"]})]),
        ("它的温度", "那 demo 4 呢?", [("load", {"name": "demo 4"}), ("labels", {"only": ["teff"]})]),
        ("its temperature", "and its neighbours?", [("similar", {})]),
        ("它的温度", "它的邻居呢?", [("similar", {})]),
        ("its temperature", "why?", [("why", {"label": "teff"})]),
        ("why this [Fe/H]?", "and the gravity?", [("why", {"label": "logg"})]),
        ("5 similar stars", "the same by XP", [("similar", {"k": 5, "by": "xp"})]),
        ("how sure is the metallicity?", "what about with lux?",
         [("posterior", {"label": "fe_h", "model": "lux-small"})]),
    ],
)  # fmt: skip
def test_what_was_said_before_is_remembered(before: str, text: str, expected: list[tuple[str, dict[str, Any]]]) -> None:
    said = understand(before, models=MODELS).calls
    assert calls(text, Before(said, label_of(said), True)) == expected


def test_what_is_not_understood_is_answered_with_what_could_be_said() -> None:
    for text, language in (("tell me a joke", "en"), ("今天天气怎么样", "zh"), ("", "en"), ("???", "en")):
        found = understand(text)
        assert found.calls == () and found.language == language
        assert 1 <= len(found.suggestions) <= 3 and set(found.suggestions) <= set(EXAMPLES[found.language])
    assert understand("why?").missing == "label" and understand("export the labels").missing == "file"
    assert understand("rank which of them is odd, the strangest of").missing == "stars"


def test_every_example_is_understood_and_names_a_tool_with_arguments_that_it_takes() -> None:
    tools = all_tools()
    for examples in EXAMPLES.values():
        said = Before((Call("labels"),), "teff", True)
        for text in examples:
            found = understand(text, said, models=MODELS)
            assert found.calls, text
            for call in found.calls:
                if call.tool not in ("papers", "help"):
                    tools[call.tool].checked(call.arguments)


def test_files_that_were_handed_over_are_stars_and_others_are_not_written_to() -> None:
    assert calls("load mine.fits", uploads=("mine.fits",)) == [("load", {"name": "mine.fits"}), *LABELS]
    assert calls("parameters of my spectrum 2.fits", uploads=("my spectrum 2.fits",))[0][1] == {
        "name": "my spectrum 2.fits"
    }
    assert read("export labels to out.vot").file == "out.vot"


@given(st.text(max_size=300))
def test_any_text_is_read_without_harm(text: str) -> None:
    tools = all_tools()
    found = understand(text, Before((Call("labels"),), "teff", True), models=MODELS)
    for call in found.calls:
        assert call.tool in tools or call.tool in ("papers", "help")
