// One view of one kernel-side Bokeh document: built from JSON, kept in step by patches, one message a batch each way.
import { keepFocus } from "./kept.js";
import { quicken } from "./quicken.js";
import { bytes, freshId, sharedPage } from "./runtime.js";
import { startSettings } from "./settings.js";

const own = (v) => { const b = bytes(v); return b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength); };
const join = (ids, buffers) => new Map(ids.map((id, i) => [id, own(buffers[i])]));

// Stylesheets that Panel names by address travel as text, once per document.
function inlineCss(node, css) {
  if (Array.isArray(node)) { for (const x of node) inlineCss(x, css); return node; }
  if (node && typeof node === "object") {
    if (node.type === "object" && node.name === "ImportedStyleSheet" && node.attributes?.url in css) {
      node.name = "InlineStyleSheet";
      node.attributes = { css: css[node.attributes.url] };
    } else for (const x of Object.values(node)) inlineCss(x, css);
  }
  return node;
}

// Bokeh 3.9 plots listen to visualViewport and never stop, which keeps every closed plot alive: while a view is built, or a patch
// brings it plots, such listeners get a signal that ends with the view. Gives the function that ends it.
const BUILT_BY = 3000;                          // ms in which Bokeh has built what a patch brought; it does not say when
function trackViewport(signal) {
  const port = globalThis.visualViewport;
  if (port == null) return () => {};
  const page = sharedPage();
  page.building += 1;
  port.addEventListener = (type, listener, options) =>
    EventTarget.prototype.addEventListener.call(port, type, listener, { ...(typeof options === "object" ? options : {}), signal });
  return () => { if (--page.building === 0) delete port.addEventListener; };
}

export class View {
  constructor(el, bokeh, theme, send, failed) {
    Object.assign(this, { el, bokeh, theme, send, failed, id: freshId(), document: null, seq: -1, css: {} });
    this.outbox = [];
    this.early = [];
    this.later = [];
    this.building = false;
    this.asked = false;
    this.closed = false;
    this.work = Promise.resolve();
    this.listener = (event) => this.changed(event);
  }
  // Builds wait for one another; a failed one is reported and leaves the place free for the next.
  build(content, buffers) {
    this.work = this.work.then(() => this.draw(content, buffers)).catch(this.failed);
    return this.work;
  }
  async draw({ seq, json, ids, css }, buffers) {
    if (this.closed || seq < this.seq) return;
    this.clear();
    this.early = [];
    this.asked = false;
    const { Document } = this.bokeh.require("document");
    const { add_document_standalone } = this.bokeh.require("embed/standalone");
    this.css = css;
    this.building = true;
    this.ending = new AbortController();
    const done = trackViewport(this.ending.signal);
    try {
      this.document = Document.from_json(this.theme.incoming(inlineCss(JSON.parse(json), css)), undefined, join(ids, buffers));
      quicken(this.bokeh, this.document);
      this.mode = this.theme.mode;
      this.seq = seq;
      await add_document_standalone(this.document, this.el);
    } finally {
      done();
      this.building = false;
    }
    if (this.closed) { this.clear(); return; }
    // JupyterLab's commands take any key at an element in focus that does not refuse them itself, and it hears of no move of the
    // focus within the view: without this "m" typed into a field that was reached from a button made the cell Markdown.
    for (const el of this.el.querySelectorAll("*")) el.dataset.lmSuppressShortcuts = "true";
    startSettings(this.document);
    this.document.on_change(this.listener, true);
    for (const args of this.early.splice(0)) this.patch(...args);
  }
  patch(content, buffers) {
    if (content.skip === this.id) { this.catchUp(); this.seq = content.seq; return; }
    if (this.document == null) return;
    if (this.building) { this.early.push([content, buffers]); return; }
    if (content.later && !this.closed) { this.later.push([content, buffers]); this.afterPaint(); return; }
    this.catchUp();
    this.apply(content, buffers);
  }
  // What can wait until the changes before it are on screen: two frames, or a moment where no frames are drawn (a hidden page).
  afterPaint() {
    if (this.waits != null) return;
    const go = () => { if (this.waits !== go) return; clearTimeout(timer); this.catchUp(); };
    this.waits = go;
    const timer = setTimeout(go, 200);
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(go, 0)));
  }
  catchUp() {
    this.waits = null;
    for (const args of this.later.splice(0)) this.apply(...args);
  }
  apply(content, buffers) {
    if (content.seq <= this.seq || this.document == null) return;
    if (content.seq !== this.seq + 1) { this.resync(); return; }
    this.seq = content.seq;
    if (content.json.includes('"Figure"')) setTimeout(trackViewport(this.ending.signal), BUILT_BY);
    try {
      const patch = this.theme.incoming(inlineCss(JSON.parse(content.json), { ...this.css, ...content.css }));
      keepFocus(this.el, () => this.document.apply_json_patch(patch, join(content.ids, buffers)));
    } catch (error) {
      this.failed(error);
      this.resync();
    }
  }
  // The kernel names its latest number when a new view says another. Patches on their way have come before this message.
  check(seq) {
    if (!this.building) this.catchUp();
    if (this.building || this.document == null) { this.work.then(() => { if (seq > this.seq) this.resync(); }); return; }
    if (seq > this.seq) this.resync();
  }
  // Something was missed: ask for the whole document, once.
  resync() {
    if (this.asked) return;
    this.asked = true;
    this.send({ op: "open", view: this.id });
  }
  changed(event) {
    const batch = event.events ?? [event];
    for (const e of batch) if (e.sync !== false && event.sync !== false) this.outbox.push(e);
    if (this.outbox.length && !this.queued) {
      this.queued = true;
      queueMicrotask(() => { this.queued = false; this.flush(); });
    }
  }
  flush() {
    if (this.document == null || !this.outbox.length) return;
    const patch = this.document.create_json_patch(this.outbox.splice(0));
    const text = JSON.stringify(patch, (_, v) => (typeof v?.to_base64 === "function" ? v.to_base64() : v));
    this.send({ op: "patch", view: this.id, json: this.theme.mode === "dark" ? JSON.stringify(this.theme.outgoing(JSON.parse(text))) : text });
  }
  clear() {
    if (this.document == null) return;
    this.document.remove_on_change(this.listener);
    this.document.views_manager?.clear();
    this.ending?.abort();
    this.document.clear({ sync: false });
    const all = this.bokeh.documents;
    for (let i = all.length; i--;) if (all[i] === this.document) all.splice(i, 1);
    this.document = null;
    this.outbox.length = 0;
    this.el.replaceChildren();
  }
  close() {
    this.closed = true;
    this.clear();
  }
}
