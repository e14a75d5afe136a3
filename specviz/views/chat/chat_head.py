"""The header of the chat, its menus, and the lines under the field: HTML of a state of the conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from specviz.views import icons
from specviz.views.formats import text
from specviz.views.option_controls import icon_button, menu


def head_html(state: Any, transcript: str, *, closes: bool) -> str:
    """Title, the star in hand, the menus.

    Parameters
    ----------
    state : TalkState
    transcript : str
        What "Copy" copies.
    closes : bool
        Whether there is a button that closes the chat.
    """
    star = f"In hand: {text(state.star, 60)}" if state.star else "No star in hand"
    close = icon_button("Close chat", "close", 'data-sv-act="chat-close"') if closes else ""
    keep = keep_menu(transcript) if transcript else ""
    return (
        f'<div class="top"><b>Chat</b><span class="sv-quiet fact" title="{star}">{star}</span>'
        f'<span class="sv-controls">{keep}{model_menu(state)}{close}</span></div>'
    )


def keep_menu(transcript: str) -> str:
    """What can be done with what was said."""
    items = (
        f'<button class="sv-item" data-sv-copy="{text(transcript, 200_000)}">Copy as text</button>'
        '<button class="sv-item" data-sv-act="chat-notebook">Save as notebook</button>'
        '<button class="sv-item" data-sv-act="chat-python">Save as Python</button>'
        '<hr><button class="sv-item" data-sv-act="chat-clear">Begin anew</button>'
    )
    return menu(f'{icons.svg("export", 14)} <span class="word">Keep</span>', items, name="Keep the conversation")


def model_menu(state: Any) -> str:
    """Who chooses the tools: the grammar, or a language model that the person names."""
    using = text(state.model, 24) if state.base_url else "Grammar"
    if not state.may_ask_elsewhere:
        return ""
    address, name = (state.base_url, state.model) if state.base_url else state.offered
    form = (
        '<div class="sv-form"><p>Without a language model a grammar reads English and Chinese. Any OpenAI-compatible server may choose the tools '
        "in its place: Ollama, vLLM, LM Studio, a service. Numbers still come from the tools.</p>"
        f"{_field('base_url', 'Address', 'http://localhost:11434/v1', address)}{_field('model', 'Model', 'qwen3:8b', name)}"
        f"{_field('key', 'Key', 'only where one is needed', '', secret=True)}"
        '<div class="does"><button class="sv-button" data-sv-form="chat-endpoint">Use it</button>'
        f'<button class="sv-button" data-sv-act="chat-grammar" aria-pressed="{str(not state.base_url).lower()}">Grammar only</button></div></div>'
    )
    return menu(
        f'{icons.svg("tools", 14)} <span class="word">{using}</span>', form, name=f"Who chooses the tools: {using}"
    )


def _field(name: str, label: str, hint: str, value: str, *, secret: bool = False) -> str:
    kind = "password" if secret else "text"
    return (
        f'<label for="sv-{name}">{label}</label><input id="sv-{name}" data-sv-field="{name}" type="{kind}" value="{text(value, 200)}" '
        f'placeholder="{text(hint)}" autocomplete="off" spellcheck="false">'
    )


def leaves_html(state: Any) -> str:
    """What leaves the machine, and why the last setting was not taken."""
    problem = (
        f'<div class="problem" role="alert">{icons.svg("warning", 13)} {text(state.problem, 400)}</div>'
        if state.problem
        else ""
    )
    who = f"Asks {text(state.model, 40)}." if state.base_url else "Grammar only."
    return f'{problem}<div class="leaves"><b>{who}</b> {text(state.leaves, 300)}</div>'


def attached_html(names: Sequence[str]) -> str:
    """Files that go with what is said next."""
    chips = "".join(
        f'<span>{text(n, 60)}<button data-sv-act="chat-detach {text(n, 200)}" aria-label="Put {text(n, 60)} away">{icons.svg("close", 12)}</button></span>'
        for n in names
    )
    return f'<div class="chips" aria-label="Files">{chips}</div>' if chips else ""
