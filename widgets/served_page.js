// A page of `specviz serve`. Panel draws it; here it gets the theme, and its keys, width and dropped files reach Python
// through a hidden data source ("channel") instead of a widget's messages.
import { saveDownload } from "./download.js";
import { furnish, showNotice } from "./holder.js";
import { errorText, listen } from "./inbox.js";
import { bytes } from "./runtime.js";
import { listenPictures } from "./save_figure.js";
import { listenSettings, startSettings } from "./settings.js";
import { offerToScripts, resetZoom } from "./spectrum_view.js";
import { makeAccessible } from "./accessible.js";
import { Theme } from "./theme.js";

// Documents and patches change colour on their way in and out, as DocHost's view does it for its own.
function interceptDocuments(bokeh, theme) {
  const { Document } = bokeh.require("document");
  const { from_json } = Document;
  const { apply_json_patch, create_json_patch } = Document.prototype;
  Document.from_json = function (json, ...rest) {
    const document = from_json.call(this, theme.incoming(json), ...rest);
    makeAccessible(bokeh, document);
    return document;
  };
  Document.prototype.apply_json_patch = function (patch, ...rest) { return apply_json_patch.call(this, theme.incoming(patch), ...rest); };
  Document.prototype.create_json_patch = function (...args) { return theme.outgoing(create_json_patch.apply(this, args)); };
}

function base64(buffer) {
  const data = bytes(buffer);
  let text = "";
  for (let i = 0; i < data.length; i += 0x8000) text += String.fromCharCode(...data.subarray(i, i + 0x8000));
  return btoa(text);
}

// The address says which star is shown and how (names alone), so that it can be copied, kept and loaded again; what else
// stands in it stays.
function sayInAddress(query) {
  const others = [...new URLSearchParams(location.search)].filter(([key]) => key !== "star" && key !== "view");
  const rest = new URLSearchParams(others).toString();
  const all = [query.replace(/^\?/, ""), rest].filter(Boolean).join("&");
  history.replaceState(history.state, "", location.pathname + (all === "" ? "" : `?${all}`) + location.hash);
}

function connect(channel, holder, notices) {
  const state = () => channel.tags[0] ?? {};
  let count = 0;
  const send = (content, buffers = []) => {
    count += 1;
    channel.data = { count: [count], message: [JSON.stringify(content)], piece: [buffers.length ? base64(buffers[0]) : ""] };
  };
  let told = 0;
  let timer = 0;
  channel.connect(channel.properties.tags.change, () => {
    const { notice, notices: number, address } = state();
    if (address != null) { clearTimeout(timer); timer = setTimeout(() => sayInAddress(address), 300); }
    if (number > told) { told = number; showNotice(notices, notice); }
  });
  const [, files] = channel.tags;               // its data: one file at a time, on its way to the person
  files?.connect(files.properties.data.change, () => {
    const { name, mime, data } = files.data;
    if (name.length > 0) saveDownload({ name: name[0], mime: mime[0] }, data[0]);
  });
  listenPictures(holder, () => [channel.document], (error) => send({ op: "error", text: errorText(error) }));
  listen(holder, { send, keys: () => state().keys ?? [], drop: document });
  listenSettings(holder, () => channel.document, resetZoom);
  startSettings(channel.document);
}

globalThis.specvizPage = {
  start({ palettes, theme, css, upload }) {
    const holder = document.querySelector("main.sv-host");
    holder.dataset.svUpload = upload;
    const notices = furnish(holder, css);
    offerToScripts();
    interceptDocuments(globalThis.Bokeh, new Theme(holder, palettes, theme, () => globalThis.Bokeh.documents));
    this.connect = (channel) => connect(channel, holder, notices);
  },
};
