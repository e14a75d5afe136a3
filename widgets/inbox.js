// What the person does to the widget as a whole: keys, focus, width, dropped files, and errors that happen in it.
// Each becomes one small message; the Python twin is specviz/doors/inbox.py.

import { filesArrived, listenChat } from "./chat.js";
import { freshId } from "./runtime.js";
import { listenKept } from "./kept.js";
import { listenRows } from "./rows.js";

const FILE_LIMIT = 64 * 1024 * 1024;
const PIECE = 2 * 1024 * 1024;                  // Jupyter's websocket refuses messages above 10 MB
const WIDTHS = [[1360, "wide"], [1200, "base"], [700, "medium"], [0, "narrow"]];
const SILENT_INPUTS = new Set(["button", "checkbox", "color", "file", "image", "radio", "range", "reset", "submit"]);

function isTextField(el) {
  if (el?.tagName === "INPUT") return !SILENT_INPUTS.has(el.type);
  return el?.isContentEditable === true || el?.tagName === "TEXTAREA" || el?.tagName === "SELECT";
}

const isPressable = (el) => el?.tagName === "BUTTON" || el?.tagName === "A" || el?.tagName === "SUMMARY" || (el?.tagName === "INPUT" && !isTextField(el));

function findDeep(root, selector) {
  const here = root.querySelector(selector);
  if (here) return here;
  for (const el of root.querySelectorAll("*")) {
    const deeper = el.shadowRoot && findDeep(el.shadowRoot, selector);
    if (deeper) return deeper;
  }
  return null;
}

// The page as it is scrolled now, to be put back: a field at the foot of a tall view comes into sight and is left again.
function scrolledNow(el) {
  const held = [];
  for (let up = el; up != null; up = up.parentNode ?? up.host) if (up.scrollHeight > up.clientHeight) held.push([up, up.scrollTop]);
  return () => { for (const [up, top] of held) if (up.scrollTop !== top) up.scrollTop = top; };
}
const putBack = new WeakMap();                  // small field -> the page as it was when a key led there

export function widthClass(width) {
  return WIDTHS.find(([least]) => width >= least)[1];
}

// `wanted()` gives the keys the kernel listens to (["*"]: all of them); their default in the browser is stopped.
function listenKeys(holder, send, wanted) {
  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const target = event.composedPath()[0];
    const field = isTextField(target);
    if (field && event.key !== "Escape" && event.key !== "Enter") return;
    if (isPressable(target) && (event.key === "Enter" || event.key === " ")) return;      // the button takes it
    if (target?.type === "range" && /^(Arrow|Home|End|Page)/.test(event.key)) return;      // the slider takes it
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (field && key === "Escape") holder.focus({ preventScroll: true });                  // keys work again
    if (target.dataset?.svEnter != null) {      // a small field of the hint bar: what was typed is an act
      if (key === "Enter" && target.value.trim() !== "") send({ op: "act", act: `${target.dataset.svEnter} ${target.value.trim()}` });
      target.value = "";
      holder.focus({ preventScroll: true });
      putBack.get(target)?.();
      putBack.delete(target);
      return;
    }
    if (key === "Escape" && findDeep(holder, ":popover-open") != null) return;             // the browser closes it
    const keys = wanted();
    const named = field || key.length !== 1 || keys.includes(key) ? null : findDeep(holder, `[aria-keyshortcuts="${CSS.escape(key)}"]`);
    if (named != null) {                        // "/" goes to the search field here: what is typed next must arrive in it
      const input = named.shadowRoot?.querySelector("input") ?? named;
      event.preventDefault();
      if (!isTextField(input)) { input.click(); return; }
      if (input.dataset.svEnter != null) putBack.set(input, scrolledNow(holder));
      input.focus();
      if (input.tagName === "TEXTAREA") input.setSelectionRange(input.value.length, input.value.length);   // one goes on writing
      else input.select?.();
      return;
    }
    if (!keys.includes(key) && !keys.includes("*")) return;
    if (keys.includes(key) && !field) event.preventDefault();
    send({ op: "key", key, shift: event.shiftKey, repeat: event.repeat, field });
  };
  const onFocus = (event) => {
    const active = event.type === "focusin";
    if (!active && holder.contains(event.relatedTarget)) return;
    if ((holder.dataset.svKeys === "active") === active) return;
    holder.dataset.svKeys = active ? "active" : "idle";
    send({ op: "focus", active });
  };
  holder.dataset.svKeys = holder.contains(document.activeElement) ? "active" : "idle";
  holder.addEventListener("keydown", onKey);
  holder.addEventListener("focusin", onFocus);
  holder.addEventListener("focusout", onFocus);
  return () => {
    holder.removeEventListener("keydown", onKey);
    holder.removeEventListener("focusin", onFocus);
    holder.removeEventListener("focusout", onFocus);
  };
}

export function listenWidth(holder, send) {
  let timer = 0;
  let told = 0;
  const measure = () => {
    const width = Math.round(holder.clientWidth);
    if (width === 0) return;                    // hidden
    holder.dataset.svWidth = widthClass(width);
    clearTimeout(timer);
    timer = setTimeout(() => { if (width !== told) { told = width; send({ op: "size", width }); } }, told === 0 ? 0 : 150);
  };
  const observer = new ResizeObserver(measure);
  observer.observe(holder);
  measure();
  return () => { clearTimeout(timer); observer.disconnect(); };
}

// "to" says what the files are for ("gaia_xp": that spectrum of the star on screen); files that were dropped are for nothing special.
async function sendFiles(files, holder, send, to = "") {
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const limit = Number(holder.dataset.svUpload) || FILE_LIMIT;  // a served page may have one of its own
  if (total > limit) {
    send({ op: "refused", names: files.map((file) => file.name), size: total, limit });
    return;
  }
  for (const file of files) {
    const id = freshId();
    const data = await file.arrayBuffer();
    const count = Math.max(1, Math.ceil(data.byteLength / PIECE));
    for (let index = 0; index < count; index++) {
      await send({ op: "file", id, to, name: file.name, size: data.byteLength, index, count }, [data.slice(index * PIECE, (index + 1) * PIECE)]);
    }
  }
}

// What takes several files at once (data-sv-files) hears when the last of them is there.
async function sendAll(files, holder, send, to) {
  await sendFiles(files, holder, send, to);
  send({ op: "act", act: `${to}-arrived ${filesArrived(holder)}` });
}

function listenDrop(target, holder, send, failed) {
  const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const onOver = (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();                     // without it the browser leaves the page and opens the file
    event.stopPropagation();
    event.dataTransfer.dropEffect = "copy";
    holder.dataset.svDrop = "over";
  };
  const onLeave = (event) => { if (!holder.contains(event.relatedTarget)) delete holder.dataset.svDrop; };
  const onDrop = (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.stopPropagation();
    delete holder.dataset.svDrop;
    const to = event.composedPath().find((node) => node.dataset?.svFiles != null)?.dataset.svFiles;
    const files = [...event.dataTransfer.files];
    (to == null ? sendFiles(files, holder, send) : sendAll(files, holder, send, to)).catch(failed);
  };
  target.addEventListener("dragover", onOver);
  target.addEventListener("dragleave", onLeave);
  target.addEventListener("drop", onDrop);
  return () => {
    target.removeEventListener("dragover", onOver);
    target.removeEventListener("dragleave", onLeave);
    target.removeEventListener("drop", onDrop);
  };
}

// What a button in our HTML says in data-sv-act ("retry", "pick 3") is sent when it is pressed; HTML needs no model for each.
// "file", with or without a word, opens the browser's file chooser and sends what was chosen; "files" takes several for the word.
function listenActs(holder, send, failed) {
  const choose = (to, give = sendFiles) => {
    const input = Object.assign(document.createElement("input"), { type: "file", multiple: to === "" || give === sendAll, hidden: true });
    holder.append(input);
    input.addEventListener("change", () => { input.remove(); give([...input.files], holder, send, to).catch(failed); });
    input.addEventListener("cancel", () => input.remove());
    input.click();
  };
  const onClick = (event) => {
    const act = event.composedPath().find((node) => node.dataset?.svAct != null)?.dataset.svAct;
    if (act == null || act === "keys") return;
    const [name, ...words] = act.split(" ");
    if (name === "file") choose(words.join(" "));
    else if (name === "files") choose(words.join(" "), sendAll);
    else if (name === "help") findDeep(holder, "[aria-keyshortcuts='?']")?.click();
    else send({ op: "act", act });
  };
  const onDown = (event) => {                   // "Click here to use keys" is gone as soon as they work: no click would follow
    if (!event.composedPath().some((node) => node.dataset?.svAct === "keys")) return;
    event.preventDefault();
    holder.focus({ preventScroll: true });
  };
  holder.addEventListener("click", onClick);
  holder.addEventListener("mousedown", onDown);
  return () => { holder.removeEventListener("click", onClick); holder.removeEventListener("mousedown", onDown); };
}

export const errorText = (error) => String(error?.stack ?? error?.message ?? error);

// Errors of our own scripts, which carry a name of ours in their stack (runtime.js and assets.py put it there).
function listenErrors(failed) {
  const onError = (event) => {
    const error = event.error ?? event.reason;
    if (errorText(error).includes("specviz/")) failed(error);
  };
  globalThis.addEventListener("error", onError);
  globalThis.addEventListener("unhandledrejection", onError);
  return () => {
    globalThis.removeEventListener("error", onError);
    globalThis.removeEventListener("unhandledrejection", onError);
  };
}

// What stood on screen when a key or a button was pressed (data-sv-seen), for views that ask for it (data-sv-watched): over a slow
// line the next star may be at hand in the kernel before anybody has seen it, and no label may fall on it then.
function watchSeen(holder) {
  let place = null;
  return () => {
    if (holder.querySelector("[data-sv-watched]") == null) return {};
    if (place?.host?.isConnected !== true) place = findDeep(holder, "[data-sv-seen]")?.getRootNode() ?? null;
    const seen = place?.querySelector("[data-sv-seen]")?.dataset.svSeen;
    return seen == null ? {} : { seen };
  };
}

export function listen(holder, { send: tell, keys, drop = holder, errors = true }) {
  const seen = watchSeen(holder);
  const send = (content, buffers) => tell(content.op === "key" || content.op === "act" ? { ...content, ...seen() } : content, buffers);
  const failed = (error) => send({ op: "error", text: errorText(error) });
  holder.tabIndex = 0;
  const stops = [listenChat(holder, send), listenKept(holder, send), listenRows(holder, send), listenKeys(holder, send, keys), listenWidth(holder, send), listenDrop(drop, holder, send, failed), listenActs(holder, send, failed)];
  if (errors) stops.push(listenErrors(failed));
  return () => { for (const stop of stops) stop(); };
}
