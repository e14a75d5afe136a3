"""What the browser itself draws of a star: asked of its Bokeh models, and of the pixels."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from playwright.sync_api import Page, expect

#: The curve that a layer of a spectrum draws now: number of points and the middle one; null where there is none.
LAYER = """(name) => { for (const doc of window.Bokeh?.documents ?? []) {
    const all = [...doc._all_models.values()]
    const layer = all.find((m) => m.type === 'GlyphRenderer' && m.name === `sv-layer:${name}`)
    if (!layer || !layer.visible) continue
    const y = __specviz__.spectrum.curve(layer.data_source, all.find((m) => m.name === 'sv-settings')).y
    if (y?.length) return {n: y.length, mid: y[y.length >> 1]}
  } return null }"""


def layer(page: Page, name: str, condition: str = "found.n > 0") -> dict[str, Any]:
    """What a layer draws once ``condition`` (JavaScript on ``found``) holds: ``{"n": points, "mid": middle value}``."""
    page.wait_for_function(f"(name) => {{ const found = ({LAYER})(name); return found && ({condition}) }}", arg=name)
    found: dict[str, Any] = page.evaluate(LAYER, name)
    return found


def shows(page: Page, name: str) -> None:
    """The star's name, its temperature, and its LAMOST spectrum drawn with ink."""
    from PIL import Image

    expect(page.locator(".name", has_text=name).first).to_be_visible()
    tile = page.locator(".tile", has_text="K").first
    expect(tile).to_be_visible()
    assert any(digit.isdigit() for digit in tile.inner_text())
    layer(page, "observed", "found.n > 1000")
    picture = Image.open(BytesIO(page.locator(".bk-Canvas").first.screenshot())).convert("L")
    dark = sum(picture.histogram()[:100])
    assert dark > 1000, f"{dark} dark pixels: the spectrum is not painted"
