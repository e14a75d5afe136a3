// The spectrum panels' share of the browser: curves in the chosen unit, axes that count in the chosen frame, line marks at the
// chosen velocity, and y fitted to what is in view. Called by short scripts of the kernel (views/spectral_axis.py, views/lamost_panel.py).
import { sharedPage } from "./runtime.js";
import { factsOf, optionsOf, setOptions, settingsChanged, velocityOf } from "./settings.js";
import { dopplerFactor, fromAxis, roundTicks, smoothed, thinned, toAxis, yLimits } from "./spectrum_math.js";

const ZOOM_PAUSE = 250;                         // ms of rest after which a zoom counts as chosen
const curves = new WeakMap();                   // a source's data -> its curve as last asked for
const drawn = new WeakMap();                    // figure -> options it shows
const zooming = new WeakMap();                  // range -> timer of a zoom that is not told yet
const plots = new WeakMap();                    // figure -> its view
const panels = new WeakMap();                   // settings -> panels by the option that holds their zoom

// A source holds flux y, its error e, and level: what flux is divided by to be normalised. All of equal length.
function curveOf(source, settings) {
  const { flux, smooth } = optionsOf(settings);
  const { data } = source;
  const key = `${flux} ${smooth}`;
  const known = curves.get(data);
  if (known?.key === key) return known;
  const { y, e, level } = data;
  const divide = (column) => (column == null || flux !== "normalised" || level == null ? column : Float64Array.from(column, (v, i) => v / level[i]));
  const sharp = source.tags.includes("sharp");  // a continuum is smooth already
  const { values, errors } = smoothed(divide(y), sharp ? 0 : smooth, divide(e) ?? null);
  const made = { key, y: values, e: errors };
  if (errors != null) {
    made.low = Float64Array.from(values, (v, i) => v - errors[i]);
    made.high = Float64Array.from(values, (v, i) => v + errors[i]);
  }
  curves.set(data, made);
  return made;
}

const counting = (settings) => [optionsOf(settings), velocityOf(settings)];

function axisTicks({ start, end }, settings, n) {
  const [options, rv] = counting(settings);
  const [low, high] = [Math.min(start, end), Math.max(start, end)];
  return roundTicks(toAxis(low, options, rv), toAxis(high, options, rv), n).map((u) => fromAxis(u, options, rv));
}

function axisText(tick, ticks, settings) {
  const [options, rv] = counting(settings);
  const at = (x) => toAxis(x, options, rv);
  const step = ticks.length > 1 ? Math.abs(at(ticks[1]) - at(ticks[0])) : 1;
  return at(tick).toFixed(Math.max(0, Math.min(6, Math.ceil(-Math.log10(step) - 1e-6))));
}

function axisLabel(options) {
  const unit = { angstrom: "\u00c5", nm: "nm", micron: "\u00b5m" }[options.unit];
  const medium = options.medium === "air" ? "air" : "vacuum";
  return options.frame === "rest" ? `Rest-frame ${medium} wavelength (${unit})` : `${medium[0].toUpperCase()}${medium.slice(1)} wavelength (${unit})`;
}

function plotOf(fig) {
  if (!plots.get(fig)?.model) plots.set(fig, fig.document?.views_manager?.find_one(fig) ?? undefined);
  return plots.get(fig);
}

function moveLines(settings, { ticks, names, fig }) {
  const { lines } = optionsOf(settings);
  const factor = dopplerFactor(velocityOf(settings));
  const { x_range: range } = fig;
  const width = fig.inner_width || 700;
  const place = (source) => Float64Array.from(source.data.rest, (w, i) => (lines.includes(source.data.group[i]) ? w * factor : NaN));
  const same = (a, b) => a.length === b.length && a.every((v, i) => v === b[i] || (Number.isNaN(v) && Number.isNaN(b[i])));
  const x = place(ticks);
  if (!same(x, ticks.data.x)) { ticks.data.x = x; ticks.change.emit(); }
  const at = place(names);
  const { label, rank } = names.data;
  const px = (w) => ((w - range.start) / (range.end - range.start)) * width;
  const kept = thinned(Array.from(at, (w, i) => [px(w), label[i].length * 3.4 + 5, rank[i]]), width);
  const text = Array.from(label, (word, i) => (kept.has(i) ? word : ""));
  nameBands({ fig });
  if (!same(at, names.data.x) || text.some((word, i) => word !== names.data.text[i])) {
    names.data.x = at;
    names.data.text = text;
    names.change.emit();
  }
}

// The names of the telluric bands, those that have room.
function nameBands({ fig }) {
  const bands = fig.renderers.find((r) => r.name === "sv-lines:telluric" && r.glyph.type === "Text")?.data_source;
  if (bands == null) return;
  const { x_range: range } = fig;
  const width = fig.inner_width || 700;
  const { x, label, text } = bands.data;
  const at = Array.from(x, (w, i) => [((w - range.start) / (range.end - range.start)) * width, label[i].length * 3.4 + 2, -i]);
  const kept = thinned(at, width);
  const words = Array.from(label, (word, i) => (kept.has(i) ? word : ""));
  if (words.some((word, i) => word !== text[i])) { bands.data.text = words; bands.change.emit(); }
}

// Optical flux is fitted to its percentiles; the XP axis starts at zero and holds observed and predicted.
function fitY(settings, { fig, data, fallback, option }) {
  const { x_range: x, y_range: y } = fig;
  const inView = (source) => (source?.data.x?.length ? yLimits(source.data.x, curveOf(source, settings).y, x.start, x.end) : null);
  const seen = inView(data), made = inView(fallback);
  let limits = seen ?? made;
  if (option === "xp_zoom" && limits != null) {
    const top = Math.max(seen?.[1] ?? 0, made?.[1] ?? 0);
    limits = [-0.025 * top, top];
  }
  if (limits != null && (limits[0] !== y.start || limits[1] !== y.end)) y.setv({ start: limits[0], end: limits[1] }, { sync: false });
}

const FIRST = { flux: "flux", smooth: 0, medium: "vacuum", unit: "angstrom", frame: "observed" };

// Draw what changed since this panel was drawn last. panel: fig, strip, sources (list), data, fallback, ticks, names, option ("zoom").
function applyOptions(settings, panel) {
  const { fig, strip } = panel;
  const now = { ...optionsOf(settings), velocity: velocityOf(settings) };
  const before = drawn.get(fig) ?? { ...FIRST, velocity: now.velocity, [panel.option]: null };
  const zoom = now[panel.option];
  drawn.set(fig, now);
  panels.set(settings, { ...panels.get(settings), [panel.option]: panel });
  const changed = (...names) => names.some((name) => JSON.stringify(now[name]) !== JSON.stringify(before[name]));
  // In the star's frame the marks stand still and the spectrum moves under them.
  const { x_range: range } = fig;
  if (panel.ticks != null && now.frame === "rest" && before.frame === "rest" && changed("velocity")) {
    const shift = dopplerFactor(now.velocity) / dopplerFactor(before.velocity);
    if (zoom != null || zooming.has(range)) range.setv({ start: range.start * shift, end: range.end * shift }, { sync: false });
  } else if (changed(panel.option) && !zooming.has(range)) {
    const [start, end] = zoom ?? [range.reset_start ?? range.start, range.reset_end ?? range.end];
    if (Math.abs(start - range.start) > 0.02 || Math.abs(end - range.end) > 0.02) range.setv({ start, end });
  }
  if (changed("flux", "smooth")) {
    for (const source of panel.sources) source.change.emit();
    const label = fig.tags[0]?.[now.flux];
    if (label != null && fig.left[0].axis_label !== label) fig.left[0].axis_label = label;
    fitY(settings, panel);
  }
  if (panel.ticks != null) moveLines(settings, panel);
  if (changed("medium", "unit", "frame")) {
    const label = panel.ticks != null ? axisLabel(now) : `Wavelength (${now.unit === "micron" ? "\u00b5m" : "nm"})`;
    for (const each of [fig, strip]) for (const axis of each.below) if (axis.axis_label !== label) axis.axis_label = label;
  }
  if (changed("medium", "unit", "frame") || (now.frame === "rest" && changed("velocity"))) {
    for (const each of [fig, strip]) plotOf(each)?.request_repaint();
  }
}

// The frame has another width: labels find their places anew.
function frameWidened(settings, panel) {
  if (panel.ticks != null) moveLines(settings, panel);
}

// The range moved, by hand or by a program: fit y, keep the labels apart, and tell the option when it has come to rest.
function rangeMoved(settings, panel) {
  const { x_range: range } = panel.fig;
  fitY(settings, panel);
  if (panel.ticks != null) moveLines(settings, panel);
  clearTimeout(zooming.get(range));
  zooming.set(range, setTimeout(() => {
    zooming.delete(range);
    const whole = Math.abs(range.start - range.reset_start) < 0.02 && Math.abs(range.end - range.reset_end) < 0.02;
    const zoom = whole ? null : [Number(range.start.toFixed(2)), Number(range.end.toFixed(2))];
    const said = settings.tags[0]?.[panel.option] ?? null;
    if (JSON.stringify(zoom) !== JSON.stringify(said)) setOptions(settings, { [panel.option]: zoom });
  }, ZOOM_PAUSE));
}

export function resetZoom(settings, option) {
  const range = panels.get(settings)?.[option]?.fig.x_range;
  if (range == null) return;
  clearTimeout(zooming.get(range));
  zooming.delete(range);
  range.setv({ start: range.reset_start, end: range.reset_end });
  setOptions(settings, { [option]: null });
}

// Wavelength, value with error and model at the pointer, into the element of class sv-readout of a pane.
function writeReadout(event, settings, { data, model, pane, decimals, unit }) {
  const view = pane.document?.views_manager?.find_one(pane);
  const el = view?.shadow_el?.querySelector(".sv-readout");
  if (el == null) return;
  const nearest = (source) => {
    const xs = source.data.x;
    if (event.event_name === "mouseleave" || !xs?.length) return -1;
    let low = 0, high = xs.length - 1;
    while (high - low > 1) { const middle = (low + high) >> 1; if (xs[middle] > event.x) high = middle; else low = middle; }
    const i = Math.abs(xs[low] - event.x) < Math.abs(xs[high] - event.x) ? low : high;
    const step = Math.abs((xs[Math.min(i + 1, xs.length - 1)] - xs[Math.max(i - 1, 0)]) / 2) + 0.1;
    return Math.abs(xs[i] - event.x) <= step ? i : -1;
  };
  const written = (v) => (Number.isFinite(v) ? v.toFixed(decimals).replace("-", "\u2212") : "\u2013");
  const bold = (word) => { const b = document.createElement("b"); b.textContent = word; return b; };
  const i = nearest(data);
  if (i < 0) { el.replaceChildren(); return; }
  const [options, rv] = counting(settings);
  const shown = unit === "nm" ? { ...options, frame: "observed", medium: "vacuum", unit: options.unit === "micron" ? "micron" : "nm" } : options;
  const value = toAxis(data.data.x[i], shown, rv);
  const places = { angstrom: 1, nm: unit === "nm" ? 0 : 2, micron: 5 }[shown.unit];
  const curve = curveOf(data, settings);
  const parts = [`${value.toFixed(places)} ${{ angstrom: "\u00c5", nm: "nm", micron: "\u00b5m" }[shown.unit]}\u2002`, bold(written(curve.y[i]))];
  if (Number.isFinite(curve.e?.[i])) parts.push(` \u00b1 ${written(curve.e[i])}`);
  const j = nearest(model);
  if (j >= 0) parts.push("\u2002M ", bold(written(curveOf(model, settings).y[j])));
  el.replaceChildren(...parts);
}

// The stretch that is in view in LAMOST, as a bracket in XP; with linked zoom XP shows it too.
function followZoom(settings, bracket, from, to) {
  const whole = from.start <= from.reset_start + 1 && from.end >= from.reset_end - 1;
  const [x0, x1] = whole ? factsOf(settings).optical ?? [3700, 9100] : [from.start, from.end];
  // The name stands in the middle of the whole range, and beside a stretch that is narrower than it.
  const beside = !whole && (x1 < 8500 ? 1 : -1);
  const name = { x: [beside ? (beside > 0 ? x1 : x0) : (x0 + x1) / 2], dx: [6 * beside], align: [beside ? (beside > 0 ? "left" : "right") : "center"],
    text: [whole ? "LAMOST range" : "LAMOST view"] };
  const moved = Math.max(Math.abs(bracket.data.x0?.[0] - x0), Math.abs(bracket.data.x1?.[0] - x1));
  if (!(moved < 5)) bracket.setv({ data: { ...bracket.data, x0: [x0], x1: [x1], ...name } }, { sync: false });
  if (optionsOf(settings).link_zoom && !whole) to.setv({ start: from.start, end: from.end });
}

// The stretch around the pointer, enlarged in a pane on the side of the frame where the pointer is not.
function magnify(event, settings, { small, data, fallback, fig, half }) {
  const pane = plotOf(small);
  const away = event.event_name === "mouseleave";
  if (!optionsOf(settings).magnifier || pane == null) return;
  pane.el.toggleAttribute("data-sv-away", away);
  if (away) return;
  const [start, end] = [event.x - half, event.x + half];
  const limits = [data, fallback].map((s) => (s.data.x?.length ? yLimits(s.data.x, curveOf(s, settings).y, start, end) : null)).find((l) => l != null);
  if (limits == null) return;
  small.x_range.setv({ start, end }, { sync: false });
  small.y_range.setv({ start: limits[0], end: limits[1] }, { sync: false });
  const { x_range: range } = fig;
  pane.el.toggleAttribute("data-sv-left", (event.x - range.start) / (range.end - range.start) > 0.55);
}

// What the kernel's short scripts call, by a name that they can reach.
export function offerToScripts() {
  const page = sharedPage();
  page.settings ??= { changed: settingsChanged, of: optionsOf, set: setOptions };
  page.spectrum ??= {
    curve: curveOf, ticks: axisTicks, text: axisText, apply: applyOptions, moved: rangeMoved, widened: frameWidened,
    readout: writeReadout, fit: fitY, follow: followZoom, magnify, velocity: velocityOf,
  };
}
