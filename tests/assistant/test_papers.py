"""The bibliography that comes with specviz: its entries are sound, and English and Chinese questions find them."""

from __future__ import annotations

import json
import re

import pytest

from specviz.assistant.desk import Desk
from specviz.assistant.papers.bibliography import bibliography
from specviz.assistant.papers.glossary import ALSO, CHINESE
from specviz.assistant.papers.search import english, search, stem, terms, words
from specviz.assistant.tools.catalogue import all_tools
from specviz.assistant.wording.sentences import say
from specviz.errors import OptionError

_ID = re.compile(
    r"arXiv:(?:\d{4}\.\d{4,5}|[a-z-]+/\d{7})|doi:10\.\d{4,}/\S+|bibcode:\d{4}[\w&.]{14}[A-Z]"  # ADS: 19 characters
)
TOOLS = all_tools()


def test_every_entry_is_whole() -> None:
    papers = bibliography()
    assert len(papers) >= 150
    assert len({p.id for p in papers}) == len({p.title.lower() for p in papers}) == len(papers)
    for paper in papers:
        assert _ID.fullmatch(paper.id), paper.id
        assert 1970 <= paper.year <= 2026 and paper.authors and paper.topics and paper.title.strip() == paper.title
        assert 10 < len(paper.note) < 200 and re.search(r"[\u4e00-\u9fff]", paper.note_zh), paper.id
        assert paper.url.startswith("https://") and " " not in paper.url
        if re.match(r"arXiv:\d", paper.id):  # published in the year it was posted, or up to three years later
            posted = 2000 + int(paper.id[6:8])
            assert posted <= paper.year <= posted + 3, (paper.id, paper.year)
        elif paper.id.startswith("bibcode:"):
            assert paper.id[8:12] == str(paper.year)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("SpecCLIP", "2507.01939"), ("The Payne", "1804.01530"), ("The Cannon", "1501.07604"),
        ("StarNet", "1709.09182"), ("DESA", "2507.10666"), ("Lux", "2502.01745"), ("SpectraFM", "2411.04750"),
        ("PhDLspec", "2604.02730"), ("1804.01530", "1804.01530"), ("Ting 2019", "1804.01530"),
        ("Rozanski transformer", "2407.05751"), ("contrastive learning of spectra", "1807.03748"),
        ("gyrochronology", "2303.08830"), ("anomalies", "1611.07526"),
        ("how are normalizing flows used for a posterior?", "1906.04032"), ("Gaia XP metallicity", "2302.02611"),
        ("astroquery", "1901.04520"), ("eclipsing binaries", "2016AJ....151...68K"), ("GALAH DR4", "2409.19858"),
        ("基础模型", "2507.01939"), ("对比学习", "2103.00020"), ("有哪些关于异常检测的论文?", "1611.07526"),
        ("年龄和自转的关系", "0807.1686"), ("双星的光谱", "1709.03983"), ("光变曲线", "2504.20290"),
        ("消光和尘埃", "1905.02734"), ("归一化流", "1912.02762"), ("后验的校准", "1804.06788"),
        ("ＸＰ 光谱的金属丰度", "2302.02611"), ("模型大气", "0805.0554"), ("星震学", "1408.0817"),
        ("郭守敬望远镜", "2012RAA....12.1197C"), ("标签传递", "1602.00303"), ("太阳丰度", "0909.0948"),
    ],
)  # fmt: skip
def test_a_question_finds_its_paper(query: str, found: str) -> None:
    assert any(hit.paper.id.endswith(found) for hit in search(query, 5)), [h.paper.title for h in search(query, 5)]


def test_what_is_not_of_the_field_finds_nothing() -> None:
    for query in (
        "",
        "  ",
        "cheese cake",
        "黑洞吸积盘喷流",
        "the of and",
        "!!!",
        "<script>alert(1)</script>",
        "恒星光谱的论文",
    ):
        assert search(query) == ()
    scores = [hit.score for hit in search("LAMOST abundances", 10)]
    assert scores == sorted(scores, reverse=True) and min(scores) >= 0.25 * max(scores)


def test_words_are_reduced_and_terms_translated() -> None:
    assert words("Binaries, flows and Spectra of the Cannon's classes, 5 of 2019") == [
        "binary", "flow", "cannon", "classe", "2019",
    ]  # fmt: skip
    assert stem("rrlyras") == "rrlyra" and stem("mass") == "mass"
    assert terms("陀螺年代学") == {"gyrochronology": 1.0} and "posterior" in terms("uncertainty")
    known = {word for p in bibliography() for word in words(" ".join((p.title, *p.topics, p.note)))}
    unknown = [zh for zh, en in CHINESE.items() if not set(words(en)) & known]
    assert unknown == []  # a term that leads nowhere is no help
    assert all(key == stem(key) for key in ALSO)


def test_a_question_for_services_is_english() -> None:
    assert english("有哪些关于金属丰度和双星的论文?") == "metallicity binaries"
    assert english("papers about the α elements in LAMOST") == "alpha elements LAMOST"
    assert english("黑洞") == ""


def test_the_tool_lists_them_with_their_notes_in_the_language_of_the_question() -> None:
    desk = Desk(online=False, device="cpu")
    found = desk.keep(TOOLS["papers"].call(desk, {"query": "foundation models of stellar spectra", "k": 3}))
    assert len(found.data["papers"]) == 3 and found.data["among"] == len(bibliography())
    first = found.data["papers"][0]
    assert first["url"].startswith("https://arxiv.org/abs/") and first["id"] in say(found, "en")
    assert first["note"].rstrip(".") in say(found, "en")
    assert len(json.dumps(found.to_json())) < 4000 and TOOLS["papers"].reaches == ""
    found = TOOLS["papers"].call(desk, {"query": "基础模型"})
    assert re.search(r"[\u4e00-\u9fff]", found.data["papers"][0]["note"])
    none = TOOLS["papers"].call(desk, {"query": "cheese"})
    assert "no paper about “cheese”" in say(none, "en") and "没有找到" in say(none, "zh")
    for k in (0, 21):
        with pytest.raises(OptionError, match="1 to 20 papers"):
            TOOLS["papers"].call(desk, {"query": "x", "k": k})
