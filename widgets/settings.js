// The options of the view (specviz/session/view_options.py) as the browser holds them: in the tags of one hidden model, which
// the kernel has too. HTML says what it changes; no model is needed for each control, and a saved page needs no kernel.
//   data-sv-set="flux normalised"      a press sets the option ("null", "true", numbers are read as such)
//   data-sv-toggle="tools"             turns it on or off; "lines Fe", "hidden masked" puts a word into a list or takes it out
//   data-sv-step="smooth 0.5"          adds to a number
//   <input data-sv-bind="rv">          its value is the option; with data-sv-part="coarse" and "fine" two sliders make one number
//   <input data-sv-dial="mg_fe">       turns a label (dials.js); the kernel hears of it while it is dragged
//   data-sv-when="tools"               on a model's element: shown only while the option is on ("plane alpha": while it is that)
//   data-sv-text="smooth"              its text follows the option
//   data-sv-enlarge="map"              on a panel's element: gets data-sv-enlarged while "enlarged" lists the word
//   data-sv-copy="text"                a press copies the text
//   data-sv-reset="zoom"               the panel of that option shows its whole range again

import { copyText } from "./copying.js";
import { showDial, turnedTo } from "./dials.js";

const SETTINGS = "sv-settings";
const DRAG_PAUSE = 200;                         // ms without a move after which the kernel hears of a slider
const LIVE_PAUSE = 50;                          // ms between two values that the kernel hears of a slider whose picture it draws
const telling = new WeakMap();                  // settings -> timer of the next such value
const dragged = new WeakMap();                  // settings -> what a slider says that is being dragged
const dragRoots = new WeakMap();                // settings -> the shadow root of that slider
const synced = new WeakMap();                   // settings -> options, and number of models, that the controls show
const layersDrawn = new WeakMap();              // settings -> hidden layers and groups of lines as drawn last

export const optionsOf = (settings) => ({ ...settings.tags[0], ...dragged.get(settings) });
export const factsOf = (settings) => settings.tags[1] ?? {};
export const velocityOf = (settings) => optionsOf(settings).rv ?? factsOf(settings).rv ?? 0;

export function* deepElements(root) {
  for (const el of root.querySelectorAll("*")) {
    yield el;
    if (el.shadowRoot) yield* deepElements(el.shadowRoot);
  }
}

const plain = (word) => { try { return JSON.parse(word); } catch { return word; } };
const inList = (options, name, word) => (options[name] ?? []).includes(word);
// "hidden" lists what is off, so a pressed control is one that is not in it.
const isOn = (options, [name, word]) => (word == null ? Boolean(options[name]) : inList(options, name, word) !== (name === "hidden"));
const isSet = (options, [name, ...words]) => {
  const value = options[name];
  return (Array.isArray(value) ? JSON.stringify(value) : String(value)) === words.join(" ");
};
const TEXTS = {
  smooth: (o) => (o.smooth > 0 ? `${Number(o.smooth.toFixed(1))} px` : "off"),
  rv: (o, facts) => (o.rv ?? facts.rv ?? 0).toFixed(1).replace("-", "\u2212"),
};

function showNumber(el, options, facts) {
  const { svBind: name, svPart: part } = el.dataset;
  const value = options[name] ?? facts[name] ?? 0;
  if (part == null) { el.value = typeof value === "number" ? String(Number(value.toFixed(2))) : String(value); return; }
  const [coarse, fine] = split(el, value);
  if (part === "coarse") {
    if (Math.abs(coarse) > el.max) { el.max = Math.abs(coarse); el.min = -el.max; }
    el.value = coarse;
  } else el.value = fine;
}

// The coarse slider's place is the nearest of its steps; a fine one that is being moved leaves it alone.
function split(el, value) {
  const coarse = [...(el.getRootNode().querySelectorAll?.(`[data-sv-bind="${el.dataset.svBind}"][data-sv-part="coarse"]`) ?? [])][0];
  const fine = [...(el.getRootNode().querySelectorAll?.(`[data-sv-bind="${el.dataset.svBind}"][data-sv-part="fine"]`) ?? [])][0];
  if (coarse == null || fine == null) return [value, 0];
  const held = Number(coarse.value);
  const at = Math.abs(value - held) <= Number(fine.max) ? held : Math.round(value / Number(coarse.step)) * Number(coarse.step);
  return [at, value - at];
}

// The same value written again would make the browser work out its styles again, at every star.
const write = (el, name, value) => { if (el.getAttribute(name) !== String(value)) el.setAttribute(name, value); };
const writeText = (el, text) => { if (el.textContent !== text) el.textContent = text; };

export function syncControls(root, options, facts) {
  for (const el of deepElements(root)) {
    const data = el.dataset;
    if (data == null) continue;
    showDial(el, options);
    if (data.svSet != null) write(el, "aria-pressed", isSet(options, data.svSet.split(" ")));
    if (data.svToggle != null) write(el, "aria-pressed", isOn(options, data.svToggle.split(" ")));
    if (data.svText != null && TEXTS[data.svText]) writeText(el, TEXTS[data.svText](options, facts));
    if (data.svBind != null && el !== el.getRootNode().activeElement) {
      if (el.type === "checkbox") el.checked = Boolean(options[data.svBind]);
      else showNumber(el, options, facts);
    }
    if (data.svEnlarge != null) el.toggleAttribute("data-sv-enlarged", inList(options, "enlarged", data.svEnlarge));
    if (data.svWhen != null) {
      const [name, ...words] = data.svWhen.split(" ");
      el.toggleAttribute("data-sv-hidden", !(words.length ? isSet(options, [name, ...words]) : Boolean(options[name])));
    }
  }
}

function drawLayers(settings, { hidden, lines }) {
  const now = JSON.stringify([hidden, lines]);
  for (const model of layersDrawn.get(settings) === now ? [] : settings.document._all_models.values()) {
    const [kind, word] = (model.type === "GlyphRenderer" && model.name?.startsWith("sv-") ? model.name : "").split(":");
    if (kind === "sv-layer") model.setv({ visible: !hidden.includes(word) }, { sync: false });
    else if (kind === "sv-lines") model.setv({ visible: lines.includes(word) }, { sync: false });
  }
  layersDrawn.set(settings, now);
}

// Called by the kernel's CustomJS whenever the options change, and once when a document has been built.
export function settingsChanged(settings) {
  const { document } = settings;
  if (document == null) return;
  const options = optionsOf(settings);
  if (dragged.has(settings)) {                  // many times a second: what is beside the slider is enough
    syncControls(dragRoots.get(settings), options, factsOf(settings));
    return;
  }
  drawLayers(settings, options);
  // Another star changes facts alone; what shows those the kernel writes anew. A walk over all elements takes 10 ms.
  const now = `${document._all_models.size} ${JSON.stringify(options)}`;
  if (synced.get(settings) === now) return;
  synced.set(settings, now);
  for (const view of document.views_manager?.roots ?? []) syncControls(view.el.parentNode ?? view.el, options, factsOf(settings));
}

export function setOptions(settings, changes) {
  dragged.delete(settings);
  const before = settings.tags;
  settings.tags = [{ ...before[0], ...changes }, before[1]];
  if (settings.tags === before) again(settings);
}

// The options are what they were, but a control may show something else: a number that was none, a slider let go.
function again(settings) {
  synced.delete(settings);
  settings.properties.tags.change.emit();
}

function drag(settings, changes, root) {
  dragged.set(settings, { ...dragged.get(settings), ...changes });
  dragRoots.set(settings, root);
  settings.properties.tags.change.emit();
}

// The kernel draws what this slider turns: it is told while the slider moves, at an even pace.
function dragLive(settings, changes, root) {
  drag(settings, changes, root);
  if (telling.has(settings)) return;
  const tell = () => {
    telling.delete(settings);
    const now = { ...settings.tags[0], ...dragged.get(settings) };
    if (!dragged.has(settings) || JSON.stringify(now) === JSON.stringify(settings.tags[0])) return;
    telling.set(settings, setTimeout(tell, LIVE_PAUSE));
    settings.tags = [now, settings.tags[1]];
  };
  tell();
}

const settingsOf = (document) => document?.get_model_by_name?.(SETTINGS) ?? null;

function pressed(settings, data) {
  const options = optionsOf(settings);
  if (data.svSet != null) {
    const [name, ...words] = data.svSet.split(" ");
    setOptions(settings, { [name]: plain(words.join(" ")) });
    return;
  }
  if (data.svStep != null) {
    const [name, by] = data.svStep.split(" ");
    const value = (options[name] ?? factsOf(settings)[name] ?? 0) + Number(by);
    setOptions(settings, { [name]: name === "smooth" ? Math.max(0, value) : value });
    return;
  }
  const [name, word] = data.svToggle.split(" ");
  if (word == null) setOptions(settings, { [name]: !options[name] });
  else if (inList(options, name, word)) setOptions(settings, { [name]: options[name].filter((w) => w !== word) });
  else setOptions(settings, { [name]: [...(options[name] ?? []), word] });
}

function numberOf(el) {
  if (el.type === "checkbox") return el.checked;
  if (el.tagName === "SELECT") return plain(el.value);
  if (el.dataset.svPart == null) return el.value.trim() === "" ? null : Number(el.value.replace("\u2212", "-"));
  const parts = el.getRootNode().querySelectorAll(`[data-sv-bind="${el.dataset.svBind}"][data-sv-part]`);
  return [...parts].reduce((sum, part) => sum + Number(part.value), 0);
}

// `document()` gives the Bokeh document that stands in `holder` now.
// `reset(settings, option)` makes a panel show its whole range.
export function listenSettings(holder, document, reset = () => {}) {
  let timer = 0;
  const closeMenus = (path) => {
    for (const el of deepElements(holder)) if (el.tagName === "DETAILS" && el.open && el.classList.contains("sv-menu") && !path.includes(el)) el.open = false;
  };
  const onClick = (event) => {
    const path = event.composedPath();
    const copied = path.find(({ dataset: d }) => d?.svCopy != null);
    closeMenus(copied == null ? path : []);
    if (copied != null) { copyText(copied.dataset.svCopy); return; }
    const at = path.find(({ dataset: d }) => d != null && (d.svSet ?? d.svToggle ?? d.svStep ?? d.svReset) != null);
    const settings = at == null || at.disabled ? null : settingsOf(document());
    if (settings == null) return;
    if (at.dataset.svReset != null) reset(settings, at.dataset.svReset);
    else pressed(settings, at.dataset);
  };
  const onInput = (event) => {
    const el = event.composedPath()[0];
    const name = el?.dataset?.svBind ?? (el?.dataset?.svDial != null ? "dials" : null);
    const settings = name == null ? null : settingsOf(document());
    if (settings == null) return;
    const dial = el.dataset.svDial;
    if (el.type === "range" && event.type === "input") {
      if (dial != null) dragLive(settings, { dials: turnedTo(optionsOf(settings), dial, Number(el.value)) }, el.getRootNode());
      else drag(settings, { [name]: numberOf(el) }, el.getRootNode());
      clearTimeout(timer);
      timer = setTimeout(() => setOptions(settings, dragged.get(settings) ?? {}), DRAG_PAUSE);
    } else if (event.type === "change") {
      clearTimeout(timer);
      const value = dial != null ? turnedTo(optionsOf(settings), dial, Number(el.value)) : numberOf(el);
      if (typeof value === "number" && !Number.isFinite(value)) { again(settings); return; }
      setOptions(settings, { ...dragged.get(settings), [name]: value });
    }
  };
  const onKey = (event) => {
    if (event.key !== "Escape") return;
    const open = event.composedPath().find((node) => node.tagName === "DETAILS" && node.open && node.classList.contains("sv-menu"));
    if (open == null) return;
    open.open = false;
    open.querySelector("summary")?.focus();
    event.stopPropagation();
  };
  holder.addEventListener("click", onClick);
  holder.addEventListener("input", onInput);
  holder.addEventListener("change", onInput);
  holder.addEventListener("keydown", onKey, true);
  return () => {
    clearTimeout(timer);
    holder.removeEventListener("click", onClick);
    holder.removeEventListener("input", onInput);
    holder.removeEventListener("change", onInput);
    holder.removeEventListener("keydown", onKey, true);
  };
}

// A document that has just been built gets what only the browser knows to draw.
export function startSettings(document) {
  const settings = settingsOf(document);
  if (settings == null) return;
  layersDrawn.delete(settings);
  again(settings);
}
