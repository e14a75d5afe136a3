"""What a browser can be asked of our pages, shadow roots included: names and order of controls, sizes of targets, text
that is cut off, text over text.
"""

# ruff: noqa: E501 - the long lines are JavaScript
from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

_WALK = """
const host = document.querySelector('.sv-host')
const all = []
const walk = (root) => { for (const el of root.children) { all.push(el); if (el.shadowRoot) walk(el.shadowRoot); walk(el) } }
walk(host)
const seen = (el) => { const r = el.getBoundingClientRect(); const s = getComputedStyle(el)
  return r.width > 0 && r.height > 0 && s.visibility !== 'hidden' && el.checkVisibility({opacityProperty: true, checkVisibilityCSS: true}) }
const up = (el) => el.parentElement ?? (el.getRootNode() instanceof ShadowRoot ? el.getRootNode().host : null)
const name = (el) => { const of = (x) => (x ?? '').replace(/\\s+/g, ' ').trim()
  const by = el.getAttribute('aria-labelledby')?.split(' ').map((id) => el.getRootNode().getElementById(id)?.textContent).join(' ')
  const label = el.labels?.length ? [...el.labels].map((l) => l.textContent).join(' ') : ''
  const inside = ['INPUT', 'SELECT', 'TEXTAREA'].includes(el.tagName) ? '' : el.textContent
  return of(el.getAttribute('aria-label')) || of(by) || of(label) || of(inside) || of(el.title) || of(el.placeholder) }
const place = (el) => { for (let e = el; e; e = up(e)) { const c = [...(e.classList ?? [])].find((c) => ['sv-lamost','sv-xp','sv-posterior','sv-map','sv-anomaly','sv-similar','sv-work','sv-footer','sv-hints','sv-bar','sv-search','sv-notice','sv-candidates','sv-help'].includes(c)); if (c) return c } return '' }
"""

CONTROLS = f"""() => {{ {_WALK}
  const wanted = 'button, a[href], input, select, textarea, summary, [role=button], [tabindex]'
  return all.filter((el) => el.matches(wanted) && el.getAttribute('tabindex') !== '-1' && !el.disabled && seen(el)).map((el) => {{
    const r = el.getBoundingClientRect()
    return {{tag: el.tagName.toLowerCase(), name: name(el), place: place(el), width: r.width, height: r.height, x: r.x, y: r.y,
             html: el.outerHTML.slice(0, 160), role: el.getAttribute('role') ?? ''}} }}) }}"""

ACTIVE = f"""() => {{ {_WALK}
  let el = document.activeElement
  while (el?.shadowRoot?.activeElement) el = el.shadowRoot.activeElement
  if (el == null || el === document.body) return null
  const inside = all.includes(el)
  const s = getComputedStyle(el), r = el.getBoundingClientRect()
  return {{inside, tag: el.tagName.toLowerCase(), name: name(el), place: place(el), html: el.outerHTML.slice(0, 160), width: r.width, height: r.height,
           ring: el.matches(':focus-visible') && (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 1 || s.borderColor !== '' && el.tagName !== 'DIV' && s.outlineStyle !== 'none')}} }}"""

#: Text that its own box cuts off, without an ellipsis that says so; and text that lies over other text.
TEXT_FAULTS = f"""() => {{ {_WALK}
  const faults = [], boxes = []
  const words = (el) => [...el.childNodes].filter((n) => n.nodeType === 3 && n.data.trim() !== '')
  for (const el of all) {{
    if (!seen(el) || ['STYLE', 'SCRIPT', 'TEXTAREA', 'OPTION', 'SELECT'].includes(el.tagName)) continue
    const texts = words(el)
    if (!texts.length) continue
    const style = getComputedStyle(el)
    if (style.fontSize === '0px' || style.clip !== 'auto' || style.opacity === '0') continue
    const range = document.createRange()
    const rects = texts.flatMap((t) => {{ range.selectNodeContents(t); return [...range.getClientRects()] }}).filter((r) => r.width > 1 && r.height > 1)
    let hidden = false
    for (const r of rects) {{
      let box = {{left: r.left, right: r.right, top: r.top, bottom: r.bottom}}
      for (let e = el, depth = 0; e && depth < 12; e = up(e), depth++) {{
        const s = getComputedStyle(e), q = e.getBoundingClientRect()
        const scrolls = /auto|scroll/.test(s.overflowX + s.overflowY)
        if (s.overflowX !== 'visible' || s.overflowY !== 'visible') {{
          if (r.bottom <= q.top + 1 || r.top >= q.bottom - 1 || r.right <= q.left + 1 || r.left >= q.right - 1) {{ hidden = true; box = null; break }}
          const cutX = Math.max(r.right - q.right, q.left - r.left), cutY = Math.max(r.bottom - q.bottom, q.top - r.top)
          if (!scrolls && s.textOverflow !== 'ellipsis' && cutX > 1.5 && s.overflowX !== 'visible') faults.push(['cut', el.textContent.trim().slice(0, 60), place(el), Math.round(cutX)])
          if (!scrolls && cutY > 3.5 && s.overflowY !== 'visible') faults.push(['cut below', el.textContent.trim().slice(0, 60), place(el), Math.round(cutY)])
          box = {{left: Math.max(box.left, q.left), right: Math.min(box.right, q.right), top: Math.max(box.top, q.top), bottom: Math.min(box.bottom, q.bottom)}}
        }}
        if (s.position === 'absolute' && parseInt(s.zIndex) >= 10) {{ box = null; break }}    // lies over the page on purpose
      }}
      if (box) boxes.push([box, el])
    }}
  }}
  const wide = host.getBoundingClientRect()
  for (const [b, el] of boxes) if (b.right > wide.right + 1.5 || b.left < wide.left - 1.5) faults.push(['outside', el.textContent.trim().slice(0, 60), place(el), Math.round(b.right - wide.right)])
  for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {{
    const [a, ea] = boxes[i], [b, eb] = boxes[j]
    if (ea === eb || ea.contains(eb) || eb.contains(ea)) continue
    const w = Math.min(a.right, b.right) - Math.max(a.left, b.left), h = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)
    if (w > 2 && h > 5) faults.push(['over', ea.textContent.trim().slice(0, 40) + ' | ' + eb.textContent.trim().slice(0, 40), place(ea) + ' ' + place(eb), Math.round(w)])
  }}
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth + 1 && host.getBoundingClientRect().right > document.documentElement.clientWidth + 1) faults.push(['page', 'scrolls sideways', '', document.documentElement.scrollWidth])
  return [...new Map(faults.map((f) => [JSON.stringify(f.slice(0, 3)), f])).values()] }}"""


def controls(page: Any) -> list[dict[str, Any]]:
    """Every control that can be seen and used, in the order of the tree."""
    found: list[dict[str, Any]] = page.evaluate(CONTROLS)
    return found


def tab_walk(page: Any, most: int = 200) -> list[dict[str, Any]]:
    """What gets the focus at each press of Tab, from the view's frame to the first thing beyond it."""
    page.evaluate("() => { document.querySelector('.sv-host').focus() }")
    seen: list[dict[str, Any]] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        active = page.evaluate(ACTIVE)
        if active is None or not active["inside"]:
            break
        seen.append(active)
    return seen


def text_faults(page: Any) -> list[list[Any]]:
    """(kind, text, panel, pixels) of text that is cut, lies over other text, or sticks out of the view."""
    found: list[list[Any]] = page.evaluate(TEXT_FAULTS)
    return found


def unless_laid_out(page: Any, faults: Callable[[], list[Any]], seconds: float = 30.0) -> list[Any]:
    """The faults that stay: a page that is just being laid out, on a busy machine for a while, has some."""
    end = time.monotonic() + seconds
    while (found := faults()) and time.monotonic() < end:
        page.wait_for_timeout(250)
    return found
