// Pictures of a panel, made in the browser alone: every figure in it where it stands, under a line with the star and the legend.
//   data-sv-picture="png"            the panel around the button; with Shift the other kind
//   data-sv-picture="svg lamost"     the panel of that name, from anywhere
// The name of the star is that of the element with data-sv-star.
import { saveFile } from "./download.js";
import { deepElements } from "./settings.js";

const PRINT_RATIO = 2;                                // pixels of a PNG for each of the screen
const PICTURE_HEAD = 34;
const PICTURE_EDGE = 8;
const SVG_SPACE = "http://www.w3.org/2000/svg";

// Twin of safe_stem in specviz/session/exporting.py.
export function safeStem(name) {
  const stem = name.replace(/[^A-Za-z0-9.+-]+/g, "_").replace(/^[._+-]+|[._+-]+$/g, "").slice(0, 60).replace(/[._+-]+$/, "");
  return stem === "" || /^(con|prn|aux|nul|com\d|lpt\d)$/i.test(stem) ? "star" : stem;
}

function* figureViews(view) {
  if (view.canvas_view != null && typeof view.export === "function") { yield view; return; }
  for (const child of view.child_views ?? []) yield* figureViews(child);
}

function panelOf(el) {
  for (let at = el; at != null; at = at.parentNode ?? at.host) if (at.classList?.contains("sv-panel")) return at;
  return null;
}

const panelName = (panel) => [...panel.classList].find((c) => c.startsWith("sv-") && c !== "sv-panel")?.slice(3) ?? "figure";

// What is drawn stands in the legend: the chips that are pressed and the lines of a key, with the colours of their marks.
function legendOf(panel, style) {
  const entries = [];
  const add = (swatch, label, dash, shape) => {
    const role = /--sv-([a-z_-]+)/.exec(swatch)?.[1];
    if (role != null && label !== "") entries.push({ label, dash, shape, colour: style.getPropertyValue(`--sv-${role}`).trim() || "#888888" });
  };
  for (const el of deepElements(panel.shadowRoot ?? panel)) {
    if (el.classList?.contains("sv-chip")) {
      const swatch = el.querySelector("i")?.getAttribute("style") ?? "";
      if (el.getAttribute("aria-pressed") === "true" && !el.disabled) add(swatch, el.textContent.trim(), swatch.includes("repeating") ? [4, 2] : [], "line");
    } else if (el.tagName === "svg" && el.parentElement?.matches(".sv-key > li, .sv-mapkey > span")) {
      const circle = el.querySelector("circle");
      const shape = circle != null ? (/--sv-/.test(circle.getAttribute("stroke") ?? el.getAttribute("stroke") ?? "") ? "ring" : "dot") : el.querySelector("rect") != null ? "line" : "diamond";
      add(el.outerHTML, el.parentElement.textContent.trim().slice(0, 30), [], shape);
    }
  }
  return entries;
}

const headingOf = (panel) => (panel.shadowRoot == null ? "" : [...deepElements(panel.shadowRoot)].find((el) => el.tagName === "B")?.textContent ?? "");

function pictureLayout(panel, documents, holder, star) {
  const views = documents.flatMap((doc) => [...(doc.views_manager?.roots ?? [])].flatMap((root) => [...figureViews(root)]));
  const parts = views.filter((view) => panelOf(view.el) === panel).map((view) => ({ view, box: view.el.getBoundingClientRect() }));
  const seen = parts.filter(({ box }) => box.width > 0 && box.height > 0);
  if (seen.length === 0) return null;
  const left = Math.min(...seen.map(({ box }) => box.left));
  const top = Math.min(...seen.map(({ box }) => box.top));
  const style = getComputedStyle(holder);
  const width = Math.ceil(Math.max(...seen.map(({ box }) => box.right)) - left) + 2 * PICTURE_EDGE;
  const height = Math.ceil(Math.max(...seen.map(({ box }) => box.bottom)) - top) + PICTURE_HEAD + PICTURE_EDGE;
  return {
    width, height, star, heading: headingOf(panel), legend: legendOf(panel, style),
    parts: seen.map(({ view, box }) => ({ view, x: Math.round(box.left - left) + PICTURE_EDGE, y: Math.round(box.top - top) + PICTURE_HEAD })),
    background: style.getPropertyValue("--jp-layout-color1").trim() || "#ffffff",
    ink: style.getPropertyValue("--jp-ui-font-color1").trim() || style.color,
    family: style.fontFamily,
  };
}

// One description of the line on top for both kinds of picture: texts at places, and short strokes of colour.
function headLine({ width, star, heading, legend, family }) {
  const measure = document.createElement("canvas").getContext("2d");
  const font = (weight) => `${weight} 12px ${family}`;
  const wide = (text, weight = 400) => { measure.font = font(weight); return measure.measureText(text).width; };
  const texts = [{ text: star, x: PICTURE_EDGE, weight: 600 }];
  let end = PICTURE_EDGE + wide(star, 600);
  if (heading !== "" && heading !== star) { texts.push({ text: heading, x: end + 10, weight: 400 }); end += 10 + wide(heading); }
  const strokes = [];
  const wants = legend.map(({ label }) => 36 + wide(label));
  const sum = (n) => wants.slice(0, n).reduce((all, want) => all + want, 0);
  let shown = legend.length;
  while (shown > 0 && sum(shown) > width - PICTURE_EDGE - end) shown -= 1;      // what stands first is what matters
  let x = width - PICTURE_EDGE + 14 - sum(shown);
  for (const [i, { label, ...mark }] of legend.slice(0, shown).entries()) {
    strokes.push({ x, ...mark });
    texts.push({ text: label, x: x + 22, weight: 400 });
    x += wants[i];
  }
  return { texts, strokes, font };
}

const strokeOf = (shape) => ({ line: 2.5, ring: 2 })[shape] ?? 1.4;

function markPath(x, shape) {
  const [at, y] = [x + 8, PICTURE_HEAD / 2];
  if (shape === "dot" || shape === "ring") return `M${at - 4} ${y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z`;
  return shape === "diamond" ? `M${at} ${y - 5}l5 5l-5 5l-5 -5Z` : `M${x} ${y}H${x + 16}`;
}

// Bokeh draws for the screen's own number of pixels; for the moment of drawing that is what a print wants.
function atRatio(ratio, draw) {
  const own = Object.getOwnPropertyDescriptor(globalThis, "devicePixelRatio");
  Object.defineProperty(globalThis, "devicePixelRatio", { value: ratio, configurable: true, writable: true });
  try {
    return draw();
  } finally {
    if (own == null) delete globalThis.devicePixelRatio;
    else Object.defineProperty(globalThis, "devicePixelRatio", own);
  }
}

function drawPng(plan) {
  const canvas = document.createElement("canvas");
  canvas.width = plan.width * PRINT_RATIO;
  canvas.height = plan.height * PRINT_RATIO;
  const ctx = canvas.getContext("2d");
  ctx.fillStyle = plan.background;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  for (const { view, x, y } of plan.parts) ctx.drawImage(atRatio(PRINT_RATIO, () => view.export("png", true)).canvas, x * PRINT_RATIO, y * PRINT_RATIO);
  ctx.scale(PRINT_RATIO, PRINT_RATIO);
  const { texts, strokes, font } = headLine(plan);
  ctx.textBaseline = "middle";
  ctx.fillStyle = plan.ink;
  for (const { text, x, weight } of texts) { ctx.font = font(weight); ctx.fillText(text, x, PICTURE_HEAD / 2); }
  for (const { x, colour, dash, shape } of strokes) {
    ctx.strokeStyle = ctx.fillStyle = colour;
    ctx.setLineDash(dash);
    ctx.lineWidth = strokeOf(shape);
    const path = new Path2D(markPath(x, shape));
    if (shape === "dot") ctx.fill(path);
    else ctx.stroke(path);
  }
  return new Promise((done, failed) => canvas.toBlob((blob) => (blob == null ? failed(new Error("the picture is too large for this browser")) : done(blob)), "image/png"));
}

function drawSvg(plan) {
  const make = (tag, attributes, text) => {
    const el = document.createElementNS(SVG_SPACE, tag);
    for (const [key, value] of Object.entries(attributes)) el.setAttribute(key, value);
    if (text != null) el.textContent = text;
    return el;
  };
  const { width, height } = plan;
  const root = make("svg", { xmlns: SVG_SPACE, width, height, viewBox: `0 0 ${width} ${height}` });
  root.append(make("title", {}, [plan.star, plan.heading].filter(Boolean).join(", ")), make("rect", { width, height, fill: plan.background }));
  for (const { view, x, y } of plan.parts) {
    const text = atRatio(1, () => view.export("svg", false)).ctx.get_serialized_svg(true);
    const part = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
    if (part.tagName !== "svg") throw new Error("the figure could not be written as SVG");
    part.setAttribute("x", x);
    part.setAttribute("y", y);
    root.append(document.importNode(part, true));
  }
  const { texts, strokes } = headLine(plan);
  for (const { text, x, weight } of texts) root.append(make("text", { x, y: PICTURE_HEAD / 2 + 4, fill: plan.ink, "font-size": 12, "font-weight": weight, "font-family": plan.family }, text));
  for (const { x, colour, dash, shape } of strokes) {
    const fill = shape === "dot" ? colour : "none";
    root.append(make("path", { d: markPath(x, shape), fill, stroke: colour, "stroke-width": strokeOf(shape), "stroke-dasharray": dash.join(" ") || "none" }));
  }
  return new Blob(['<?xml version="1.0" encoding="UTF-8"?>\n', new XMLSerializer().serializeToString(root)], { type: "image/svg+xml" });
}

export async function pictureOf(panel, kind, documents, holder, star) {
  const plan = pictureLayout(panel, documents, holder, star);
  if (plan == null) throw new Error("there is nothing drawn in this panel");
  return kind === "svg" ? drawSvg(plan) : drawPng(plan);
}

// `documents()` gives the Bokeh documents that stand in `holder` now.
export function listenPictures(holder, documents, failed) {
  const onClick = (event) => {
    const path = event.composedPath();
    const button = path.find((node) => node.dataset?.svPicture != null);
    if (button == null || button.disabled) return;
    const [asked, name] = button.dataset.svPicture.split(" ");
    const other = asked === "svg" ? "png" : "svg";
    const kind = event.shiftKey && name == null ? other : asked;
    const all = [...deepElements(holder)];
    const panel = name == null ? panelOf(button) : all.find((el) => el.classList?.contains("sv-panel") && el.classList.contains(`sv-${name}`));
    const star = all.find((el) => el.dataset?.svStar != null)?.dataset.svStar || "specviz";
    if (panel == null) return;
    pictureOf(panel, kind, documents(), holder, star)
      .then((blob) => saveFile(`${safeStem(star)}_${panelName(panel)}.${kind}`, [blob], blob.type))
      .catch(failed);
  };
  holder.addEventListener("click", onClick);
  return () => holder.removeEventListener("click", onClick);
}
