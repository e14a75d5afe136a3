"""``Tool`` and ``Registry``: functions that a person, a language model or another program calls by name.

A tool is a function whose first parameter is the :class:`~specviz.assistant.desk.Desk`; the others are text, numbers,
switches, words of a fixed set, or lists of text. Its description and its JSON schema are made from the signature and
the docstring, so that they cannot say anything else than what the function takes.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from specviz.assistant.desk import Desk
from specviz.assistant.tools.result import Answer
from specviz.errors import OptionError, did_you_mean

_JSON = {str: "string", int: "integer", float: "number", bool: "boolean"}
#: A longer text is no argument: it may be a whole document that someone wants to be acted upon.
LONGEST = 2000


@dataclass(frozen=True)
class Tool:
    """One thing that can be asked for.

    Parameters
    ----------
    name, summary : str
    run : callable
        ``run(desk, **arguments) -> Answer``.
    parameters : mapping
        JSON schema of the arguments.
    reaches : {"", "network", "disk"}
        What it touches beyond the kernel. Such a tool is called only where the person's own words ask for it, never
        because a file, a star's name or another tool's answer says so.
    """

    name: str
    summary: str
    run: Callable[..., Answer]
    parameters: Mapping[str, Any]
    reaches: Literal["", "network", "disk"] = ""

    def call(self, desk: Desk, arguments: Mapping[str, Any] | None = None) -> Answer:
        """Check the arguments and run.

        Raises
        ------
        OptionError
            For an argument that does not exist, is missing, or has a value that it cannot have.
        SpecvizError
            What the tool itself has to say.
        """
        given = self.checked(arguments or {})
        return replace(self.run(desk, **given), arguments=given, star=desk.star)

    def checked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the function takes them; numbers that came as text are numbers then."""
        known: Mapping[str, Any] = self.parameters["properties"]
        for name in arguments:
            if name not in known:
                raise OptionError(
                    f"{self.name} has no argument {str(name)[:40]!r}",
                    expected="some of " + ", ".join(known) if known else "none",
                    remedy=did_you_mean(str(name), known),
                )
        missing = [name for name in self.parameters["required"] if arguments.get(name) is None]
        if missing:
            raise OptionError(f"{self.name} needs {', '.join(missing)}", expected=self._said(missing[0]))
        given = {name: value for name, value in arguments.items() if value is not None}
        return {name: _value(f"{self.name}: {name}", known[name], value) for name, value in given.items()}

    def _said(self, name: str) -> str:
        return str(self.parameters["properties"][name].get("description", ""))

    def to_openai(self) -> dict[str, Any]:
        """As a function of an OpenAI-style chat request."""
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.summary, "parameters": dict(self.parameters)},
        }


class Registry:
    """Tools by name, in the order in which they were added."""

    def __init__(self) -> None:
        self._tools: dict[str, Tool] = {}

    @classmethod
    def of(cls, tools: Iterable[Tool]) -> Registry:
        """A registry of these."""
        made = cls()
        made._tools.update({tool.name: tool for tool in tools})
        return made

    def add(
        self, function: Callable[..., Answer] | None = None, *, reaches: Literal["", "network", "disk"] = ""
    ) -> Any:
        """Decorate a function: its name is the tool's."""

        def keep(run: Callable[..., Answer]) -> Callable[..., Answer]:
            name = run.__name__.rstrip("_")
            if name in self._tools:
                raise OptionError(f"There are two tools called {name}")
            self._tools[name] = Tool(name, _summary(run), run, schema_of(run), reaches)
            return run

        return keep if function is None else keep(function)

    def update(self, other: Registry) -> None:
        """Take over another registry's tools."""
        for tool in other:
            if tool.name in self._tools:
                raise OptionError(f"There are two tools called {tool.name}")
            self._tools[tool.name] = tool

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __getitem__(self, name: str) -> Tool:
        if name not in self._tools:
            raise OptionError(
                f"There is no tool {str(name)[:40]!r}",
                expected="one of " + ", ".join(self._tools),
                remedy=did_you_mean(str(name), self._tools),
            )
        return self._tools[name]


# ---------------------------------------------------------------------------------------------- schemas
def schema_of(function: Callable[..., Any]) -> dict[str, Any]:
    """JSON schema of a function's parameters but the first; descriptions are those of the numpydoc section."""
    hints, told = get_type_hints(function), _described(inspect.getdoc(function) or "")
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, parameter in [*inspect.signature(function).parameters.items()][1:]:
        schema = _type(hints[name])
        if told.get(name):
            schema["description"] = told[name]
        if parameter.default is inspect.Parameter.empty:
            required.append(name)
        elif parameter.default is not None:
            schema["default"] = parameter.default
        properties[name] = schema
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _type(hint: Any) -> dict[str, Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):  # X | None
        (hint,) = (a for a in arguments if a is not type(None))
        return _type(hint)
    if origin is Literal:
        return {"type": "string", "enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": _type(arguments[0])}
    return {"type": _JSON[hint]}


def _summary(function: Callable[..., Any]) -> str:
    text = (inspect.getdoc(function) or "").split("\n\n")[0]
    return " ".join(text.split())


def _described(doc: str) -> dict[str, str]:
    """Name -> description, of the section "Parameters" of a numpydoc docstring."""
    section = re.search(r"Parameters\n-+\n(.*?)(?:\n\n[A-Z]\w+\n-+|\Z)", doc, re.S)
    out: dict[str, str] = {}
    names: list[str] = []
    for line in section[1].splitlines() if section else ():
        if line and not line.startswith(" "):
            names = [n.strip() for n in line.split(":")[0].split(",")]
        elif names and line.strip():
            for name in names:
                out[name] = f"{out[name]} {line.strip()}" if name in out else line.strip()
    return out


# ---------------------------------------------------------------------------------------------- values
def _value(what: str, schema: Mapping[str, Any], value: Any) -> Any:
    kind = schema["type"]
    if "enum" in schema:
        if value not in schema["enum"]:
            words = [str(w) for w in schema["enum"]]
            raise OptionError(
                f"{what}={str(value)[:40]!r}", expected="one of " + ", ".join(words),
                remedy=did_you_mean(str(value), words),
            )  # fmt: skip
        return value
    if kind == "array":
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, (list, tuple)) or len(items) > 200:
            raise OptionError(f"{what}={str(value)[:40]!r}", expected="a list of at most 200")
        return [_value(what, schema["items"], item) for item in items]
    if kind == "string":
        if not isinstance(value, str) or len(value) > LONGEST:
            raise OptionError(f"{what} is {type(value).__name__}", expected=f"text of at most {LONGEST} letters")
        return value
    if kind == "boolean":
        if not isinstance(value, bool):
            raise OptionError(f"{what}={str(value)[:40]!r}", expected="true or false")
        return value
    return _number(what, kind, value)


def _number(what: str, kind: str, value: Any) -> float | int:
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if number != number or abs(number) == float("inf") or (kind == "integer" and not number.is_integer()):
        raise OptionError(f"{what}={str(value)[:40]!r}", expected="a whole number" if kind == "integer" else "a number")
    return int(number) if kind == "integer" else number
