"""The few controls of the Explorer, each a Bokeh widget in our dress with a name that screen readers and tests can
use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from bokeh.models import (
    Button,
    Column,
    CustomJS,
    FileInput,
    GlyphRenderer,
    InlineStyleSheet,
    Pane,
    RadioButtonGroup,
    Row,
    Select,
    TextInput,
    Toggle,
    UIElement,
)
from bokeh.models.dom import HTML as DomHtml

from specviz.views import stylesheet
from specviz.views.stylesheet import QUIET

_sheets: ContextVar[dict[str, InlineStyleSheet] | None] = ContextVar("specviz style sheets", default=None)


@contextmanager
def shared_sheets(known: dict[str, InlineStyleSheet] | None = None) -> Iterator[None]:
    """While a view is built, equal style sheets are one model (a model belongs to one document, so no longer than that).

    ``known`` keeps them for a view that is built in several goes.
    """
    token = _sheets.set({} if known is None else known)
    try:
        yield
    finally:
        _sheets.reset(token)


def sheet(css: str) -> InlineStyleSheet:
    """A style sheet; within :func:`shared_sheets` the same one for the same text."""
    known = _sheets.get()
    if known is None:
        return InlineStyleSheet(css=css)
    if css not in known:
        known[css] = InlineStyleSheet(css=css)
    return known[css]


HIDDEN = "data-sv-hidden"
#: Of a pane whose text changes: a screen reader speaks what changes within an element that stays, not one that comes.
SPOKEN = {"role": "status", "aria-live": "polite"}


def show(model: Any, shown: bool) -> None:
    """Show or hide by an attribute that the model's style sheet knows.

    A change of ``visible``, and of ``css_classes`` too, makes Bokeh lay out and repaint the whole page, 100 ms for the
    Explorer; the browser alone does it in less than one.
    """
    if is_shown(model) != shown:
        others = {k: v for k, v in model.html_attributes.items() if k != HIDDEN}
        model.html_attributes = others if shown else {**others, HIDDEN: "true"}


def is_shown(model: Any) -> bool:
    """Whether :func:`show` left the model visible."""
    return HIDDEN not in model.html_attributes


def name_plot(figure: Any, sentence: str) -> None:
    """Tell a screen reader what a plot shows: it is one picture, and this sentence is its name."""
    attributes = {**figure.html_attributes, "role": "img", "aria-label": sentence}
    if attributes != figure.html_attributes:
        figure.html_attributes = attributes


class Drawing:
    """Tells what our own drawing changes from what the person does: ``with drawing: ...``, ``if not drawing.here: ...``.

    Callbacks run on the thread that makes the change, and a person's press comes on another than the one that draws:
    a plain flag would take a press at that moment for our own doing.
    """

    def __init__(self) -> None:
        self._thread: int | None = None

    def __enter__(self) -> None:
        self._thread = threading.get_ident()

    def __exit__(self, *_error: object) -> None:
        self._thread = None

    @property
    def here(self) -> bool:
        """Whether this thread is drawing."""
        return self._thread == threading.get_ident()


class Html:
    """A piece of HTML in our type: Bokeh's DOM model in a pane, whose text is swapped without a new layout of the page.

    (Bokeh's ``Div`` lays the whole page out again at each change, 13 ms; Panel's pane sends its style sheets again, and
    importing Panel costs a third of the time to the first view.) What comes from outside must have gone through
    ``formats.text``.
    """

    def __init__(self, text: str = "", *, css: str = "", classes: Sequence[str] = (), **options: Any) -> None:
        self._content = DomHtml(html=text)
        self.model: Any = Pane(
            elements=[self._content], stylesheets=[sheet(stylesheet.TEXT + css)], css_classes=list(classes), **options
        )

    @property
    def object(self) -> str:
        return str(self._content.html)

    @object.setter
    def object(self, text: str) -> None:
        if self._content.html != text:
            self._content.html = text

    @property
    def visible(self) -> bool:
        return is_shown(self.model)

    @visible.setter
    def visible(self, shown: bool) -> None:
        show(self.model, shown)


def html(text: str = "", *, css: str = "", classes: Sequence[str] = (), **options: Any) -> Html:
    """A piece of HTML; see :class:`Html`."""
    return Html(text, css=css, classes=classes, **options)


def models(children: Sequence[Any]) -> list[UIElement]:
    """The Bokeh models of a mixed list."""
    return [c.model if isinstance(c, Html) else c for c in children]


def row(*children: Any, css: str = "", classes: Sequence[str] = (), **options: Any) -> Row:
    """Children side by side, 8 px apart; one with the class ``sv-grow`` takes the space that is left."""
    return Row(
        children=models(children),
        margin=0,
        stylesheets=[sheet(stylesheet.ROW + css)],
        css_classes=list(classes),
        sizing_mode="stretch_width",
        **options,
    )


def column(*children: Any, css: str = "", classes: Sequence[str] = (), **options: Any) -> Column:
    """Children one below the other."""
    return Column(
        children=models(children),
        margin=0,
        spacing=0,
        stylesheets=[sheet(css + stylesheet.HIDE)],
        css_classes=list(classes),
        sizing_mode="stretch_width",
        **options,
    )


def spacer() -> Html:
    return html("", classes=["sv-grow"])


def button(
    label: str, on_click: Callable[[], Any] | CustomJS, *, css: str = stylesheet.SMALL_BUTTON, **kwargs: Any
) -> Button:
    """A push button; ``on_click`` is a Python function or, for work that stays in the browser, a CustomJS."""
    widget = Button(label=label, stylesheets=[sheet(css)], margin=0, **kwargs)
    if isinstance(on_click, CustomJS):
        widget.js_on_click(on_click)
    else:
        widget.on_click(lambda _event: on_click())
    return widget


def icon_button(label: str, icon: str, on_click: Callable[[], Any] | CustomJS, *, size: int = 24) -> Button:
    """A square icon button; ``label`` is its accessible name."""
    return button(label, on_click, css=stylesheet.icon_button(icon, size), width=size, height=size)


def segmented(labels: Sequence[str], active: int, on_change: Callable[[int], Any]) -> RadioButtonGroup:
    """One of a few, side by side."""
    widget = RadioButtonGroup(
        labels=list(labels), active=active, margin=0, stylesheets=[sheet(stylesheet.HIDE + stylesheet.SEGMENTED)]
    )
    widget.on_change("active", lambda _attr, _old, new: on_change(new))
    return widget


def select(options: Sequence[tuple[str, str]], value: str, on_change: Callable[[str], Any]) -> Select:
    widget = Select(options=list(options), value=value, margin=0, stylesheets=[sheet(stylesheet.SELECT)])
    widget.on_change("value", lambda _attr, _old, new: on_change(new))
    return widget


def search(placeholder: str, on_enter: Callable[[str], Any], *, height: int = 32) -> TextInput:
    """A search field; ``on_enter`` gets the text when the person presses Enter. The door gives it the focus at "/"."""
    widget = TextInput(
        placeholder=placeholder,
        margin=0,
        sizing_mode="stretch_width",
        stylesheets=[sheet(stylesheet.search_field(height))],
        html_attributes={"aria-keyshortcuts": "/"},
    )
    # Not the change of `value`: leaving the field is no question, and Enter on the same text asks again.
    widget.on_event("value_submit", lambda event: on_enter(event.value) if event.value.strip() else None)
    return widget


def file_input(on_file: Callable[[str, bytes], Any], *, css: str) -> FileInput:
    """The browser's own file field (choose or drop, several files), drawn by ``css``. Bytes arrive as base64 text."""
    import base64

    widget = FileInput(multiple=True, margin=0, stylesheets=[sheet(css)], html_attributes={"aria-label": "Open file"})

    def changed(_attr: str, _old: Any, values: Any) -> None:
        names = widget.filename if isinstance(widget.filename, list) else [widget.filename]
        for name, data in zip(names, values if isinstance(values, list) else [values], strict=False):
            if data:
                on_file(name, base64.b64decode(data))

    widget.on_change("value", changed)
    return widget


_CHIP = (
    stylesheet.HIDE
    + """
:host { width: auto !important; font-family: var(--jp-ui-font-family); }
.bk-btn, .bk-btn:hover, .bk-btn:focus, .bk-btn.bk-active, .bk-btn.bk-active:hover { font: inherit; font-size: 12px;
line-height: 24px; height: 24px;
  padding: 0 2px 0 26px; border: 1px solid transparent; background: none; box-shadow: none; color: var(--jp-ui-font-color1); position: relative;
  white-space: nowrap; border-radius: 2px; }
.bk-btn[disabled], .bk-btn[disabled]:hover { background: none !important; border-color: transparent !important; box-shadow: none !important; cursor: default; }
.bk-btn:not(.bk-active), .bk-btn[disabled] { color: """
    + QUIET
    + """; opacity: 1; }
.bk-btn:hover { background: var(--jp-layout-color2); }
.bk-btn:focus-visible { outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }
.bk-btn::before { content: ""; position: absolute; left: 2px; top: 3px; width: 20px; height: 18px; SWATCH }
.bk-btn:not(.bk-active)::before, .bk-btn[disabled]::before { opacity: 0.35; }
"""
)
SWATCHES = {
    "line": "--c: var(--sv-{role}); background: linear-gradient(var(--c), var(--c)) center / 16px {width}px no-repeat;",
    "band": "--c: var(--sv-{role}); background: linear-gradient(var(--c), var(--c)) center / 16px 1.5px no-repeat, "
    "linear-gradient(color-mix(in srgb, var(--c) 28%, transparent), color-mix(in srgb, var(--c) 28%, transparent)) center / 16px 9px no-repeat;",
    "fill": "--c: var(--sv-{role}); background: linear-gradient(color-mix(in srgb, var(--c) 42%, transparent), "
    "color-mix(in srgb, var(--c) 42%, transparent)) center / 16px 9px no-repeat;",
    "dash": "--c: var(--sv-{role}); background: repeating-linear-gradient(90deg, var(--c) 0 4px, transparent 4px 6px) center / 16px 1.5px no-repeat;",
    "dot": "--c: var(--sv-{role}); background: radial-gradient(circle at center, var(--c) 2.4px, transparent 3px), "
    "linear-gradient(var(--c), var(--c)) center / 1px 13px no-repeat;",
    "foot": "--c: var(--sv-{role}); background: linear-gradient(var(--c), var(--c)) center bottom 3px / 14px 2.5px no-repeat, "
    "linear-gradient(color-mix(in srgb, var(--c) 18%, transparent), color-mix(in srgb, var(--c) 18%, transparent)) center / 14px 12px no-repeat;",
}


def chip(
    label: str,
    renderers: Sequence[GlyphRenderer],
    *,
    role: str,
    mark: str = "line",
    width: float = 2,
    active: bool = True,
) -> Toggle:
    """A legend entry that is also the switch of its marks: a swatch drawn like the mark, pressed = shown.

    The switch works in the browser alone; the kernel hears of it afterwards.
    """
    swatch = SWATCHES[mark].format(role=role, width=width)
    widget = Toggle(label=label, active=active, margin=0, stylesheets=[sheet(_CHIP.replace("SWATCH", swatch))])
    for renderer in renderers:
        renderer.visible = active
    widget.js_on_change(
        "active",
        CustomJS(args={"marks": list(renderers)}, code="for (const mark of marks) mark.visible = cb_obj.active"),
    )
    return widget
