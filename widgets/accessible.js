// Names for what Bokeh 3.9 leaves without one: a screen reader asks the part that has the focus, which stands inside the element that
// carries a model's attributes. `html_attributes={"aria-label": ...}` of an input names its field; of a plot it names the layer that
// takes the focus, as one picture.
import { settleTables } from "./tables.js";

export function makeAccessible(bokeh, document) {
  document.specvizNames = true;
  settleTables(bokeh, document);
  after(bokeh, "models/ui/styled_element", "StyledElementView", "_apply_html_attributes");
  after(bokeh, "models/widgets/input_widget", "InputWidgetView", "render");
}

function after(bokeh, module, name, method) {
  let prototype = null;
  try {
    prototype = bokeh.require(module)[name]?.prototype;
  } catch {
    return;                                     // that script is not on this page
  }
  const first = prototype?.[method];
  if (typeof first !== "function" || first.specviz) return;
  prototype[method] = function (...args) {
    const result = first.apply(this, args);
    if (this.model.document?.specvizNames) passOn(this);
    return result;
  };
  prototype[method].specviz = true;
}

function passOn(view) {
  const label = view.model.html_attributes["aria-label"] ?? null;
  const layer = view.canvas_view?.events_el;
  if (layer != null) {
    layer.tabIndex = label == null ? -1 : 0;    // nothing to say: not worth a stop
    if (label == null) return;
    layer.setAttribute("role", "img");
    layer.setAttribute("aria-label", label);
    view.el.removeAttribute("role");
    view.el.removeAttribute("aria-label");
  } else if (view.input_el != null && label != null) {
    view.input_el.setAttribute("aria-label", label);
    view.el.removeAttribute("aria-label");
  }
}
