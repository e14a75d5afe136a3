// What Bokeh 3.9 does at every paint and our documents can do without. Other documents on the page are left as they were; gone or
// renamed, the methods that are replaced here cost time and nothing else.

import { makeAccessible } from "./accessible.js";

const ours = new WeakSet();
export const quicken = (bokeh, document) => {
  ours.add(document);
  skipStyleQuestions(bokeh);
  rememberFontSize(bokeh);
  makeAccessible(bokeh, document);
};

// Bokeh asks the page's style about every property of every axis at every paint, in case a style sheet says otherwise: half of
// the time to paint a star. Ours never say it there (themes change properties).
function skipStyleQuestions(bokeh) {
  const { VisualProperties } = bokeh.require("core/visuals/visual");
  const ask = VisualProperties?.prototype._get_css_value;
  if (typeof ask !== "function" || ask.specviz) return;
  const answer = function (name) { return ours.has(this.obj.model.document) ? "" : ask.call(this, name); };
  answer.specviz = true;
  VisualProperties.prototype._get_css_value = answer;
}

// Each text of each axis asks for the plot's font size, several times a paint, which makes the browser work out all styles of the
// page again. It only matters to sizes in em, and our texts are in px: asked once a plot.
function rememberFontSize(bokeh) {
  const { PlotView } = bokeh.require("models/plots/plot_canvas");
  const ask = PlotView && Object.getOwnPropertyDescriptor(PlotView.prototype, "base_font_size")?.get;
  if (typeof ask !== "function" || ask.specviz) return;
  const known = new WeakMap();
  const answer = function () {
    if (!ours.has(this.model.document)) return ask.call(this);
    const size = known.get(this) ?? ask.call(this);
    if (size != null) known.set(this, size);
    return size;
  };
  answer.specviz = true;
  Object.defineProperty(PlotView.prototype, "base_font_size", { get: answer, configurable: true });
}

// Every renderer writes the style sheet of its place at every paint, mostly the same again; the next text drawn then makes the
// browser work out the styles of the page. The same text is not written: the outcome is the same in every document.
function writeStylesOnce(bokeh) {
  const { InlineStyleSheet } = bokeh.require("core/dom");
  const write = InlineStyleSheet?.prototype._update;
  if (typeof write !== "function" || write.specviz) return;
  const answer = function (css) { if (this.el.textContent !== css) write.call(this, css); };
  answer.specviz = true;
  InlineStyleSheet.prototype._update = answer;
}

// A label that grows makes Bokeh lay out and measure all that is on the page. The size of our plots comes from style sheets, so
// what is inside one plot concerns that plot alone.
function layOutOnePlot(bokeh) {
  const { PlotView } = bokeh.require("models/plots/plot_canvas");
  const check = PlotView?.prototype._invalidate_layout_if_needed;
  if (typeof check !== "function" || check.specviz || typeof PlotView.prototype._compute_layout !== "function") return;
  const answer = function () {
    if (!ours.has(this.model.document) || !this._layout_computed) { check.call(this); return; }
    this.compute_layout = () => { this._compute_layout(); this.after_layout(); };
    try { check.call(this); } finally { delete this.compute_layout; }
  };
  answer.specviz = true;
  PlotView.prototype._invalidate_layout_if_needed = answer;
}
