"""``specviz ask``: a question in words and its answer, or a conversation line by line."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specviz.cli.console import OK, TROUBLE, USAGE, complain
from specviz.errors import SpecvizError

if TYPE_CHECKING:
    from specviz.assistant.conversation import Conversation, Turn
    from specviz.assistant.llm.talk import LanguageModelTalk

_LONGEST = 64 * 2**20
_HELP = """Ask in words: “open demo 12”, “effective temperature?”, “5 similar stars”, “用 XP 再来一次”.
:file PATH   hand over a file    :save FILE   keep the conversation (.ipynb or .py)    :quit   end (Ctrl-D)"""


def add_parser(commands: Any) -> None:
    """Add ``ask`` to the subcommands."""
    parser = commands.add_parser(
        "ask",
        help="ask in words, English or Chinese",
        description="Ask in words: one question, or without one a conversation, line by line (from a file or a pipe, "
        "too). A grammar understands the words, on this machine; --llm lets the language model choose what to call. "
        "Every number comes from specviz, with the model that made it. The exit status is 1 if a question was not "
        "understood or could not be answered.",
        allow_abbrev=False,
    )
    parser.add_argument("words", metavar="WORDS", nargs="*", help="the question; without one a conversation begins")
    parser.add_argument("--file", type=Path, metavar="FILE", action="append", help="a spectrum to hand over; again")
    parser.add_argument("--model", default="specclip-small", help="model of spectra to ask (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: %(default)s)")
    parser.add_argument("--offline", action="store_true", help="ask no archive")
    parser.add_argument(
        "--llm", action="store_true", help="talk to the language model that SPECVIZ_LLM_BASE_URL and _MODEL name"
    )
    parser.add_argument("--json", action="store_true", help="a line of JSON a question: text, calls, numbers")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="keep the conversation: .ipynb or .py")
    parser.add_argument("--functions", action="store_true", help="print the tools as OpenAI-style functions, and end")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Answer, print, and return 1 if something was not answered."""
    if arguments.functions:
        from specviz.assistant.tools.catalogue import all_tools

        print(json.dumps([tool.to_openai() for tool in all_tools()], ensure_ascii=False, indent=1))
        return OK
    if arguments.output is not None and arguments.output.suffix not in (".ipynb", ".py"):
        complain(f"{arguments.output} | expected: a name that ends in .ipynb or .py")
        return USAGE
    talk = _talk(arguments)
    files = {path.name: _bytes(path) for path in arguments.file or ()}
    words = " ".join(arguments.words).strip()
    if words or (files and sys.stdin.isatty()):
        good = _answer(talk, words, files, as_json=arguments.json)
    else:
        good = _converse(talk, files, as_json=arguments.json)
    if arguments.output is not None:
        _save(talk, arguments.output)
    return OK if good else TROUBLE


def _talk(arguments: argparse.Namespace) -> Conversation | LanguageModelTalk:
    from specviz.assistant.desk import Desk
    from specviz.models.registry import available_models

    if arguments.model not in available_models() and not Path(arguments.model).exists():
        from specviz.models.registry import load_model

        load_model(arguments.model)  # says in words what is wrong with the name
    desk = Desk(model=arguments.model, device=arguments.device, online=not arguments.offline)
    if not arguments.llm:
        from specviz.assistant.conversation import Conversation

        return Conversation(desk)
    from specviz.assistant.llm.endpoint import Endpoint
    from specviz.assistant.llm.talk import LanguageModelTalk

    endpoint = Endpoint.named(
        "export SPECVIZ_LLM_BASE_URL=http://localhost:11434/v1 SPECVIZ_LLM_MODEL=qwen3, or leave out --llm"
    )
    complain(f"your words and the numbers found go to {endpoint.model} at {endpoint.base_url}; no spectrum does")
    return LanguageModelTalk(endpoint, desk)


def _converse(talk: Conversation | LanguageModelTalk, files: dict[str, bytes], *, as_json: bool) -> bool:
    """A line, an answer, until there are no more."""
    asked, good = sys.stdin.isatty(), True
    if asked:
        from importlib.util import find_spec

        if find_spec("readline"):
            __import__("readline")  # lets input() edit a line and remember the ones before
        print(_HELP, file=sys.stderr)
    if files and asked:
        good, files = _answer(talk, "", files, as_json=as_json), {}
    while True:
        try:
            line = input("specviz> " if asked else "").strip()
            if line in (":quit", ":q", "quit", "exit"):
                return good
            if line.startswith(":"):
                files |= _order(talk, line)
            elif line:
                good, files = _answer(talk, line, files, as_json=as_json) and good, {}
        except EOFError:
            return good
        except KeyboardInterrupt:
            if not asked:
                raise
            print("\n(stopped; Ctrl-D ends)", file=sys.stderr)
        except (SpecvizError, OSError) as error:
            complain(str(error))
            good = False


def _order(talk: Conversation | LanguageModelTalk, line: str) -> dict[str, bytes]:
    """What begins with a colon: files that go with the next question, if any."""
    order, _, rest = line[1:].partition(" ")
    path = Path(rest.strip().strip("'\"")).expanduser()
    if order == "file" and rest:
        return {path.name: _bytes(path)}
    if order == "save" and path.suffix in (".ipynb", ".py"):
        _save(talk, path)
    else:
        print(_HELP, file=sys.stderr)
    return {}


def _answer(talk: Conversation | LanguageModelTalk, words: str, files: dict[str, bytes], *, as_json: bool) -> bool:
    """Ask, print; whether there was an answer."""
    from specviz.assistant.transcript import made_by, plain_of

    turn = talk.say(words, files or None)
    if as_json:
        print(json.dumps(plain_of(turn), ensure_ascii=False, allow_nan=False), flush=True)
        return _answered(turn)
    if turn.text and (turn.answers or _answered(turn)):
        print(turn.text)
        if told := [made_by(a) for a in turn.answers if a.provenance]:
            print(f"[{'; '.join(told)}]")
        sys.stdout.flush()
    elif turn.text:
        complain(turn.text)
    if turn.problem:
        complain(turn.problem)
    return _answered(turn)


def _answered(turn: Turn) -> bool:
    """Whether there was nothing to complain of: a greeting that is returned is an answer, too."""
    return not turn.problem and bool(turn.answers or turn.understood)


def _save(talk: Conversation | LanguageModelTalk, path: Path) -> None:
    from specviz.assistant.transcript import keep

    keep(talk.turns, path)
    complain(f"wrote the conversation to {path}")


def _bytes(path: Path) -> bytes:
    """A file that is handed over.

    Raises
    ------
    SpecvizError
        If it cannot be read, or is far larger than a spectrum.
    """
    path = path.expanduser()
    try:
        size = path.stat().st_size
        if size > _LONGEST:
            raise SpecvizError(f"{path.name} has {size / 2**20:.0f} MB", expected=f"at most {_LONGEST / 2**20:.0f}")
        return path.read_bytes()
    except OSError as error:
        raise SpecvizError(f"{path} cannot be read ({error.strerror})") from error
