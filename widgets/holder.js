// The element that all doors draw in: its style, its place for the view, and plain words for errors.

const STYLE = `
.sv-host { width: 100%; position: relative; container-type: inline-size; color: var(--jp-ui-font-color1); background: var(--jp-layout-color0); font-family: var(--jp-ui-font-family); }
.sv-host:focus { outline: none; }
.sv-host[data-sv-keys] { --sv-keys-bar: flex; --sv-keys-on: none; --sv-keys-off: inline; }
.sv-host[data-sv-keys="active"] { --sv-keys-on: inline; --sv-keys-off: none; }
.sv-host[data-sv-keys="active"]::after { content: ""; position: absolute; inset: 0; border: 2px solid var(--jp-brand-color1); pointer-events: none; z-index: 9; }
.sv-host[data-sv-drop="over"] { outline: 2px dashed var(--jp-brand-color1); outline-offset: -2px; }
.sv-notice { padding: 8px 12px; border: 1px solid var(--jp-error-color1); color: var(--jp-ui-font-color1); font-size: 13px; white-space: pre-wrap; }
.sv-notice button { float: right; margin-left: 12px; }
`;

// Gives an element its style and its line for notices.
export function furnish(holder, css) {
  const style = document.createElement("style");
  style.textContent = STYLE + css;
  const notices = document.createElement("div");
  holder.prepend(style, notices);
  return notices;
}

export function makeHolder(el, css, label) {
  const holder = document.createElement("div");
  holder.className = "sv-host";
  holder.dataset.lmSuppressShortcuts = "true";
  holder.setAttribute("role", "group");
  holder.setAttribute("aria-label", label);
  const place = document.createElement("div");
  place.className = "sv-view";
  holder.append(place);
  const notices = furnish(holder, css);
  el.append(holder);
  return { holder, notices, place };
}

// For errors that nobody in the kernel listens to: plain words in the widget, never a traceback.
export function showNotice(notices, text) {
  const box = document.createElement("div");
  box.className = "sv-notice";
  box.setAttribute("role", "alert");
  const button = document.createElement("button");
  button.textContent = "Close";
  button.addEventListener("click", () => box.remove());
  box.append(button, text);
  notices.replaceChildren(box);
}

