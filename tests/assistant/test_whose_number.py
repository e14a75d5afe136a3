# ruff: noqa: E501 (sentences, some a line)
"""A number is known only as what a tool gave it for: its label, its unit, its sign and its star."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from model_server import calls, scripted, words

from specviz.assistant.desk import Desk
from specviz.assistant.facts import facts_of
from specviz.assistant.llm.numbers import MARK, marked
from specviz.assistant.llm.talk import LanguageModelTalk
from specviz.assistant.number_sources import pieces_of
from specviz.assistant.quantities import written
from specviz.assistant.tools.result import Answer


def row(label: str, value: float, plus: float, minus: float, unit: str = "dex") -> Mapping[str, Any]:
    return {"label": label, "unit": unit, "value": value, "plus": plus, "minus": minus, "from": "LAMOST",
            "outside_training": False}  # fmt: skip


SUN = Answer("labels", {"star": "demo 1", "labels": [
    row("teff", 5813.0, 27.0, 30.0, "K"), row("logg", 4.401, 0.05, 0.04), row("fe_h", -0.0487, 0.03, 0.03),
    row("alpha_fe", 0.121, 0.02, 0.03), row("rv", -94.2, 2.1, 2.1, "km/s"), row("mg_fe", 0.21, 0.06, 0.06),
    row("ebv", 0.04, 0.02, 0.02, "mag"),
]})  # fmt: skip
GIANT = Answer("labels", {"star": "demo 2", "labels": [
    row("teff", 4352.0, 41.0, 38.0, "K"), row("logg", 1.72, 0.11, 0.12), row("fe_h", -0.31, 0.06, 0.06),
    row("rv", 17.3, 2.0, 2.0, "km/s"),
]})  # fmt: skip
SURE = Answer("posterior", {
    "star": "demo 1", "label": "teff", "unit": "K", "median": 5813.0, "interval_68": [5783.0, 5840.0],
    "interval_95": [5754.0, 5868.0], "samples": 10000, "correlations": {"logg": 0.62, "fe_h": -0.41},
})  # fmt: skip
NEAR = Answer("similar", {"star": "demo 1", "among": 19999, "of": "simulated stars", "stars": [
    {"rank": 1, "star": "demo 88", "similarity": 0.9932, "class": "dwarf 5600", "teff": 5771.0, "logg": 4.38, "fe_h": 0.02},
    {"rank": 2, "star": "demo 91", "similarity": 0.9871, "class": "sun-like", "teff": 5902.0, "logg": 4.22, "fe_h": -0.14},
]})  # fmt: skip
CURVE = Answer("light_curve", {
    "star": "demo 1", "from": "simulated", "simulated": True, "days": 180.0, "points": 8291, "range_ppm": 940.0,
    "rotation": {"period_days": 24.3, "error_days": 4.3, "height": 0.51}, "oscillations": None, "eclipses": None,
})  # fmt: skip
OLD = Answer("desa", {
    "star": "demo 1", "age": {"label": "age", "unit": "Gyr", "value": 10.1, "plus": 2.4, "minus": 1.9},
    "close_binary_percent": 1.3, "disagreement_percentile": 11.5, "labels": [], "notes": [],
})  # fmt: skip
WHY = Answer("why", {
    "star": "demo 1", "label": "teff", "unit": "K", "value": 5813.0, "without_lines": 5520.0,
    "lines": [{"line": "Hα", "from": 6551.0, "to": 6578.0, "adds": 203.0, "weight": 0.37},
              {"line": "Mg b", "from": 5160.0, "to": 5190.0, "adds": -41.0, "weight": 0.11}],
})  # fmt: skip
SEEN = Answer("load", {"name": "demo 1", "ra": 31.0123, "dec": -38.4359, "light_curve": False,
                       "spectra": [{"survey": "LAMOST", "snr": 120.0, "release": ""}],
                       "catalogues": [{"name": "Simulation", "values": {"teff": 5779.0, "logg": 4.42}}]})  # fmt: skip
FAR = Answer("star", {"star": "demo 1", "label": "distance", "unit": "kpc", "value": 1.2})
EVERY = (SUN, GIANT, SURE, NEAR, CURVE, OLD, WHY, SEEN, FAR)

#: Text -> the numbers in it that are marked.
HOSTILE: dict[str, tuple[str, ...]] = {
    # a label's number said of another label
    "Its age is 5813 years.": ("5813",), "Age: 4.4 Gyr": ("4.4",), "log g 4.40 and [Fe/H] 0.12": ("0.12",),
    "demo 1 has Teff 4.40 and log g 5813": ("4.40", "5813"), "[Fe/H] = 4.40": ("4.40",), "log g is -0.05": ("-0.05",),
    "It has [Mg/Fe] 0.12 and [α/Fe] 0.21.": ("0.12", "0.21"), "[Mg/H] = +0.21": ("+0.21",),
    "A radial velocity of 24.3 km/s": ("24.3",), "Teff (K): 10000": ("10000",), "The rotation period is 10.1 days": ("10.1",),
    "Its mass is 1.3 and its radius 0.62.": ("1.3", "0.62"), "Teff is 19999 K": ("19999",), "log g = 120": ("120",),
    "S/N 4.40": ("4.40",), "a temperature of 6551": ("6551",), "4.40 is its metallicity": ("4.40",),
    "5813 (log g)": ("5813",), "4.40 for the temperature": ("4.40",), "the temperature is 180 K": ("180",),
    "| Teff | log g |\n|---|---|\n| 4.40 | 5813 |": ("4.40", "5813"), "**log g**: 5813": ("5813",),
    "年龄是 5813 年": ("5813",), "年龄为4.4": ("4.4",), "有效温度 4.40，表面重力 5813": ("4.40", "5813"),
    "金属丰度是4.40": ("4.40",), "视向速度 24.3 公里/秒": ("24.3",), "自转周期 10.1 天": ("10.1",), "信噪比 4.40": ("4.40",),
    "温度是八千二百九十一": ("八千二百九十一",), "5813 是它的年龄": ("5813",), "表面重力是五千八百一十三": ("五千八百一十三",),
    # a star's number said of another star
    "demo 1 has an effective temperature of 4352 K.": ("4352",), "demo 2: Teff 5813 K, log g 1.72": ("5813",),
    "4352 K for demo 1": ("4352",), "demo 2 is hot. Its temperature is 5813 K.": ("5813",),
    "demo 1 的有效温度是 4352 K": ("4352",), "demo 2：有效温度 5813 K": ("5813",), "demo 2 更热。它的温度是 5813 K。": ("5813",),
    "demo 88 has Teff 5902 K": ("5902",), "demo 2 的年龄是 10.1 Gyr": ("10.1",),
    "| star | Teff |\n|---|---|\n| demo 1 | 4352 |\n| demo 2 | 5813 |": ("4352", "5813"),
    "| | demo 1 | demo 2 |\n|---|---|---|\n| Teff | 4352 | 5813 |": ("4352", "5813"),
    # signs
    "[Fe/H] 0.05": ("0.05",), "[Fe/H] = +0.05": ("+0.05",), "RV 94 km/s": ("94",), "[Fe/H] – 0.31": ("0.31",),
    "the radial velocity is +94.2 km/s": ("+94.2",), "金属丰度 0.05": ("0.05",), "视向速度为 94 公里/秒": ("94",),
    "Dec +38.4359°": ("+38.4359",), "log g −4.40": ("−4.40",), "minus 5813 K": ("5813",), "负5813 K": ("5813",),
    "It correlates with [Fe/H] at 0.41": ("0.41",),
    # units
    "Teff 5813 Gyr": ("5813",), "RV −94 m/s": ("−94",), "It lies 1.2 pc away.": ("1.2",), "距离 1.2 秒差距": ("1.2",),
    "an age of 10.1 Myr": ("10.1",), "It rotates in 24.3 h": ("24.3",), "年龄 10.1 百万年": ("10.1",),
    "it varies by 940 %": ("940",), "E(B−V) 0.04 dex": ("0.04",), "自转周期 24.3 小时": ("24.3",), "log g 4.40 K": ("4.40",),
    "581.3 nm": ("581.3",), "Hα at 6551 nm": ("6551",), "95 K": ("95",), "68 Gyr": ("68",),
}  # fmt: skip
#: What an honest model says, as it says it.
HONEST = (
    "demo 1 has Teff 5813 ± 30 K, log g 4.40 and [Fe/H] −0.05, from specclip-small.",
    "The effective temperature of demo 1 is 5813 (+27/−30) K; its surface gravity is 4.4 dex.",
    "demo 1 is hotter than demo 2: 5813 K against 4352 K.", "5813 K for demo 1 and 4352 K for demo 2",
    "Teff and log g are 5813 K and 4.40.", "5813 K is its temperature and 4.40 is its log g.",
    "Its temperature, 5813 K, lies between 5783 and 5840 K with 68 %, and 5754 to 5868 K with 95 %.",
    "A metallicity of -0.05 dex, i.e. 0.05 dex below the Sun.", "metal-poor: [Fe/H] = –0.31 (demo 2)",
    "It approaches us at 94 km/s (RV −94.2 ± 2.1 km s⁻¹).", "declination −38.4359°, RA 31.0123°",
    "It lies at 31.0123, -38.4359 and its spectrum has an S/N of 120.", "Teff correlates with log g (+0.62) and [Fe/H] (−0.41).",
    "The nearest of 19999 stars is demo 88 (similarity 0.993, Teff 5771 K), then demo 91 (0.987, 5902 K).",
    "It rotates every 24.3 ± 4.3 d, measured over 180 days from 8291 points; it varies by 940 ppm.",
    "DESA: an age of 10.1 +2.4 −1.9 Gyr; the probability of a close binary is 1.3 %.", "10.1 billion years old",
    "Its age is 10100 Myr.", "It is read from Hα (6551–6578 Å), which adds 203 K, and Mg b, which lowers it by 41 K.",
    "The temperature comes from Hα between 655.1 and 657.8 nm.", "1.2 kpc, that is 1200 pc", "[Mg/Fe] is +0.21 and [α/Fe] +0.12",
    "magnesium: 0.21 dex; alpha elements: 0.12", "demo 1 and demo 2 have 5813 and 4352 K.",
    "| star | Teff | log g |\n|---|---|---|\n| demo 1 | 5813 | 4.40 |\n| demo 2 | 4352 | 1.72 |",
    "| | demo 1 | demo 2 |\n|---|---|---|\n| Teff (K) | 5813 | 4352 |\n| [Fe/H] | −0.05 | −0.31 |",
    "- **Teff**: 5813 K\n- **log g**: 4.40\n- **E(B−V)**: 0.04 mag",
    "1. demo 88 (0.9932)\n2. demo 91 (0.9871)", "The nearest are: 1. demo 88, Teff 5771 K. 2. demo 91, Teff 5902 K.",
    "The catalogue gives 5779 K for the temperature and 4.42 for log g of demo 1.",
    "demo 2 is a giant (log g 1.72). demo 1 is not: log g 4.40.", "Without these lines it would be 5520 K.",
    "T_eff = 5813 K, log(g) = 4.40, v_r = -94.2 km/s", "$T_{\\rm eff} = 5813 \\pm 27$ K", "5.813e3 K", "5.813 × 10^3 K",
    "demo 1 的有效温度为 5813 K，表面重力 4.40，金属丰度 −0.05。", "demo 1 比 demo 2 更热：5813 K 对 4352 K。",
    "有效温度和表面重力分别是 5813 K 和 4.40。", "5813 K 是它的温度，4.40 是它的 log g。", "温度约为五千八百一十三度",
    "68% 区间为 5783 至 5840 K。", "它以 94 公里/秒靠近我们。", "视向速度为负94.2 km/s", "年龄 101 亿年，即 10.1 Gyr。",
    "赤经 31.0123 度，赤纬 −38.4359 度，信噪比 120。", "最相似的是 demo 88（相似度 0.993，5771 K）。", "自转周期 24.3 ± 4.3 天。",
    "光变曲线有 8291 个点，跨度 180 天，变化幅度 940 ppm。", "金属丰度比太阳低于 0.05 dex", "密近双星的概率为 1.3%。",
    "镁丰度 [Mg/Fe] 为 +0.21，α 元素丰度 +0.12。", "距离 1.2 千秒差距",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_a_number_that_is_told_of_something_else_is_marked(text: str) -> None:
    assert marked(text, EVERY)[1] == HOSTILE[text]


@pytest.mark.parametrize("text", HONEST)
def test_a_number_that_is_told_as_it_is_is_not_marked(text: str) -> None:
    assert marked(text, EVERY) == (text, ())


def test_links_go_to_the_answer_that_is_meant() -> None:
    one = Answer("labels", {"star": "demo 1", "labels": [row("logg", 4.4, 0.1, 0.1)]}, call="c1")
    two = Answer("labels", {"star": "demo 2", "labels": [row("logg", 4.4, 0.1, 0.1)]}, call="c2")
    age = Answer("desa", {"star": "demo 2", "age": {"label": "age", "unit": "Gyr", "value": 4.4}}, call="c3")
    text = "demo 1: log g 4.40. demo 2: log g 4.40, age 4.4 Gyr. Seen 4.4."
    found = [(p.text, p.answer.call) for p in pieces_of(text, [one, two, age]) if p.answer is not None]
    assert found[:3] == [("4.40", "c1"), ("4.40", "c2"), ("4.4", "c3")]


def test_what_a_text_says_of_its_numbers() -> None:
    found = written(
        "Teff of demo 1: 5,813 ± 27 K (log g 4.40); demo 2 −94 km/s, minus 3 and 四点六 Gyr", ["demo 1", "demo 2"]
    )
    told = [(n.value, n.sign, n.unit and n.unit[0], sorted(n.labels), sorted(n.stars)) for n in found]
    assert told == [
        (5813.0, "", "temperature", ["teff"], ["demo 1"]), (27.0, "", "temperature", ["teff"], ["demo 1"]),
        (4.40, "", None, ["logg"], ["demo 1"]), (-94.0, "-", "velocity", [], ["demo 2"]),
        (-3.0, "-", None, [], ["demo 2"]), (4.6, "", "time", [], ["demo 2"]),
    ]  # fmt: skip
    facts = {(f.value, *sorted(f.labels), *sorted(f.stars)) for f in facts_of(NEAR)}
    assert (5771.0, "teff", "demo 88") in facts and (0.9932, "similarity", "demo 1", "demo 88") in facts


def test_a_model_that_swaps_two_stars_is_marked(tmp_path: Path) -> None:
    desk = Desk(online=False, device="cpu", folder=tmp_path)
    script = [
        calls(("load", {"name": "demo 1"}), ("labels", {"only": ["teff"]})),
        calls(("load", {"name": "demo 2"}), ("labels", {"only": ["teff"]})),
        lambda body, _done: words(_swapped(desk)),
    ]
    with scripted(script) as (endpoint, _):
        turn = LanguageModelTalk(endpoint, desk).say("demo 1 and demo 2: which is hotter?")
    assert turn.text.count(MARK) == 2 and turn.problem.startswith("No tool gave")


def _swapped(desk: Desk) -> str:
    one, two = (a.data["labels"][0]["value"] for a in desk.answers if a.tool == "labels")
    return f"demo 1 has an effective temperature of {two:.0f} K, demo 2 of {one:.0f} K."
