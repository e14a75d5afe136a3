"""The first screen of a vetting page that does not know its visitor: who is labelling?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from specviz.errors import SpecvizError
from specviz.views import stylesheet
from specviz.views.controls import button, column, html, row, search, sheet
from specviz.views.formats import text

_FRAME = """
:host { border: 1px solid var(--jp-border-color2); background: var(--jp-layout-color1); border-radius: 2px; padding:
40px 24px; box-sizing: border-box; }
.sv-middle { max-width: 520px; width: 100%; margin: 0 auto !important; }
"""
#: A search field without its icons.
_NO_SEARCH = """
.bk-input-group::before, .bk-input-group::after { display: none !important; }
input.bk-input { padding: 0 12px !important; }
"""


class ReviewerQuestion:
    """Asks for a name or initials.

    Parameters
    ----------
    work_list : str
        What will be labelled.
    total : int
        How many stars that is.
    answer : callable(name)
        Takes the name; a SpecvizError that it raises is said under the field.
    """

    def __init__(self, work_list: str, total: int, answer: Callable[[str], Any]) -> None:
        self._answer = answer
        self.field = search("Your name or initials", self._asked, height=44)
        self.field.name = "reviewer"
        self.field.html_attributes = {"autocomplete": "name"}  # no search: "/" is a letter here
        self.field.stylesheets = [*self.field.stylesheets, sheet(_NO_SEARCH)]
        self.words = html(css=":host { padding-top: 8px; } .sv-warn { color: " + stylesheet.WARN_TEXT + "; }")
        stars = "1 star" if total == 1 else f"{total:,} stars".replace(",", "\u202f")
        middle = column(
            html(
                "Who is labelling?",
                css=":host { font-size: 22px; line-height: 28px; font-weight: 600; padding-bottom: 4px; }",
            ),
            html(
                f"<b>{text(work_list, 80)}</b>, {stars}. Your name stands beside each label that you give; others who work on "
                "this list can read it.",
                css=":host { padding-bottom: 12px; }",
            ),
            row(
                column(self.field, classes=["sv-grow"]),
                button("Begin", self._pressed, css=stylesheet.PRIMARY_BUTTON + ".bk-btn { height: 44px; }"),
            ),
            self.words,
            classes=["sv-middle"],
        )
        self.root = column(middle, css=_FRAME, classes=["sv-first"])

    def _pressed(self) -> None:
        self._asked(self.field.value_input or self.field.value)

    def _asked(self, name: str) -> None:
        if not name.strip():
            self.say("A label without a name cannot be told from another's.")
            return
        try:
            self._answer(name)
        except SpecvizError as error:
            self.say(str(error))

    def say(self, words: str) -> None:
        """What stands in the way, under the field."""
        self.words.object = f'<span class="sv-warn">{text(words, 400)}</span>' if words else ""
