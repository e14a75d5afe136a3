// The anywidget module of two roles. "runtime": carries the BokehJS scripts. "host": shows one kernel-side Bokeh document.
import { saveDownload } from "./download.js";
import { errorText, listen } from "./inbox.js";
import { makeHolder, showNotice } from "./holder.js";
import { freshId, runtimeReady, sharedPage } from "./runtime.js";
import { listenPictures } from "./save_figure.js";
import { listenSettings } from "./settings.js";
import { offerToScripts, resetZoom } from "./spectrum_view.js";
import { fontsReady, Theme } from "./theme.js";
import { View } from "./view.js";

// A view may be built long after its model came to the page: the highest sequence number seen meanwhile says if its bundle is old.
async function initialize({ model }) {
  // anywidget gives this two seconds, so the scripts are started here and awaited by the view.
  if (model.get("role") === "runtime") { runtimeReady(model).catch(() => {}); return undefined; }
  const { seq } = sharedPage();
  const uid = model.get("uid");
  seq.set(uid, 0);
  model.on("msg:custom", (content) => { if (content.seq != null) seq.set(uid, Math.max(seq.get(uid) ?? 0, content.seq)); });
  return () => seq.delete(uid);
}

async function render({ model, el }) {
  if (model.get("role") === "runtime") return undefined;
  const { holder, notices, place } = makeHolder(el, model.get("css"), model.get("spoken"));
  let closed = false;
  let view = null;
  const waiting = [];                           // messages of the kernel before the view stands
  let held = [];                                // and ours: an answer to them would make the bundle old before it is drawn
  const send = (content, buffers = []) => { if (!closed) model.send(content, undefined, buffers); };
  const own = freshId();                        // a file that was asked for here is saved here, not by the other views
  const tell = (words, buffers) => {
    const content = words.op === "act" ? { ...words, from: own } : words;
    if (held == null) send(content, buffers);
    else held.push([content, buffers]);
  };
  const failed = (error) => { console.warn("specviz:", error); send({ op: "error", text: errorText(error) }); };
  const theme = new Theme(holder, model.get("palettes"), model.get("theme"), () => (view?.document == null ? [] : [view.document]));
  const onTheme = () => theme.select(model.get("theme"));
  const onMessage = (content, buffers) => {
    if (content.op === "notice") { showNotice(notices, content.text); return; }
    if (content.op === "download") { if (content.to === own) saveDownload(content, buffers[0]); return; }
    if (view == null) { waiting.push([content, buffers]); return; }
    if (content.op === "patch") view.patch(content, buffers);
    else if (content.op === "doc" && content.view === view.id) void view.build(content, buffers);
    else if (content.op === "check" && content.view === view.id) view.check(content.seq);
  };
  model.on("change:theme", onTheme);
  model.on("msg:custom", onMessage);
  const stop = listen(holder, { send: tell, keys: () => model.get("wanted_keys") ?? [] });
  const stopPictures = listenPictures(holder, () => (view?.document == null ? [] : [view.document]), failed);
  const stopSettings = listenSettings(holder, () => view?.document, resetZoom);
  offerToScripts();
  try {
    const runtime = await model.widget_manager.get_model(model.get("runtime").slice("IPY_MODEL_".length));
    const [bokeh] = await Promise.all([runtimeReady(runtime), fontsReady()]);
    if (!closed) {
      view = new View(place, bokeh, theme, send, failed);
      const bundle = model.get("bundle");
      const latest = Math.max(sharedPage().seq.get(model.get("uid")) ?? 0, bundle.seq, ...waiting.map(([content]) => content.seq ?? 0));
      if (latest === bundle.seq) {
        await view.build(bundle, bundle.buffers);
        for (const args of waiting.splice(0)) onMessage(...args);
        send({ op: "ready", view: view.id, seq: view.seq });
      } else view.resync();
      for (const args of held.splice(0)) send(...args);
      held = null;
    }
  } catch (error) {
    failed(error);
    showNotice(notices, `This view could not be drawn: ${error.message}. Run the cell again; if it stays, run specviz.doctor().`);
  }
  return () => {
    model.off("msg:custom", onMessage);
    model.off("change:theme", onTheme);
    stop();
    stopSettings();
    stopPictures();
    theme.stop();
    if (view) { view.close(); send({ op: "close", view: view.id }); }
    closed = true;
    holder.remove();
  };
}

export default { initialize, render };
