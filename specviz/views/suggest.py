"""Suggestions under a search field while the person types: a listbox that lives in the browser, fed by the kernel.

It stands in the field's own shadow root (so that ``aria-activedescendant`` can name its options) and over the page (so
that nothing moves). The kernel hears of the text once, 150 ms after the last key; it answers from memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bokeh.models import ColumnDataSource, CustomJS, TextInput

from specviz.session.state import Candidate

_SCRIPT = """
const view = field.document?.views_manager?.find_one(field)
const input = view?.input_el
if (input == null) return
let box = view.svBox
if (box == null || box.input !== input) {
  const list = document.createElement('ul')
  Object.assign(list, {id: 'sv-list', className: 'sv-list', hidden: true})
  list.setAttribute('role', 'listbox')
  list.setAttribute('aria-label', 'Suggestions')
  input.closest('.bk-input-group').append(list)
  const attributes = {role: 'combobox', 'aria-autocomplete': 'list', 'aria-controls': 'sv-list', 'aria-expanded': 'false', autocomplete: 'off', spellcheck: 'false'}
  for (const [name, value] of Object.entries(attributes)) input.setAttribute(name, value)
  box = view.svBox = {input, list, active: -1, timer: 0, listening: false}
  box.mark = (i) => {
    box.active = i
    list.querySelectorAll('li').forEach((li, j) => {
      li.setAttribute('aria-selected', String(j === i))
      if (j === i) { input.setAttribute('aria-activedescendant', li.id); li.scrollIntoView({block: 'nearest'}) }
    })
    if (i < 0) input.removeAttribute('aria-activedescendant')
  }
  box.close = () => {
    clearTimeout(box.timer)
    box.listening = false
    list.hidden = true
    list.replaceChildren()
    box.mark(-1)
    input.setAttribute('aria-expanded', 'false')
  }
  box.ask = (delay) => {
    clearTimeout(box.timer)
    box.listening = true
    box.timer = setTimeout(() => { source.tags = [input.value, (source.tags[1] ?? 0) + 1] }, delay)
  }
  box.take = (i) => {
    const name = list.querySelectorAll('li')[i]?.dataset.name
    box.close()
    if (name == null) return
    input.value = name
    box.taking = true
    field.value_input = name
    box.taking = false
    view.svTyping = false
  }
  input.addEventListener('keydown', (event) => {
    if (event.isComposing) return
    const n = list.hidden ? 0 : list.childElementCount
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      if (n) box.mark(event.key === 'ArrowDown' ? (box.active + 1) % n : (box.active <= 0 ? n : box.active) - 1)
      else if (input.value.trim()) box.ask(0)
    } else if (event.key === 'Enter') {        // the field itself submits when the key comes up
      view.svTyping = false
      if (n && box.active >= 0) box.take(box.active); else box.close()
    } else if (event.key === 'Escape' && n) {
      event.stopPropagation()
      box.close()
    } else if (event.key === 'Tab') box.close()
  })
  input.addEventListener('blur', () => box.close())
  list.addEventListener('mousedown', (event) => event.preventDefault())   // the field keeps the focus
  list.addEventListener('click', (event) => {
    const li = event.target.closest('li')
    if (li == null) return
    box.take([...list.children].indexOf(li))
    input.dispatchEvent(new KeyboardEvent('keyup', {key: 'Enter'}))
  })
}
if (cb_obj === field) {
  if (box.taking) return
  view.svTyping = true
  if (input.value.trim()) box.ask(150); else box.close()
  return
}
if (!box.listening || input.getRootNode().activeElement !== input) return
const {name, summary} = source.data
box.list.replaceChildren(...[...name].map((text, i) => {
  const li = document.createElement('li')
  li.id = `sv-option-${i}`
  li.setAttribute('role', 'option')
  li.dataset.name = text
  li.title = summary[i] ? `${text}: ${summary[i]}` : text
  for (const words of [text, summary[i]]) li.append(Object.assign(document.createElement('span'), {textContent: words}))
  return li
}))
box.mark(-1)
box.list.hidden = name.length === 0
input.setAttribute('aria-expanded', String(name.length > 0))
"""

#: A star that arrives writes its name into the field, but not over what the person types meanwhile.
_KEEP = """
const view = field.document?.views_manager?.find_one(field)
const input = view?.input_el
if (input == null || !view.svTyping || input.getRootNode().activeElement !== input) return
if (input.value !== field.value_input) input.value = field.value_input   // Bokeh has written the name already
"""


class Suggestions:
    """Gives a text field its suggestions, and knows which of them a submitted text is.

    Parameters
    ----------
    field : TextInput
    ask : callable(text) -> sequence of Candidate
        Answers at once, from memory.
    """

    def __init__(self, field: TextInput, ask: Callable[[str], tuple[Candidate, ...]]) -> None:
        self._ask = ask
        self._shown: dict[str, Candidate] = {}
        self.source = ColumnDataSource({"name": [], "summary": []}, tags=["", 0])
        script = CustomJS(args={"field": field, "source": self.source}, code=_SCRIPT)
        field.js_on_change("value_input", script)
        self.source.js_on_change("data", script)
        field.js_on_change("value", CustomJS(args={"field": field}, code=_KEEP))
        self.source.on_change("tags", self._typed)

    def _typed(self, _attr: str, _old: Any, tags: list[Any]) -> None:
        found = self._ask(str(tags[0])[:200]) if tags else ()
        self._shown |= {c.name: c for c in found}
        self.source.data = {"name": [c.name for c in found], "summary": [c.summary for c in found]}

    def meant(self, text: str) -> Candidate | str:
        """The suggestion of that name if it was shown, else the text itself."""
        return self._shown.get(text.strip(), text)

    def forget(self) -> None:
        """Start again: names that were suggested may mean something else by now."""
        self._shown.clear()
