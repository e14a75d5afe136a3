// The chat (specviz/views/chat): writing, files, forms, numbers that lead to their calls, and a log that follows what is said.
//   <textarea data-sv-say="chat-say" data-sv-stop="chat-stop">   Enter says it (Shift+Enter: a new line), Escape stops, the arrow up
//                                              in an empty field brings what was said before
//   <button data-sv-send>                      says what stands in the field
//   data-sv-files="chat" on an element         files dropped on it are for "chat"; "chat-arrived now" follows the last of them, or
//                                              "chat-arrived wait" where something is being written
//   <button data-sv-form="word">               an act: the word, and the fields of its .sv-form as JSON
//   data-sv-call="c3"                          a press opens the call of that number in the log

import { sharedPage } from "./runtime.js";

const LONGEST_WORDS = 8000;
const SPOKEN_BEFORE = 50;

function* chatElements(root) {
  for (const el of root.querySelectorAll("*")) {
    yield el;
    if (el.shadowRoot) yield* chatElements(el.shadowRoot);
  }
}
const findIn = (root, test) => { for (const el of chatElements(root)) if (test(el)) return el; return null; };
const sayField = (holder) => findIn(holder, (el) => el.dataset?.svSay != null);
const fit = (field) => { field.style.height = "auto"; field.style.height = `${Math.min(148, Math.max(34, field.scrollHeight + 2))}px`; };

// Who is writing when files arrive wants them with the words; else they speak for themselves.
export const filesArrived = (holder) => (sayField(holder)?.value.trim() ? "wait" : "now");

export function listenChat(holder, send) {
  sharedPage().followChat = followChat;         // for the kernel's CustomJS
  const before = [];
  let back = 0;
  const say = (field) => {
    const words = field.value.trim().slice(0, LONGEST_WORDS);
    const chips = findIn(holder, (el) => el.classList?.contains("chips"));
    if (words === "" && chips == null) return;
    if (words !== "") before.push(words);
    before.splice(0, before.length - SPOKEN_BEFORE);
    back = before.length;
    send({ op: "act", act: `${field.dataset.svSay} ${words}` });
    field.value = "";
    fit(field);
  };
  const onKey = (event) => {
    const field = event.composedPath()[0];
    if (field?.dataset?.svSay == null) {
      const button = field?.closest?.(".sv-form")?.querySelector("[data-sv-form]");
      if (button != null && event.key === "Enter" && field.tagName === "INPUT") { event.preventDefault(); event.stopImmediatePropagation(); button.click(); }
      return;
    }
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      event.stopImmediatePropagation();
      say(field);
    } else if (event.key === "Escape") {
      event.stopImmediatePropagation();
      send({ op: "act", act: field.dataset.svStop });
    } else if ((event.key === "ArrowUp" && (field.value === "" || field.value === before[back])) || (event.key === "ArrowDown" && back < before.length && field.value === before[back])) {
      if (before.length === 0) return;
      event.preventDefault();
      back = Math.min(before.length, Math.max(0, back + (event.key === "ArrowUp" ? -1 : 1)));
      field.value = before[back] ?? "";
      fit(field);
    }
  };
  const onInput = (event) => { const field = event.composedPath()[0]; if (field?.dataset?.svSay != null) fit(field); };
  const onClick = (event) => {
    const path = event.composedPath();
    const at = (name) => path.find((el) => el.dataset?.[name] != null);
    if (at("svSend") != null) {
      const field = sayField(holder);
      if (field != null) { say(field); field.focus({ preventScroll: true }); }
    }
    const form = at("svForm");
    if (form != null) {
      const fields = form.closest(".sv-form").querySelectorAll("[data-sv-field]");
      send({ op: "act", act: `${form.dataset.svForm} ${JSON.stringify(Object.fromEntries([...fields].map((el) => [el.dataset.svField, el.value])))}` });
    }
    const call = at("svCall")?.dataset.svCall;
    if (call != null) openCall(holder, call);
  };
  holder.addEventListener("keydown", onKey, true);
  holder.addEventListener("input", onInput, true);
  holder.addEventListener("click", onClick);
  return () => {
    holder.removeEventListener("keydown", onKey, true);
    holder.removeEventListener("input", onInput, true);
    holder.removeEventListener("click", onClick);
  };
}

function openCall(holder, call) {
  const found = findIn(holder, (el) => el.dataset?.svCallId === call);
  if (found == null) return;
  found.open = true;
  const outer = found.parentElement.closest("details");
  if (outer != null) outer.open = true;
  found.scrollIntoView({ block: "nearest" });
  found.dataset.svFlash = "";
  setTimeout(() => delete found.dataset.svFlash, 1200);
  found.querySelector("summary")?.focus({ preventScroll: true });
}

// The log shows the newest exchange from its first line on, and as much of its end as there is room for; who scrolls is left alone
// until something new is said.
const following = new WeakMap();                // log -> {on}
function followChat(log) {
  if (log == null) return;
  let state = following.get(log);
  const exchanges = () => [...chatElements(log.shadowRoot ?? log)].filter((el) => el.dataset?.svExchange != null);
  const settle = () => {
    if (!state.on) return;
    const last = exchanges().at(-1);
    if (last == null) return;
    const start = last.getBoundingClientRect().top - log.getBoundingClientRect().top + log.scrollTop;
    log.scrollTop = Math.min(start - 4, log.scrollHeight - log.clientHeight);
  };
  if (state == null) {
    state = { on: true };
    following.set(log, state);
    for (const name of ["wheel", "touchmove", "pointerdown", "keydown"]) log.addEventListener(name, () => { state.on = false; }, { passive: true });
    const watch = new ResizeObserver(settle);
    const inner = (log.shadowRoot ?? log).querySelector(".bk-Column");
    if (inner != null) watch.observe(inner);
    watch.observe(log);
  }
  state.on = true;
  requestAnimationFrame(() => requestAnimationFrame(settle));
}
