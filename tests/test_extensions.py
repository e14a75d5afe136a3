"""What others add: by a call, or by an installed package; whatever is wrong with it costs nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import specviz
from specviz import extensions
from specviz.archives.finder import Sky
from specviz.archives.protocol import Candidate
from specviz.errors import ModelError, OptionError, UnknownModelError
from specviz.models.registry import available_models, list_models, load_model
from specviz.session.view_options import ViewOptions
from specviz.views.model_menu import model_menu


@pytest.fixture(autouse=True)
def aside() -> Iterator[None]:
    with extensions.aside():
        yield


@pytest.fixture
def named_fake(fake_model_class: Any) -> Any:
    """``named_fake("mine")``: a model that calls itself so."""
    from dataclasses import replace

    class Named(fake_model_class):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def describe(self) -> Any:
            return replace(super().describe(), name=self.name)

    return Named


# ------------------------------------------------------------------------------------------------ models
def test_a_model_is_known_by_its_name(named_fake: Any) -> None:
    made: list[str] = []

    def make(device: str) -> Any:
        made.append(device)
        return named_fake("mine")

    extensions.register_model("mine", make, "of our own")
    assert available_models()[-1] == "mine" and list_models()["mine"] == "of our own"
    report = specviz.analyse("demo 1", model="mine", device="cpu", samples=10)
    assert report.provenance.model == "mine" and made == ["cpu"]
    assert load_model("mine", device="cpu") is load_model("mine", device="cpu") and made == ["cpu"]


def test_the_same_name_again_is_another_model(named_fake: Any) -> None:
    first, second = named_fake("mine"), named_fake("mine")
    second.sha = "a" * 64
    extensions.register_model("mine", lambda device: first)
    assert specviz.analyse("demo 1", model="mine", samples=10).provenance.weights_sha256 == first.sha
    extensions.register_model("mine", lambda device: second)
    assert specviz.analyse("demo 1", model="mine", samples=10).provenance.weights_sha256 == second.sha
    extensions.unregister("mine")
    with pytest.raises(UnknownModelError, match="no model 'mine'"):
        load_model("mine")


def test_our_names_are_not_taken(named_fake: Any) -> None:
    extensions.register_model("lux-small", lambda device: named_fake("lux-small"))
    assert type(load_model("lux-small", device="cpu")).__name__ == "Lux"
    assert available_models().count("lux-small") == 1


def test_what_is_made_must_be_that_model(named_fake: Any) -> None:
    extensions.register_model("mine", lambda device: named_fake("other"))
    with pytest.raises(ModelError, match="calls itself 'other'"):
        load_model("mine")
    extensions.register_model("none", lambda device: object())
    with pytest.raises(ModelError, match="is no model"):
        load_model("none")


@pytest.mark.parametrize("name", ["", "Mine", "my model", "-x", "a" * 41, "../up", 'x"onclick', None])
def test_names_that_are_none(name: Any) -> None:
    with pytest.raises(OptionError, match="no name to register"):
        extensions.register_model(name, lambda device: None)
    with pytest.raises(OptionError, match="cannot be called"):
        extensions.register_model("mine", 3)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------ archives
def test_an_archive_is_asked_before_the_network() -> None:
    class Mine:
        made = 0

        def __init__(self) -> None:
            Mine.made += 1

        def resolve(self, text: str) -> list[Candidate]:
            return [Candidate("mine 1", "mine")] if text == "mine 1" else []

        def fetch(self, name: str) -> Any:
            return specviz.open("demo 2").with_(name=name)

        def near(self, text: str) -> list[str]:
            return ["mine 1"] if "mine".startswith(text) else []

    extensions.register_archive("mine", Mine)
    sky = Sky(online=False)
    assert Mine.made == 0
    assert [c.name for c in sky.resolve("mine 1")] == ["mine 1"]
    assert sky.fetch("mine 1").name == "mine 1" == specviz.get("mine 1").name
    assert "mine 1" in [c.name for c in sky.suggest("min")]
    assert Mine.made == 1
    extensions.unregister("mine")
    assert sky.resolve("demo 1") and not [c for c in sky.suggest("min") if c.name == "mine 1"]


# ------------------------------------------------------------------------------------------------ panels
def test_a_panel_is_an_option_and_stands_in_the_menu() -> None:
    with pytest.raises(OptionError):
        ViewOptions().with_(study="mine")
    extensions.register_panel("mine", study=object, panel=object, title="<Mine>", summary="of our own")
    assert ViewOptions().with_(study="mine").study == "mine"
    menu = model_menu((), "specclip-small", study="")
    assert 'data-sv-act="study mine"' in menu and "&lt;Mine&gt;" in menu and "<Mine>" not in menu


# ------------------------------------------------------------------------------------------------ installed packages
def test_installed_packages_register_once_and_their_faults_cost_nothing(
    monkeypatch: pytest.MonkeyPatch, named_fake: Any, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[str] = []

    def good() -> None:
        called.append("good")
        extensions.register_model("installed", lambda device: named_fake("installed"))
        assert "installed" in extensions.models()  # asking within does not call it again

    def bad() -> None:
        raise ImportError("no module named sunspots")

    points = [
        SimpleNamespace(name="bad", value="bad:register", load=lambda: bad),
        SimpleNamespace(name="good", value="good:register", load=lambda: good),
    ]
    monkeypatch.setattr(extensions, "entry_points", lambda group: points if group == "specviz" else [])
    monkeypatch.setattr(extensions, "_looked", False)
    monkeypatch.setattr(extensions, "_problems", {})
    with caplog.at_level(logging.WARNING, logger="specviz.extensions"):
        assert "installed" in available_models()
    assert "installed" in available_models() and called == ["good"]
    assert dict(extensions.problems()) == {"bad": "ImportError: no module named sunspots"}
    assert "bad (bad:register) added nothing" in caplog.text
