// Light and dark in the browser. The kernel always speaks in light role colours; here they are exchanged for the dark ones
// on their way into a Bokeh document, and in place when the page changes its theme. Nothing of it travels back.

const FAMILY = 'system-ui, -apple-system, BlinkMacSystemFont, "Segoe UI", Helvetica, Arial, sans-serif';
const SAME = {
  "--jp-ui-font-family": FAMILY,
  "--jp-content-font-family": FAMILY,
  "--jp-code-font-family": 'Menlo, Consolas, "DejaVu Sans Mono", monospace',
  "--jp-ui-font-size1": "13px",
  "--jp-code-font-size": "13px",
  "--jp-border-width": "1px",
  "--jp-border-radius": "2px",
};

// The values of JupyterLab's own two themes, for pages that define none.
const LAB = {
  light: {
    "--jp-layout-color0": "#ffffff", "--jp-layout-color1": "#ffffff", "--jp-layout-color2": "#eeeeee", "--jp-layout-color3": "#bdbdbd",
    "--jp-inverse-layout-color1": "#212121", "--jp-inverse-layout-color3": "#616161",
    "--jp-ui-font-color0": "#000000", "--jp-ui-font-color1": "rgba(0,0,0,.87)", "--jp-ui-font-color2": "rgba(0,0,0,.54)", "--jp-ui-font-color3": "rgba(0,0,0,.38)",
    "--jp-content-font-color1": "rgba(0,0,0,.87)",
    "--jp-border-color0": "#bdbdbd", "--jp-border-color1": "#bdbdbd", "--jp-border-color2": "#e0e0e0", "--jp-border-color3": "#eeeeee",
    "--jp-brand-color0": "#0d47a1", "--jp-brand-color1": "#1976d2", "--jp-brand-color2": "#64b5f6", "--jp-brand-color3": "#bbdefb", "--jp-brand-color4": "#e3f2fd",
    "--jp-warn-color0": "#e65100", "--jp-warn-color1": "#f57c00", "--jp-warn-color2": "#ffb74d",
    "--jp-error-color0": "#b71c1c", "--jp-error-color1": "#d32f2f", "--jp-error-color2": "#e57373",
    "--jp-success-color0": "#1b5e20", "--jp-success-color1": "#388e3c", "--jp-success-color2": "#81c784",
    "--jp-info-color1": "#0097a7", "--jp-content-link-color": "#1976d2",
    "--jp-inverse-layout-color0": "#111111", "--jp-cell-editor-background": "#f5f5f5", "--jp-widgets-label-color": "rgba(0,0,0,.87)", "--jp-widgets-color": "rgba(0,0,0,.87)",
    "--jp-input-background": "#f5f5f5", "--jp-input-border-color": "#757575", "--jp-input-active-background": "#ffffff",
  },
  dark: {
    "--jp-layout-color0": "#111111", "--jp-layout-color1": "#212121", "--jp-layout-color2": "#424242", "--jp-layout-color3": "#616161",
    "--jp-inverse-layout-color1": "#ffffff", "--jp-inverse-layout-color3": "#bdbdbd",
    "--jp-ui-font-color0": "#ffffff", "--jp-ui-font-color1": "rgba(255,255,255,.87)", "--jp-ui-font-color2": "rgba(255,255,255,.54)", "--jp-ui-font-color3": "rgba(255,255,255,.38)",
    "--jp-content-font-color1": "#ffffff",
    "--jp-border-color0": "#616161", "--jp-border-color1": "#616161", "--jp-border-color2": "#424242", "--jp-border-color3": "#212121",
    "--jp-brand-color0": "#1976d2", "--jp-brand-color1": "#2196f3", "--jp-brand-color2": "#64b5f6", "--jp-brand-color3": "#bbdefb", "--jp-brand-color4": "#e3f2fd",
    "--jp-warn-color0": "#f57c00", "--jp-warn-color1": "#ff9800", "--jp-warn-color2": "#ffb74d",
    "--jp-error-color0": "#d32f2f", "--jp-error-color1": "#f44336", "--jp-error-color2": "#e57373",
    "--jp-success-color0": "#388e3c", "--jp-success-color1": "#4caf50", "--jp-success-color2": "#81c784",
    "--jp-info-color1": "#00bcd4", "--jp-content-link-color": "#64b5f6",
    "--jp-inverse-layout-color0": "#ffffff", "--jp-cell-editor-background": "#111111", "--jp-widgets-label-color": "rgba(255,255,255,.87)", "--jp-widgets-color": "rgba(255,255,255,.87)",
    "--jp-input-background": "#424242", "--jp-input-border-color": "#757575", "--jp-input-active-background": "#111111",
  },
};

// What the page says of itself: Lab writes the attribute, other pages leave it to the person's system.
export function pageMode() {
  const said = document.body?.dataset.jpThemeLight;
  if (said != null) return said === "false" ? "dark" : "light";
  return globalThis.matchMedia?.("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

const exchange = (value, map) => (value.length < 40 ? map.get(value.toLowerCase()) ?? value : value);

// Role colours in plain JSON, in place. Returns the node, because a string cannot change in place.
export function recolourJson(node, map) {
  if (map == null) return node;
  if (typeof node === "string") return exchange(node, map);
  if (node == null || typeof node !== "object" || ArrayBuffer.isView(node)) return node;
  const keys = Array.isArray(node) ? node.keys() : Object.keys(node);
  for (const key of keys) {
    const value = node[key];
    if (typeof value === "string" || (value != null && typeof value === "object")) node[key] = recolourJson(value, map);
  }
  return node;
}

// The same in a live property value; a changed container is a fresh one, an unchanged value is the same object.
function recoloured(value, map, isModel, depth = 0) {
  if (typeof value === "string") return exchange(value, map);
  if (value == null || typeof value !== "object" || depth > 4 || ArrayBuffer.isView(value) || isModel(value)) return value;
  if (Array.isArray(value)) {
    let fresh = null;
    for (let i = 0; i < value.length; i++) {
      const was = value[i];
      if (typeof was === "number") continue;
      const now = recoloured(was, map, isModel, depth + 1);
      if (now !== was) (fresh ??= Array.from(value))[i] = now;
    }
    return fresh ?? value;
  }
  const entries = value instanceof Map ? [...value] : Object.getPrototypeOf(value) === Object.prototype ? Object.entries(value) : [];
  const changed = entries.map(([k, v]) => [k, recoloured(v, map, isModel, depth + 1)]);
  if (changed.every(([, v], i) => v === entries[i][1])) return value;
  return value instanceof Map ? new Map(changed) : Object.fromEntries(changed);
}

// A range that fits itself to the data would do so when a column of colours changes; for two frames it believes that the person
// has set it, which is Bokeh's own way of leaving a range alone.
function keepRanges(models) {
  const ranges = models.filter((model) => model.have_updated_interactively === false);
  for (const range of ranges) range.have_updated_interactively = true;
  requestAnimationFrame(() => requestAnimationFrame(() => { for (const range of ranges) range.have_updated_interactively = false; }));
}

// A legend beside the frame is measured while its words are being written in their new colour, and takes no room then.
function measureLegends(doc, models) {
  const legends = models.filter((model) => model.type === "Legend" && model.visible);
  requestAnimationFrame(() => requestAnimationFrame(() => { for (const legend of legends) doc.views_manager?.find_one(legend)?.request_layout(); }));
}

// Every model of a live document, without a rebuild and with the zoom kept.
export function recolourDocument(doc, map) {
  const models = [...doc._all_models.values()];
  keepRanges(models);
  const isModel = (value) => typeof value.setv === "function";
  for (const model of models) {
    const changes = {};
    for (const prop of model) {
      if (prop.is_unset) continue;
      const was = prop.get_value();
      const now = recoloured(was, map, isModel);
      if (now !== was) changes[prop.attr] = now;
    }
    if (Object.keys(changes).length > 0) model.setv(changes, { sync: false });
  }
  measureLegends(doc, models);
}

const mapping = (from, to) => new Map(Object.keys(from).map((role) => [from[role].toLowerCase(), to[role]]));

// One theme switch for one element: its variables, its mode, and the documents drawn in it.
export class Theme {
  constructor(holder, palettes, theme, documents) {
    Object.assign(this, { holder, theme, documents });
    this.palettes = palettes ?? {};
    const { light = {}, dark = {} } = this.palettes;
    this.toDark = mapping(light, dark);
    this.toLight = mapping(dark, light);
    this.written = [];
    this.mode = this.wanted();
    this.paint();
    this.observer = new MutationObserver(() => this.check());
    this.observer.observe(document.body, { attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
    this.media = globalThis.matchMedia?.("(prefers-color-scheme: dark)");
    this.onMedia = () => this.check();
    this.media?.addEventListener("change", this.onMedia);
  }
  wanted() {
    return this.theme === "light" || this.theme === "dark" ? this.theme : pageMode();
  }
  incoming(json) {
    return this.mode === "dark" ? recolourJson(json, this.toDark) : json;
  }
  outgoing(json) {
    return this.mode === "dark" ? recolourJson(json, this.toLight) : json;
  }
  paint() {
    const { style } = this.holder;
    for (const name of this.written.splice(0)) style.removeProperty(name);
    const set = (name, value) => { style.setProperty(name, value); this.written.push(name); };
    const page = getComputedStyle(document.body);
    const foreign = this.mode !== pageMode();
    for (const [name, value] of Object.entries({ ...SAME, ...LAB[this.mode] })) {
      if (foreign || page.getPropertyValue(name).trim() === "") set(name, value);
    }
    for (const [role, value] of Object.entries(this.palettes[this.mode] ?? {})) set(`--sv-${role.replaceAll("_", "-")}`, value);
    set("color-scheme", this.mode);
    this.holder.dataset.svTheme = this.mode;
  }
  select(theme) {
    this.theme = theme;
    this.check();
  }
  check() {
    const mode = this.wanted();
    const turned = mode !== this.mode;
    this.mode = mode;
    this.paint();                               // another Lab theme of the same mode may bring other variables
    if (!turned) return;
    for (const doc of this.documents()) recolourDocument(doc, mode === "dark" ? this.toDark : this.toLight);
  }
  stop() {
    this.observer.disconnect();
    this.media?.removeEventListener("change", this.onMedia);
  }
}

// Canvas text is measured once, so a font that is still loading would leave labels at the wrong size. Never blocks.
export const fontsReady = () => Promise.race([document.fonts?.ready, new Promise((done) => setTimeout(done, 300))]);
