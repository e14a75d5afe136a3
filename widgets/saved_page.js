// A page saved as one file: scripts and document come from the page itself, no kernel answers.
import { makeHolder, showNotice } from "./holder.js";
import { listenWidth } from "./inbox.js";
import { loadScripts } from "./runtime.js";
import { listenPictures } from "./save_figure.js";
import { deepElements, listenSettings } from "./settings.js";
import { offerToScripts, resetZoom } from "./spectrum_view.js";
import { fontsReady, Theme } from "./theme.js";
import { View } from "./view.js";

const unpack = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

// What asks a kernel is put away: a control that does nothing is worse than none. What the browser draws alone stays.
const ASKING = new Set(["plane", "map_colour", "cluster", "measuring", "indices", "compare", "face_off"]);
const STAYING = /^(vet-|window |study )/;        // pictures, and choices that say what was chosen: these answer no press

function putAway(place) {
  const all = [...deepElements(place)];
  const hide = (el) => el.style.setProperty("display", "none", "important");
  const isHidden = (el) => el.style.display === "none";
  for (const el of all) {
    const { svAct: act, svSet, svToggle, svDial } = el.dataset ?? {};
    const option = (svSet ?? svToggle)?.split(" ")[0];
    if (svDial != null) el.disabled = true;
    else if (option === "similar_sort" || STAYING.test(act ?? "")) el.inert = true;
    else if (act != null || ASKING.has(option) || el.matches(".sv-asks, .sv-notice")) hide(el);
  }
  for (const menu of all.filter((el) => el.matches("details"))) {
    const items = [...menu.querySelectorAll("button, input, a, select")];
    if (items.length > 0 && items.every(isHidden)) hide(menu);
  }
}

async function start() {
  const saved = JSON.parse(document.getElementById("sv-saved").textContent);
  const { holder, notices, place } = makeHolder(document.body, saved.css, document.title);
  let view = null;
  const documents = () => (view?.document == null ? [] : [view.document]);
  const theme = new Theme(holder, saved.palettes, saved.theme, documents);
  const failed = (error) => { console.error(error); showNotice(notices, `This page could not be drawn: ${error.message}`); };
  listenWidth(holder, () => {});
  listenPictures(holder, documents, (error) => showNotice(notices, `The picture could not be made: ${error.message}`));
  listenSettings(holder, () => view?.document, resetZoom);
  offerToScripts();
  try {
    const scripts = Object.fromEntries(Object.entries(saved.scripts).map(([name, text]) => [name, unpack(text)]));
    const [bokeh] = await Promise.all([loadScripts(saved.version, saved.names, scripts, saved.probes), fontsReady()]);
    view = new View(place, bokeh, theme, () => {}, failed);
    const { json, ids, css } = saved.document;
    await view.build({ seq: 0, json, ids, css }, saved.document.buffers.map(unpack));
    putAway(place);
  } catch (error) {
    failed(error);
  }
}

void start();
