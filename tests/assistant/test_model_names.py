"""Models that are named: those here are asked, any other is said not to be here; none is answered for by another."""

from __future__ import annotations

from pathlib import Path

import pytest

from specviz.api import _engines
from specviz.assistant.desk import Desk
from specviz.assistant.model_names import model_asked, model_here
from specviz.assistant.tools.catalogue import all_tools
from specviz.errors import UnknownModelError
from specviz.models.registry import WEIGHTS_FOLDER, available_models

TOOLS, HERE = all_tools(), ("specclip-small", "phdlspec-fit", "lux-small", "spectrafm-small", "desa-small")


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("what is its temperature according to StarNet?", "StarNet"),
        ("what does The Payne say?", "The Payne"),
        ("用StarNet模型再来一次", "StarNet"),
        ("根据 SpecKLIP 它的温度是多少", "SpecKLIP"),
        ("labels with specklip", "specklip"),
        ("according to FooNet", "FooNet"),
        ("the same with lux", "lux-small"),
        ("ask SpectraFM", "spectrafm-small"),
        ("with phdlspec-fit please", "phdlspec-fit"),
        ("its neighbours with XP", ""),
        ("according to Gaia, what is it?", ""),
        ("is the self-consistent model good?", ""),
        ("compare all models", ""),
        ("which models are here?", ""),
        ("find special stars", ""),
        ("用模型预测", ""),
        ("export the labels to labels.ecsv", ""),
    ],
)
def test_the_model_that_a_text_names(text: str, model: str) -> None:
    assert model_asked(text, HERE) == model


def test_a_model_that_is_here_goes_by_several_names() -> None:
    assert [model_here(n) for n in ("desa", "SpectraFM", "lux_small", "SpecCLIP-small")] == [
        "desa-small", "spectrafm-small", "lux-small", "specclip-small",
    ]  # fmt: skip
    with pytest.raises(UnknownModelError, match="Did you mean 'specclip"):
        model_here("specklip")
    with pytest.raises(UnknownModelError, match=r"StarNet is not among the models.*papers about StarNet"):
        model_here("StarNet")


@pytest.mark.parametrize("tool", ["labels", "posterior", "oddness", "translate", "why", "similar", "compare"])
def test_no_tool_answers_for_a_model_that_is_not_here(tool: str) -> None:
    desk = Desk(online=False, device="cpu")
    TOOLS["load"].call(desk, {"name": "demo 1"})
    asked = {"models": ["StarNet"]} if tool == "compare" else {"model": "StarNet"}
    label = {"label": "teff"} if tool in ("posterior", "why") else {}
    kept = len(_engines)
    with pytest.raises(UnknownModelError, match=f"one of {', '.join(available_models()[:2])}"):
        TOOLS[tool].call(desk, asked | label)
    assert len(_engines) == kept


def test_an_argument_reads_no_weights_from_a_path(tmp_path: Path) -> None:
    path = str(WEIGHTS_FOLDER / "lux_small.safetensors")
    desk = Desk(online=False, device="cpu")
    TOOLS["load"].call(desk, {"name": "demo 1"})
    for tool, arguments in (
        ("labels", {"model": path}),
        ("use_model", {"name": path}),
        ("compare", {"models": [path]}),
    ):
        with pytest.raises(UnknownModelError):
            TOOLS[tool].call(desk, arguments)
    own = Desk(model=path, online=False, device="cpu")  # the person's own choice is
    TOOLS["load"].call(own, {"name": "demo 1"})
    assert TOOLS["labels"].call(own, {"model": path, "only": ["teff"]}).provenance["model"] == "lux-small"


def test_another_model_is_asked_from_now_on() -> None:
    desk = Desk(online=False, device="cpu")
    assert TOOLS["use_model"].call(desk, {"name": "Lux"}).data == {"model": "lux-small"} and desk.model == "lux-small"
