// What Bokeh 3.9 does at every paint and our documents can do without. Other documents on the page are left as they were; gone or
// renamed, the methods that are replaced here cost time, one a stray line, and nothing else.

import { makeAccessible } from "./accessible.js";

const ours = new WeakSet();
export const quicken = (bokeh, document) => {
  ours.add(document);
  skipStyleQuestions(bokeh);
  rememberFontSize(bokeh);
  beginOutline(bokeh);
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

// Bokeh begins no new path for the frame: where a plot has no background, the box behind its last text, of the paint before, got an
// outline too, at its old place.
function beginOutline(bokeh) {
  const { PlotView } = bokeh.require("models/plots/plot_canvas");
  const paint = PlotView?.prototype._paint_outline;
  if (typeof paint !== "function" || paint.specviz) return;
  const begun = function (ctx, box) {
    if (ours.has(this.model.document)) ctx.beginPath();
    paint.call(this, ctx, box);
  };
  begun.specviz = true;
  PlotView.prototype._paint_outline = begun;
}
