"""``%specviz`` and ``%%specviz``: questions in words in a notebook's cells; ``%load_ext specviz`` brings them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from specviz.app.told import Told
from specviz.assistant.conversation import Conversation, Turn
from specviz.assistant.desk import Desk
from specviz.assistant.exhibits import exhibits_of
from specviz.assistant.intents.vocabulary import Language, language_of
from specviz.assistant.talk_state import Made
from specviz.assistant.tools.result import Answer
from specviz.assistant.transcript import made_by
from specviz.errors import OptionError, SpecvizError, did_you_mean

HELP = """%specviz QUESTION      asks one thing: %specviz Teff and [Fe/H] of demo 1
%%specviz              asks every line of the cell, one after the other
Options come first:
  --file PATH          hand over a spectrum; may be given again
  --star NAME          take the star of a variable of yours in hand (a Star, a Report, an Explorer)
  --model NAME         the model of spectra that is asked from now on;  --device NAME  where it computes
  --offline            ask no archive from now on
  --llm                ask the language model that SPECVIZ_LLM_BASE_URL and SPECVIZ_LLM_MODEL name; the cell is one text
  --save FILE          keep the conversation so far: .ipynb or .py
  --new                begin anew
The value of the cell has .text, .data, .star, .report and .table of the last answer."""
#: Options with a value, and those without.
_VALUED = {"file", "star", "model", "device", "save"}
_SWITCHES = {"offline", "llm", "new", "help"}


class Magic:
    """One notebook's conversation.

    Parameters
    ----------
    variables : callable
        Gives the variables of the notebook.
    """

    def __init__(self, variables: Callable[[], Mapping[str, Any]]) -> None:
        self._variables = variables
        self.begin()

    def begin(self) -> None:
        """Begin anew: no star in hand, nothing said."""
        self.desk = Desk()
        self._talk = Conversation(self.desk)
        self._with_model: Any = None
        self.turns: list[Turn] = []

    def __call__(self, line: str, cell: str | None = None) -> Told | None:
        """What IPython calls for a line or a cell; never raises to the person."""
        try:
            options, words = read_options(line)
            if "help" in options or not (options or words or (cell or "").strip()):
                return Told((), note=HELP)
            return self._ask(options, "\n".join(filter(None, (words, cell))))
        except KeyboardInterrupt:
            self.desk.stop()
            return Told((), problem="Stopped")
        except (SpecvizError, OSError) as error:
            return Told((), problem=str(error))

    def _ask(self, options: Mapping[str, list[str]], text: str) -> Told | None:
        note = self._set(options)
        files = {Path(p).name: Path(p).expanduser().read_bytes() for p in options.get("file", ())}
        talk: Any = self._talk
        if "llm" in options:
            talk, asked = self._language_model()
            note = "\n".join(filter(None, (note, asked)))
            texts = [text.strip()] if text.strip() or files else []
        else:
            texts = [line.strip() for line in text.splitlines() if line.strip()] or ([""] if files else [])
        turns, made = list[Turn](), list[tuple[Made, ...]]()
        for one in texts:
            heard = _Heard(self.desk, language_of(one))
            turns.append(talk.say(one, files or None, told=heard))
            made.append(tuple(heard.made))
            files = {}
            if turns[-1].problem:  # what follows may be about what did not come
                break
        self.turns += turns
        for name in options.get("save", ()):
            note = "\n".join(filter(None, (note, self._save(name))))
        return Told(tuple(turns), note=note, made=tuple(made))

    def _set(self, options: Mapping[str, list[str]]) -> str:
        from specviz.archives.finder import Sky
        from specviz.models.registry import available_models

        if "new" in options:
            self.begin()
        for name in options.get("model", ()):
            if name not in available_models():
                raise OptionError(
                    f"There is no model {name[:40]!r} here", expected=", ".join(available_models()),
                    remedy=did_you_mean(name, available_models()),
                )  # fmt: skip
            self.desk.model = name
        for name in options.get("device", ()):
            self.desk.device = name
        if "offline" in options:
            self.desk.sky = Sky(online=False)
        for name in options.get("star", ()):
            self.desk.take(star_in(self._variables(), name))
            return f"{self.desk.in_hand().name} is in hand."
        return ""

    def _language_model(self) -> tuple[Any, str]:
        from specviz.assistant.llm.endpoint import Endpoint
        from specviz.assistant.llm.talk import LanguageModelTalk

        endpoint = Endpoint.named(
            "%env SPECVIZ_LLM_BASE_URL=http://localhost:11434/v1, and SPECVIZ_LLM_MODEL; or leave out --llm"
        )
        if self._with_model is None or self._with_model.endpoint != endpoint:
            self._with_model = LanguageModelTalk(endpoint, self.desk)
        return self._with_model, (
            f"Asked {endpoint.model} at {endpoint.base_url}: your words and the numbers found went there, no spectrum."
        )

    def _save(self, name: str) -> str:
        from specviz.assistant.transcript import SUFFIXES, keep

        path = Path(name).expanduser()
        if path.suffix not in SUFFIXES:
            raise OptionError(f"--save {name}", expected="a name that ends in .ipynb or .py")
        keep(self.turns, path)
        return f"Wrote the conversation to {path}"


class _Heard:
    """Hears the answers of one turn as they come, while the desk still is as it was for each."""

    def __init__(self, desk: Desk, language: Language = "en") -> None:
        self._desk, self._language, self._since = desk, language, time.monotonic()
        self.made: list[Made] = []

    def __call__(self, answer: Answer) -> None:
        took = time.monotonic() - self._since
        self.made.append(Made(answer, took, made_by(answer), exhibits_of(answer, self._desk), self._language))
        self._since = time.monotonic()


def read_options(line: str) -> tuple[dict[str, list[str]], str]:
    """The options that a line begins with, and the rest of it as it is.

    Raises
    ------
    OptionError
        For an option that there is not, or one without its value.
    """
    options: dict[str, list[str]] = {}
    rest = line.strip()
    while rest.startswith("--"):
        name, _, rest = rest.removeprefix("--").partition(" ")
        name, given, value = name.partition("=")
        if name not in _VALUED | _SWITCHES:
            raise OptionError(
                f"--{name[:30]} is no option", expected=", ".join(f"--{n}" for n in sorted(_VALUED | _SWITCHES)),
                remedy=did_you_mean(name, [*_VALUED, *_SWITCHES]),
            )  # fmt: skip
        if name in _VALUED and not given:
            value, rest = _word(rest)
        if name in _VALUED and not value:
            raise OptionError(f"--{name} needs a value")
        options.setdefault(name, []).append(value)
        rest = rest.strip()
    return options, rest


def _word(text: str) -> tuple[str, str]:
    """The first word, whole where it is in quotation marks, and what comes after it."""
    found = re.match(r"\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"']\S*))(?=\s|$)", text)
    if found is None:
        if text.strip():
            raise OptionError(f"{text.strip()[:40]} cannot be read", expected="a word, or words in quotation marks")
        return "", ""
    return next(g for g in found.groups() if g is not None), text[found.end() :]


def star_in(variables: Mapping[str, Any], name: str) -> Any:
    """The star of a variable: a Star, or what has one.

    Raises
    ------
    OptionError
        There is no such variable, or no star in it.
    """
    from specviz.spectra.star import Star

    if name not in variables:
        raise OptionError(f"There is no variable {name[:40]!r}", remedy=did_you_mean(name, variables))
    value = variables[name]
    star = value if isinstance(value, Star) else getattr(value, "star", None)
    if not isinstance(star, Star):
        raise OptionError(f"{name} is no star but a {type(value).__name__}", expected="a Star, a Report, an Explorer")
    return star


#: A line magic that ends like a question, alone or assigned.
_QUESTION = re.compile(r"^(\s*(?:[\w.]+\s*=\s*)?)%specviz\s+(\S.*\?)\s*$")


def with_questions(lines: list[str]) -> list[str]:
    """A cell's lines with questions as calls: IPython takes a question mark at the end for a wish for help."""
    if lines and lines[0].startswith("%%"):  # what another magic reads
        return lines
    return [_QUESTION.sub(_call, line) for line in lines]


def _call(found: re.Match[str]) -> str:
    return f"{found[1]}get_ipython().run_line_magic('specviz', {found[2]!r})\n"


def register(shell: Any) -> Magic:
    """Teach an IPython shell ``%specviz`` and ``%%specviz``."""
    magic = Magic(lambda: shell.user_ns)

    def specviz(line: str, cell: str | None = None) -> Told | None:
        return magic(line, cell)

    specviz.__doc__ = HELP
    shell.register_magic_function(specviz, magic_kind="line_cell", magic_name="specviz")
    if with_questions not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.append(with_questions)
    return magic


def unregister(shell: Any) -> None:
    """Forget both again."""
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("specviz", None)
    if with_questions in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.remove(with_questions)
