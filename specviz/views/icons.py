"""Small line icons as SVG text, drawn for specviz: 16 px grid, 1.5 px strokes, in the colour of the text around them."""

from __future__ import annotations

_PATHS = {
    "search": '<circle cx="7" cy="7" r="4.5"/><path d="M10.5 10.5L14 14"/>',
    "folder": '<path d="M1.75 12.75v-9.5h4.5l1.5 2h6.5v7.5z"/>',
    "reset": '<path d="M3 8a5 5 0 1 0 1.6-3.7"/><path d="M3 2.2v2.6h2.6"/>',
    "download": '<path d="M8 2v8M4.8 7L8 10.2 11.2 7M2.5 13.5h11"/>',
    "export": '<path d="M8 10V2M4.8 5L8 1.8 11.2 5M2.5 9.5v4h11v-4"/>',
    "code": '<path d="M5.5 4.5L2 8l3.5 3.5M10.5 4.5L14 8l-3.5 3.5"/>',
    "copy": '<rect x="5.5" y="5.5" width="8" height="8"/><path d="M10.5 5.5v-3h-8v8h3"/>',
    "target": '<circle cx="8" cy="8" r="4"/><path d="M8 1.5v4M8 10.5v4M1.5 8h4M10.5 8h4"/>',
    "check": '<path d="M2.5 8.5l3.5 3.5 7.5-8"/>',
    "warning": '<path d="M8 1.8L15 14H1z"/><path d="M8 6.2v4M8 11.6v.6"/>',
    "unknown": '<circle cx="3" cy="8" r=".8"/><circle cx="8" cy="8" r=".8"/><circle cx="13" cy="8" r=".8"/>',
    "close": '<path d="M3.5 3.5l9 9M12.5 3.5l-9 9"/>',
    "error": '<circle cx="8" cy="8" r="6.2"/><path d="M8 4.5v4.5M8 11v.6"/>',
    "info": '<circle cx="8" cy="8" r="6.2"/><path d="M8 7.2v4.3M8 4.6v.6"/>',
    "help": '<circle cx="8" cy="8" r="6.2"/><path d="M6.2 6.3a1.9 1.9 0 1 1 2.6 1.8c-.6.3-.8.6-.8 1.3M8 11.3v.5"/>',
    "previous": '<path d="M10 3L5 8l5 5"/>',
    "next": '<path d="M6 3l5 5-5 5"/>',
    "offline": '<path d="M2 2l12 12M1.5 6a9.5 9.5 0 0 1 3-2M7 3.1A9.5 9.5 0 0 1 14.5 6M4 8.8a6 6 0 0 1 3.2-1.7M10.4 7.8A6 6 0 0 1 12 8.8M8 12.4v.2"/>',
    "tools": '<path d="M2 4.5h5M11 4.5h3M2 11.5h2M8 11.5h6"/><circle cx="9" cy="4.5" r="1.8"/><circle cx="6" cy="11.5" r="1.8"/>',
    "lasso": '<path d="M8 2.5c3.3 0 6 1.8 6 4s-2.7 4-6 4c-.9 0-1.8-.1-2.6-.4M3.4 8.9C2.5 8.2 2 7.4 2 6.5c0-2.2 2.7-4 6-4"/><circle cx="4.4" cy="10" r="1.3"/><path d="M4.2 11.4c.3 1-.1 1.8-1 2.3"/>',
    "magnifier": '<circle cx="7" cy="7" r="4.5"/><path d="M10.5 10.5L14 14M7 5v4M5 7h4"/>',
    "link": '<path d="M6.5 9.5l3-3M7.5 4.5l1.6-1.6a2.8 2.8 0 0 1 4 4L11.5 8.5M8.5 11.5l-1.6 1.6a2.8 2.8 0 0 1-4-4L4.5 7.5"/>',
    "expand": '<path d="M9.5 2.5h4v4M13.2 2.8L9 7M6.5 13.5h-4v-4M2.8 13.2L7 9"/>',
    "collapse": '<path d="M13.5 6.5h-4v-4M9.8 6.2L14 2M2.5 9.5h4v4M6.2 9.8L2 14"/>',
    "hidden": '<path d="M2 2l12 12M6.6 4.2A7 7 0 0 1 8 4c4 0 6 4 6 4a11 11 0 0 1-1.7 2.2M10 10.9A6.6 6.6 0 0 1 8 12c-4 0-6-4-6-4a11 11 0 0 1 2.7-3.1M6.8 6.8a1.7 1.7 0 0 0 2.4 2.4"/>',
    "undo": '<path d="M5.5 3L2.5 6l3 3"/><path d="M2.8 6H9.5a4 4 0 0 1 0 8H6"/>',
    "redo": '<path d="M10.5 3l3 3-3 3"/><path d="M13.2 6H6.5a4 4 0 0 0 0 8H10"/>',
    "chat": '<path d="M2 2.75h12v8.5H7.5L4.5 14v-2.75H2z"/><path d="M5 6h6M5 8.5h4"/>',
    "stop": '<rect x="4" y="4" width="8" height="8"/>',
}


def svg(name: str, size: int = 16, *, colour: str = "currentColor", klass: str = "") -> str:
    """An inline ``<svg>``; decorative, so hidden from screen readers (the word beside it speaks)."""
    return (
        f'<svg class="sv-icon {klass}" width="{size}" height="{size}" viewBox="0 0 16 16" fill="none" stroke="{colour}" '
        f'stroke-width="1.5" stroke-linecap="square" aria-hidden="true">{_PATHS[name]}</svg>'
    )


def mask_url(name: str) -> str:
    """The icon as a CSS ``url("data:...")`` for ``mask-image``, where only a style sheet can reach (Bokeh buttons)."""
    body = svg(name, colour="black").replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ').replace('"', "'")
    return 'url("data:image/svg+xml,' + body.replace("#", "%23").replace("<", "%3C").replace(">", "%3E") + '")'
