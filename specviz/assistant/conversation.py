"""``Conversation``: what is said, what is called for it, and what is said back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from specviz.assistant.desk import Desk
from specviz.assistant.intents.meaning import Before, Call, Understood, label_of
from specviz.assistant.intents.parser import understand
from specviz.assistant.intents.vocabulary import EXAMPLES, Language, language_of
from specviz.assistant.tools.catalogue import all_tools
from specviz.assistant.tools.registry import Registry
from specviz.assistant.tools.result import Answer
from specviz.assistant.wording.problems import STOPPED, joined, problem_in
from specviz.assistant.wording.sentences import about_files, help_text, not_understood, say
from specviz.errors import CancelledError, SpecvizError

#: Calls after which nothing is left to ask again: they are no question about a star.
_NO_QUESTION = {"load", "fetch", "use_model", "help", "export", "models", "papers", "papers_online"}
#: Calls that take another star in hand.
_OPENS = ("load", "fetch")
#: Files handed over at once whose labels are told; stars that "the previous one" may mean.
READ_AT_ONCE, _KEPT = 5, 50


@dataclass(frozen=True, eq=False)
class Turn:
    """One text of the person and what came of it.

    Parameters
    ----------
    said : str
    language : {"en", "zh"}
    answers : tuple of Answer
        Of the tools, in the order of their calls.
    text : str
        What is said back.
    problem : str
        Why something could not be done, "" where all was.
    suggestions : tuple of str
        What could be said instead.
    understood : bool
        False where the text was not understood, or did not name what it would have to.
    """

    said: str
    language: Language
    answers: tuple[Answer, ...] = ()
    text: str = ""
    problem: str = ""
    suggestions: tuple[str, ...] = ()
    understood: bool = True


@dataclass
class Conversation:
    """Without a language model: the grammar of :mod:`specviz.assistant.intents` chooses the tools.

    Parameters
    ----------
    desk : Desk
    tools : Registry, optional
        All of them by default.
    """

    desk: Desk = field(default_factory=Desk)
    tools: Registry = field(default_factory=all_tools)
    turns: list[Turn] = field(default_factory=list)
    _before: Before = field(default_factory=Before)
    _stars: tuple[str, ...] = ()

    def say(
        self,
        text: str,
        files: Mapping[str, bytes] | None = None,
        *,
        told: Callable[[Answer], None] | None = None,
        said: Callable[[str], None] | None = None,
    ) -> Turn:
        """One turn. It never raises: what cannot be done is said, and what was done before it stays.

        Parameters
        ----------
        text : str
        files : mapping of str to bytes, optional
            Files that were handed over with it; the last is in hand then.
        told : callable, optional
            Hears every answer as it comes.
        said : callable, optional
            Hears the words; here all at once, at the end.
        """
        turn = self._turn(text, files, told)
        if said is not None and turn.text:
            said(turn.text)
        return turn

    def _turn(self, text: str, files: Mapping[str, bytes] | None, told: Callable[[Answer], None] | None) -> Turn:
        self.desk.ready()
        language, heard = language_of(text), _Heard(told)
        try:
            self._take(files or {}, heard, asked=bool(text.strip()))
            if not text.strip() and files:
                language = self._before.language or language  # type: ignore[assignment]
                return self._end(heard, Turn(text, language))
            before = replace(
                self._before, has_star=self.desk.star is not None, listed=heard.listed or self._before.listed
            )
            understood = understand(text, before, uploads=self.desk.uploads, models=self._models())
            language = understood.language
            calls = understood.calls
            if not calls and heard.files:  # "here is my spectrum": what it is, and nothing was asked
                calls = (Call("labels"),)
            elif not calls:
                said = not_understood(understood) if not heard.problems else ""
                known = bool(understood.reply)
                return self._end(heard, Turn(text, language, (), said, "", understood.suggestions, known))
            self._make(self._of_each_file(calls, heard), heard)
        except CancelledError:
            return self._end(heard, Turn(text, language, (), "", STOPPED[language]))
        heard.also = understood.reply if understood.calls else ""
        questions = tuple(c for c in calls if c.tool not in _NO_QUESTION)
        stars = tuple(dict.fromkeys(str(c.arguments["name"]) for c in calls if c.tool in _OPENS))
        self._before = replace(
            self._before, calls=_once(questions) or self._before.calls, label=label_of(calls) or self._before.label,
            together=stars if len(stars) > 1 else (), listed=stars if len(stars) > 1 else self._before.listed,
        )  # fmt: skip
        return self._end(heard, Turn(text, language))

    def _take(self, files: Mapping[str, bytes], heard: _Heard, *, asked: bool) -> None:
        """Read files that were handed over: what each is, and its labels where nothing else is asked; one that cannot
        be read keeps no other from being read."""
        for name, data in files.items():
            known = set(self.desk.uploads)
            try:
                self.desk.upload(name, data)
            except SpecvizError as error:
                heard.broken.append(name)
                heard.fail(error, name if len(files) > 1 else "")
                continue
            heard.files.append(name)
            more = [n for n in self.desk.uploads if n not in known and n != name]
            heard.more += [(name, second) for second in more[:1]]
            self._stars = (*self._stars, name)
            self._make([Call("star")], heard)
            if not asked and len(heard.files) <= READ_AT_ONCE:
                self._make([Call("labels")], heard)
            if len(heard.files) + len(more) > 1:
                heard.listed = (*heard.files, *more)

    def _of_each_file(self, calls: tuple[Call, ...], heard: _Heard) -> tuple[Call, ...]:
        """What is asked of several files that were handed over at once is asked of each."""
        if len(heard.files) < 2 or any(
            c.tool in _OPENS or c.tool in _NO_QUESTION or c.tool == "outliers" for c in calls
        ):
            return calls
        return tuple(c for name in heard.files[:READ_AT_ONCE] for c in (Call("load", {"name": name}), *calls))

    def _make(self, calls: Iterable[Call], heard: _Heard) -> None:
        """Make calls; after one that fails, go on with the next star: nothing is asked of a wrong one."""
        failed = False
        for call in calls:
            if failed and call.tool not in _OPENS:
                continue
            try:
                answer = self._call(call)
            except CancelledError:
                raise
            except SpecvizError as error:
                failed = True
                heard.fail(error)
                continue
            failed = False
            heard.hear(answer)
            if call.tool in _OPENS:
                self._stars = (*self._stars, str(call.arguments["name"]))[-_KEPT:]
            elif call.tool in ("similar", "outliers"):
                rows = answer.data["stars" if call.tool == "similar" else "oddest"]
                asked = {self.desk.find(n).name: n for n in call.arguments.get("names", ())}
                heard.listed = tuple(asked.get(str(row["star"]), str(row["star"])) for row in rows)

    def _call(self, call: Call) -> Answer:
        if call.tool == "help" and "help" not in self.tools:
            return cast(Answer, self.desk.keep(Answer("help", {})))
        return cast(Answer, self.desk.keep(self.tools[call.tool].call(self.desk, call.arguments)))

    def _words(self, answers: list[Answer], language: Language) -> str:
        parts = [help_text(language) if a.tool == "help" else say(a, language) for a in answers]
        return "\n".join(p for p in parts if p)

    def _models(self) -> tuple[str, ...]:
        from specviz.models.registry import available_models

        return available_models()

    def _end(self, heard: _Heard, turn: Turn) -> Turn:
        """Say what was heard, and remember the turn."""
        here = {*self.desk.uploads}
        listed = tuple(n for n in heard.listed if n in here or n.startswith("demo "))
        self._before = replace(
            self._before, stars=self._stars, listed=listed or self._before.listed, language=turn.language,
            has_star=self.desk.star is not None,
        )  # fmt: skip
        words = [
            self._words(heard.answers, turn.language),
            about_files(turn.language, heard.broken, heard.more),
            turn.text,
        ]
        if heard.also:
            words.append(not_understood(Understood(turn.language, reply=heard.also)))
        problem = joined(turn.language, [turn.problem, *heard.failures(turn.language)])
        suggestions = turn.suggestions
        if problem and not suggestions:
            suggestions = EXAMPLES[turn.language][:1] if self.desk.star is None else EXAMPLES[turn.language][1:4]
        text = "\n".join(filter(None, words))
        said = replace(turn, answers=tuple(heard.answers), text=text, problem=problem, suggestions=suggestions)
        self.turns.append(said)
        return said


def _once(calls: tuple[Call, ...]) -> tuple[Call, ...]:
    """Calls, each once: what was asked of several stars is one question."""
    return tuple(c for i, c in enumerate(calls) if c not in calls[:i])


@dataclass
class _Heard:
    """What came of a turn so far."""

    told: Callable[[Answer], None] | None
    answers: list[Answer] = field(default_factory=list)
    problems: list[tuple[str, SpecvizError]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    more: list[tuple[str, str]] = field(default_factory=list)
    listed: tuple[str, ...] = ()
    also: str = ""

    def fail(self, error: SpecvizError, name: str = "") -> None:
        """Remember what went wrong, and with which file where there are several."""
        self.problems.append((name, error))

    def failures(self, language: Language) -> list[str]:
        """What went wrong, in that language."""
        between = "：" if language == "zh" else ": "
        said = [(name, problem_in(language, error)) for name, error in self.problems]
        return [f"{name}{between}{text}" if name and not text.startswith(name) else text for name, text in said]

    def hear(self, answer: Answer) -> None:
        self.answers.append(answer)
        if self.told is not None:
            self.told(answer)
