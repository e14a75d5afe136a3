"""The menu of models: which one reads the stars, which are not on this machine and why, and all of them at once."""

from __future__ import annotations

from collections.abc import Sequence

from specviz import extensions
from specviz.session.state import ModelChoice
from specviz.views.formats import text
from specviz.views.option_controls import menu

#: The panels of the systems: option ``study``, what the menu calls it, and what it is.
STUDIES = (
    ("spectrafm", "Ask a part of the spectrum", "SpectraFM: labels from any stretch of wavelengths"),
    ("phdlspec", "Fit 28 labels", "PhDLspec: fit with the spectral emulator, and turn every label by hand"),
    ("desa", "Spectrum and light curve", "DESA: age, binarity and the duality of spectrum and light curve"),
    ("lux", "Linear latent model", "Lux: the honest baseline, one latent vector for labels and both spectra"),
)


def model_menu(
    choices: Sequence[ModelChoice],
    current: str,
    *,
    comparing: bool = False,
    side_by_side: bool = False,
    study: str | None = None,
) -> str:
    """A drop-down (HTML for a pane whose style sheet holds :data:`specviz.views.option_controls.CSS`).

    Its buttons say ``data-sv-act="model NAME"``, which :meth:`specviz.session.session.Session.use_model` answers, and
    switch the options ``face_off`` and ``compare``, whose present values are ``comparing`` and ``side_by_side``; and
    open the panel of a system, of which ``study`` is open now (None: there are no such panels).
    """
    items = "".join(_item(c, current) for c in choices) or _item(ModelChoice(current), current)
    compare = _switch("face_off", "Compare models on this star", comparing)
    compare += _switch("compare", "Compare with a similar star", side_by_side)
    if study is not None:
        compare += "<hr>" + "".join(_study(*told, study) for told in STUDIES)
        compare += "".join(
            _study(name, text(added.title, 60), added.summary, study)
            for name, added in extensions.panels().items()
            if name not in {told[0] for told in STUDIES}
        )
    label = f'<span class="sv-quiet">Model</span> {text(current, 32)}'
    return menu(label, f"{items}<hr>{compare}", name=f"Model: {text(current, 60)}")


def _switch(option: str, label: str, on: bool) -> str:
    return f'<button class="sv-item" data-sv-toggle="{option}" aria-pressed="{str(on).lower()}">{label}</button>'


def _study(name: str, label: str, hint: str, now: str) -> str:
    return (
        f'<button class="sv-item" data-sv-act="study {name}" aria-pressed="{str(name == now).lower()}" '
        f'title="{text(hint, 200)}">{label}</button>'
    )


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
