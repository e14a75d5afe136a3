"""Two small parts of vetting: the line that says what goes on behind the person, and the question for a name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bokeh.models.dom import HTML

from specviz.errors import SpecvizError
from specviz.session.state import State
from specviz.session.vetting.values import Vet
from specviz.session.vetting.vocabulary import DEFAULT
from specviz.views.reviewer_question import ReviewerQuestion
from specviz.views.vetting_doing import DoingLine


def test_the_line_is_there_while_something_goes_on() -> None:
    line, vet = DoingLine(), Vet("list", "AB", "", DEFAULT)
    quiet = State(vet=vet)
    busy = State(vet=replace(vet, doing="Ranking the list: reading <b>x</b>, 8 of 600"))
    assert not line.root.visible
    line.update(quiet, busy)
    assert line.root.visible and "&lt;b&gt;x&lt;/b&gt;" in line.root.object
    assert 'data-sv-act="vet-stop-ranking"' in line.root.object and 'role="status"' in line.root.object
    line.update(busy, quiet)
    assert not line.root.visible and line.root.object == ""
    line.update(quiet, State())  # closed


def test_a_name_is_asked_until_it_will_do() -> None:
    names: list[str] = []

    def answer(name: str) -> Any:
        if name == "<b>":
            raise SpecvizError("<b> cannot be a name")
        names.append(name)

    question = ReviewerQuestion("<i>list</i>", 1234, answer)
    page = " ".join(str(m.html) for m in question.root.references() if isinstance(m, HTML))
    assert "&lt;i&gt;list" in page and "1\u202f234 stars" in page
    question._asked("  ")
    assert "without a name" in question.words.object
    question._asked("<b>")
    assert "&lt;b&gt; cannot be a name" in question.words.object
    question._asked("AB")
    assert names == ["AB"]
