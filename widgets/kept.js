// Text that must not be lost, and buttons that leave the keyboard where it is (specviz/views/vetting_form.py).
//   <textarea data-sv-kept="vet-comment 17">   what was written is an act when the field is left, at Enter (Shift+Enter: a new
//                                              line), and after a pause, also where the field is gone from the page by then
//   data-sv-hold                               a press within it gives the keyboard to the whole view, not to the button

const WRITING_PAUSE = 2000;

export function listenKept(holder, send) {
  const waiting = new Map();                    // field -> timer
  const keep = (field) => {
    clearTimeout(waiting.get(field));
    waiting.delete(field);
    if (field.dataset.svTold === field.value) return;
    field.dataset.svTold = field.value;
    send({ op: "act", act: `${field.dataset.svKept} ${field.value}` });
  };
  const keepAll = () => { for (const field of [...waiting.keys()]) keep(field); };
  const fieldOf = (event) => { const field = event.composedPath()[0]; return field?.dataset?.svKept == null ? null : field; };
  const onInput = (event) => {
    const field = fieldOf(event);
    if (field == null) return;
    clearTimeout(waiting.get(field));
    waiting.set(field, setTimeout(() => keep(field), WRITING_PAUSE));
  };
  const onOut = (event) => { const field = fieldOf(event); if (field != null) keep(field); };
  const onKey = (event) => {
    const field = fieldOf(event);
    if (field == null || event.isComposing || (event.key !== "Escape" && (event.key !== "Enter" || event.shiftKey))) return;
    event.preventDefault();
    event.stopImmediatePropagation();           // neither is a key for the whole view here
    keep(field);
    holder.focus({ preventScroll: true });
  };
  const onDown = (event) => {
    const path = event.composedPath();
    const within = path.slice(0, path.indexOf(holder));
    if (!within.some((el) => el.hasAttribute?.("data-sv-hold"))) return;
    if (within.some((el) => ["INPUT", "TEXTAREA", "SELECT", "SUMMARY", "A"].includes(el.tagName) || el.popover != null)) return;
    if (!within.some((el) => el.tagName === "BUTTON" || el.dataset?.svRow != null)) return;
    event.preventDefault();
    holder.focus({ preventScroll: true });
  };
  const listeners = [["input", onInput], ["focusout", onOut], ["keydown", onKey], ["mousedown", onDown]];
  for (const [name, listener] of listeners) holder.addEventListener(name, listener, true);
  globalThis.addEventListener("pagehide", keepAll);
  return () => {
    keepAll();
    for (const [name, listener] of listeners) holder.removeEventListener(name, listener, true);
    globalThis.removeEventListener("pagehide", keepAll);
  };
}

// Text of ours is swapped whole. What had the focus is gone then, and the keyboard with it: its like in the new text gets it, else
// the whole view.
const MARKS = ["data-sv-act", "data-sv-row", "data-sv-set", "data-sv-toggle", "popovertarget"];
const holds = (el, place) => el.contains(place);                      // JupyterLab gives it to what is around a cell
export function keepFocus(place, change) {
  let el = document.activeElement;
  while (el?.shadowRoot?.activeElement != null) el = el.shadowRoot.activeElement;
  const root = el?.getRootNode();
  const within = root instanceof ShadowRoot && place.contains(document.activeElement);
  change();
  if (within) setTimeout(() => refocus(place, el, root), 0);          // Bokeh writes the new text a few microtasks later
}

function refocus(place, el, root) {
  if (el.isConnected || (document.activeElement !== document.body && document.activeElement != null && !holds(document.activeElement, place))) return;
  const mark = MARKS.find((name) => el.hasAttribute(name));
  const again = mark && root.querySelector(`[${mark}="${CSS.escape(el.getAttribute(mark))}"]`);
  (again ?? place.closest(".sv-host"))?.focus({ preventScroll: true });
}
