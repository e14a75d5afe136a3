"""The menu of models: which one reads the stars, which are not on this machine and why, and all of them at once."""

from __future__ import annotations

from collections.abc import Sequence

from specviz.session.state import ModelChoice
from specviz.views.formats import text
from specviz.views.option_controls import menu


def model_menu(
    choices: Sequence[ModelChoice], current: str, *, comparing: bool = False, side_by_side: bool = False
) -> str:
    """A drop-down (HTML for a pane whose style sheet holds :data:`specviz.views.option_controls.CSS`).

    Its buttons say ``data-sv-act="model NAME"``, which :meth:`specviz.session.session.Session.use_model` answers, and
    switch the options ``face_off`` and ``compare``, whose present values are ``comparing`` and ``side_by_side``.
    """
    items = "".join(_item(c, current) for c in choices) or _item(ModelChoice(current), current)
    compare = _switch("face_off", "Compare models on this star", comparing)
    compare += _switch("compare", "Compare with a similar star", side_by_side)
    label = f'<span class="sv-quiet">Model</span> {text(current, 32)}'
    return menu(label, f"{items}<hr>{compare}", name=f"Model: {text(current, 60)}")


def _switch(option: str, label: str, on: bool) -> str:
    return f'<button class="sv-item" data-sv-toggle="{option}" aria-pressed="{str(on).lower()}">{label}</button>'


def _item(choice: ModelChoice, current: str) -> str:
    name = text(choice.name, 40)
    if choice.missing:
        why = text(f"Not on this machine: {choice.missing}", 200)
        return f'<button class="sv-item" disabled title="{why}">{name} <span class="sv-quiet">not here</span></button>'
    pressed = str(choice.name == current).lower()
    return (
        f'<button class="sv-item" data-sv-act="model {name}" aria-pressed="{pressed}" '
        f'title="{text(choice.summary, 200)}">{name}</button>'
    )
