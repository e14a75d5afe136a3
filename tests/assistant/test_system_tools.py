"""The tools that measure light curves and ask SpectraFM and DESA: numbers, words in both languages, what is refused."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from specviz.archives.demo import DemoArchive
from specviz.assistant.desk import Desk
from specviz.assistant.tools.catalogue import all_tools
from specviz.assistant.tools.result import Answer
from specviz.assistant.wording.sentences import say
from specviz.errors import CoverageError, NotFoundError, OptionError, SpecvizError
from specviz.spectra.star import LightCurve, Star

TOOLS = all_tools()
NUMBER = re.compile(r"(?<![\w.])[-+−]?\d+(?:\.\d+)?")


@pytest.fixture(scope="module")
def desk() -> Desk:
    made = Desk(online=False, device="cpu")
    made.keep(TOOLS["load"].call(made, {"name": "demo 1"}))
    return made


def call(desk: Desk, tool: str, **arguments: Any) -> Answer:
    answer: Answer = desk.keep(TOOLS[tool].call(desk, arguments))
    json.dumps(answer.to_json(), allow_nan=False)
    for language in ("en", "zh"):  # every number that is said is one of the answer's
        text = say(answer, language)
        known = [abs(n) for n in answer.numbers()]
        for word in NUMBER.findall(text):
            value, digits = abs(float(word.replace("−", "-"))), len(word.partition(".")[2])
            assert value in (68, 95, 1) or any(abs(value - n) <= 0.5 * 10.0**-digits + 1e-9 for n in known), (
                word,
                text,
            )
    return answer


def test_a_light_curve_is_measured(desk: Desk) -> None:
    star = desk.in_hand()
    found = call(desk, "light_curve")
    true = float(re.findall(r"[\d.]+", found.data["from"])[0])
    turning = found.data["rotation"]
    assert abs(turning["period_days"] - true) < 2 * turning["error_days"] and found.data["simulated"]
    assert found.data["days"] == pytest.approx(180, abs=1) and found.data["eclipses"] is None
    assert "It turns in" in say(found, "en") and "自转周期" in say(found, "zh") and "simulated" in say(found, "en")
    assert found.shown["curve"].folds[0].why == "rotation" and found.provenance["model"] == "measured by specviz"
    assert desk.in_hand() is star  # measuring is no new star: its reports stay


def test_eclipses_are_told(desk: Desk) -> None:
    days = np.arange(0.0, 60.0, 0.5 / 24)
    flux = 1.0 - 0.02 * (np.abs((days / 3.0) % 1 - 0.5) < 0.03) + np.random.default_rng(0).normal(0, 2e-4, days.size)
    other = Desk(online=False, device="cpu")
    other.take(Star(name="dips", light_curve=LightCurve(days, flux, flux_unit="relative")))
    found = call(other, "light_curve")
    dips = found.data["eclipses"]
    assert dips["period_days"] == pytest.approx(3.0, abs=0.01) and dips["depth_ppm"] == pytest.approx(20000, rel=0.1)
    assert "eclipses every 2.99" in say(found, "en") and "掩食" in say(found, "zh")


def test_without_a_light_curve_it_is_said_what_would_bring_one(desk: Desk) -> None:
    other = Desk(online=False, device="cpu")
    with pytest.raises(NotFoundError, match="No star is in hand"):
        TOOLS["light_curve"].call(other)
    spectra = DemoArchive().star(3).spectra
    other.take(Star(name="bare", spectra=spectra))
    with pytest.raises(NotFoundError, match=r"no light curve of bare here.*fetch its light curve"):
        TOOLS["light_curve"].call(other)
    with pytest.raises(SpecvizError):  # offline, and nothing to ask by
        TOOLS["fetch_light_curve"].call(other)
    assert TOOLS["fetch_light_curve"].reaches == "network" and TOOLS["light_curve"].reaches == ""
    assert call(other, "desa").data["read"] == ["spectrum"]


def test_a_stretch_alone_beside_the_whole_spectrum(desk: Desk) -> None:
    found = call(desk, "stretch", part="mg b", label="fe_h")
    (row,) = found.data["labels"]
    assert row["label"] == "fe_h" and row["error"] > row["whole_error"] and found.data["part"] == "Mg b"
    assert {s["part"] for s in found.data["elsewhere"]} >= {"All", "Blue arm", "Mg b"}
    assert found.data["looks_at"] and "Mg b (5095–5255 Å)" in say(found, "en") and "整条光谱" in say(found, "zh")
    assert found.provenance["model"] == "spectrafm-small" and len(found.provenance["weights"]) == 12
    free = call(desk, "stretch", start="5000", stop=5500)
    assert free.data["start"] == 5000 and len(free.data["labels"]) == 6 and not free.data["whole"]
    assert "Learned from simulated spectra only" in say(free, "en") and "仅从模拟光谱学得" in say(free, "zh")
    whole = call(desk, "stretch")
    assert whole.data["whole"] and say(whole, "en").startswith("The whole LAMOST spectrum of demo 1")
    table = whole.shown["table"]
    assert list(table["label"]) == [r["label"] for r in whole.data["labels"]]


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"start": 5000}, OptionError, "two ends"),
        ({"start": 5500, "stop": 5000}, OptionError, "0 < start < stop"),
        ({"start": 500, "stop": 550}, OptionError, "1 nm is 10 Å"),
        ({"start": 15000, "stop": 16000}, CoverageError, "Nothing can be read there"),
        ({"label": "eu_fe"}, OptionError, "gives no 'eu_fe'"),
        ({"part": "green arm"}, OptionError, "blue arm"),
    ],
)
def test_a_stretch_that_cannot_be_read_is_refused(
    desk: Desk, arguments: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        TOOLS["stretch"].call(desk, arguments)


def test_desa_tells_age_and_company(desk: Desk) -> None:
    found = call(desk, "desa")
    age = found.data["age"]
    assert 0 < age["value"] < 14 and age["plus"] > 0 and found.data["read"] == ["spectrum", "light curve"]
    assert 0 <= found.data["close_binary_percent"] < 50 and 0 <= found.data["disagreement_percentile"] <= 100
    look = found.shown["study"].plain
    assert age["value"] == pytest.approx(look.age.median, abs=0.01)
    assert found.provenance["model"] == "desa-small"
    text = say(found, "en")
    assert "DESA reads an age of" in text and "close binary" in text and "年龄" in say(found, "zh")


def test_desa_says_why_it_is_silent(desk: Desk) -> None:
    other = Desk(online=False, device="cpu")
    star = DemoArchive().star(3)
    other.take(Star(name="xp only", spectra={"gaia_xp": star.spectra["gaia_xp"]}))
    with pytest.raises(SpecvizError, match="only a Gaia XP spectrum"):
        TOOLS["desa"].call(other)
    with pytest.raises(SpecvizError, match="no spectrum that SpectraFM reads"):
        TOOLS["stretch"].call(other)


@pytest.mark.parametrize("tool", ["light_curve", "desa", "stretch"])
def test_a_stop_ends_a_measurement(desk: Desk, tool: str) -> None:
    desk.stop()
    try:
        with pytest.raises(SpecvizError, match="stopped"):
            TOOLS[tool].call(desk)
    finally:
        desk.ready()
