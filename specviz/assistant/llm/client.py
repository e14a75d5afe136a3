"""``ChatClient``: one request of ``/chat/completions``, streamed, with an end and a way to stop it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from specviz.assistant.llm.endpoint import Endpoint
from specviz.assistant.llm.errors import LanguageModelError
from specviz.assistant.llm.lines import lines_of

#: Letters of an answer and of the arguments of a call, seconds of a whole answer: what is longer is broken off.
LONGEST, LONGEST_ARGUMENTS, LONGEST_TIME = 40_000, 20_000, 300.0


@dataclass
class Wanted:
    """A call that the model wants: its id, the tool, and the arguments as it wrote them."""

    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass
class Reply:
    """What the model said and wants."""

    text: str = ""
    calls: list[Wanted] = field(default_factory=list)


class ChatClient:
    """Asks one endpoint.

    Parameters
    ----------
    endpoint : Endpoint
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def ask(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        *,
        said: Callable[[str], None] | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Reply:
        """One answer.

        Parameters
        ----------
        messages, tools : sequence of mapping
            As the API takes them.
        said : callable, optional
            Hears every piece of text as it comes.
        stopped : callable
            Asked between pieces.

        Raises
        ------
        LanguageModelError
            In words: it cannot be reached, refuses, keeps silent too long, or says nothing that can be read.
        CancelledError
            When ``stopped`` says so.
        """
        try:
            import httpx
        except ImportError:
            raise LanguageModelError(
                "Asking a language model needs httpx", remedy="pip install 'jupyter-specviz[assistant]'"
            ) from None

        e = self.endpoint
        body: dict[str, Any] = {"model": e.model, "messages": list(messages), "stream": True}
        if tools:
            body["tools"] = list(tools)
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if e.key:
            headers["Authorization"] = f"Bearer {e.key}"
        limits = httpx.Timeout(e.timeout, connect=min(10.0, e.timeout))

        def chunks() -> Iterator[bytes]:
            with (
                httpx.Client(timeout=limits, follow_redirects=False, trust_env=not e.local) as client,
                client.stream(
                    "POST", f"{e.base_url}/chat/completions", content=json.dumps(body).encode(), headers=headers
                ) as response,
            ):
                if response.status_code != 200:
                    raise LanguageModelError(*_refusal(response.status_code), remedy=f"Look at {e.base_url}")
                yield from response.iter_bytes()

        reply = Reply()
        try:
            for piece in _pieces(lines_of(chunks, stopped, LONGEST_TIME)):
                _take(reply, piece, said)
        except httpx.TimeoutException:
            raise LanguageModelError(
                f"The language model kept silent for {e.timeout:g} s", remedy="Ask again, or ask a smaller model"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:  # a key that no header takes is the last
            raise LanguageModelError(
                f"The language model at {e.base_url} cannot be reached ({type(error).__name__})",
                remedy="Is it running? Without it, the assistant understands plain questions",
            ) from None
        return reply


def _refusal(status: int) -> tuple[str]:
    words = {401: "it wants another key", 403: "it wants another key", 404: "it has no such model or address",
             429: "it has too much to do"}  # fmt: skip
    words |= dict.fromkeys((301, 302, 303, 307, 308), "it points to another address, and is not followed there")
    return (f"The language model refused ({status}: {words.get(status, 'a fault of its own')})",)


def _pieces(lines: Iterator[str]) -> Iterator[Mapping[str, Any]]:
    """The JSON of server-sent events, or of a whole answer that was not streamed."""
    whole: list[str] = []
    for line in lines:
        if line.startswith("data:"):
            text = line[5:].strip()
            if text == "[DONE]":
                return
            yield _json(text)
        elif line.strip() and not line.startswith((":", "event:", "id:", "retry:")):
            whole.append(line)
            if sum(map(len, whole)) > LONGEST:
                raise LanguageModelError("The language model's answer is too long")
    if whole:
        yield _json("\n".join(whole))


def _json(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise LanguageModelError("The language model's answer cannot be read", expected="JSON") from None
    if not isinstance(found, Mapping):
        raise LanguageModelError("The language model's answer cannot be read", expected="a JSON object")
    if "error" in found:
        told = found["error"]
        words = str(told.get("message", "")) if isinstance(told, Mapping) else str(told)
        raise LanguageModelError(f"The language model reports: {words[:200]}")
    return found


def _take(reply: Reply, piece: Mapping[str, Any], said: Callable[[str], None] | None) -> None:
    choices = piece.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        return  # a piece about usage
    part = choices[0].get("delta") or choices[0].get("message") or {}
    if not isinstance(part, Mapping):
        raise LanguageModelError("The language model's answer cannot be read", expected="a JSON object")
    text = part.get("content")
    if isinstance(text, str) and text:
        text = _sound(text)
        reply.text += text
        if len(reply.text) > LONGEST:
            raise LanguageModelError("The language model's answer is too long")
        if said is not None:
            said(text)
    wished = part.get("tool_calls")
    for i, call in enumerate(wished if isinstance(wished, list) else ()):
        function = call.get("function") or {} if isinstance(call, Mapping) else None
        if not isinstance(call, Mapping) or not isinstance(function, Mapping):
            raise LanguageModelError("The language model's call cannot be read", expected="a JSON object")
        at = call.get("index", i)
        if isinstance(at, bool) or not isinstance(at, int) or not 0 <= at < 32:
            raise LanguageModelError("The language model wants too many calls at once")
        while len(reply.calls) <= at:
            reply.calls.append(Wanted())
        wanted = reply.calls[at]
        wanted.id = _sound(str(call.get("id") or wanted.id))[:100]
        wanted.name += _sound(str(function.get("name") or ""))
        wanted.arguments += _sound(str(function.get("arguments") or ""))
        if len(wanted.arguments) > LONGEST_ARGUMENTS or len(wanted.name) > 100:
            raise LanguageModelError("The language model's call is too long")


def _sound(text: str) -> str:
    """Without halves of surrogate pairs, which no other program takes."""
    return text.encode("utf-8", "replace").decode()
