// Rows of a table in our HTML (specviz/views/similar_rows.py): pressed, opened, pointed at, walked through with the keys.
//   <table data-sv-rows="choose" data-sv-peek="peek" data-sv-open="open-similar"> <tr data-sv-row="3" tabindex="-1">
//   <input data-sv-typed="filter-similar">     what is typed is an act, after a pause or at Enter; Escape empties it; with
//                                              data-sv-leave both give the keyboard back to the view
// Each becomes one "act" message: "choose 3"; "peek" alone when the pointer has left.

import { copyText } from "./copying.js";
import { sharedPage } from "./runtime.js";

const HOVER_PAUSE = 80;                         // ms on a row before the kernel hears of it
const TYPING_PAUSE = 300;
const NO_ROW = "";

export function listenRows(holder, send) {
  sharedPage().copy = copyText;                 // for what only the kernel can write out
  let told = NO_ROW;                            // the row that the kernel shows for the pointer
  let wanted = NO_ROW;
  let hover = 0, walk = 0, typing = 0;
  const rowOf = (event) => event.composedPath().find((node) => node.dataset?.svRow != null);
  const tableOf = (row) => row?.closest("[data-sv-rows]");
  const act = (...words) => send({ op: "act", act: words.filter((word) => word !== "").join(" ") });
  const rowsOf = (table) => [...table.querySelectorAll("[data-sv-row]")];

  const point = (row, word) => {
    const number = row?.dataset.svRow ?? NO_ROW;
    if (number === wanted) return;
    wanted = number;
    clearTimeout(hover);
    hover = setTimeout(() => {
      if (wanted === told) return;
      told = wanted;
      act(word, told);
    }, HOVER_PAUSE);
  };
  let peek = "peek";
  // Moves, not "over": from one row to another of the same shadow root that is not heard of out here.
  const onMove = (event) => {
    if (event.pointerType === "touch") return;
    const row = rowOf(event);
    const table = tableOf(row);
    if (table?.dataset.svPeek != null) peek = table.dataset.svPeek;
    point(table?.dataset.svPeek != null ? row : null, peek);
  };
  const onLeave = () => point(null, peek);
  const onClick = (event) => {
    const path = event.composedPath();
    const row = rowOf(event);
    if (row == null || path.some((node) => node.dataset?.svAct != null || node.dataset?.svSet != null)) return;
    clearTimeout(walk);
    act(tableOf(row).dataset.svRows, row.dataset.svRow);
  };
  const onDouble = (event) => {
    const row = rowOf(event);
    if (row != null && tableOf(row).dataset.svOpen) act(tableOf(row).dataset.svOpen, row.dataset.svRow);
  };
  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const row = rowOf(event);
    const table = tableOf(row);
    if (table == null) return;
    const rows = rowsOf(table);
    const at = rows.indexOf(row);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1, PageDown: at + 7, PageUp: at - 7 }[event.key];
    if (to != null) {
      const next = rows[Math.max(0, Math.min(rows.length - 1, to))];
      next.focus();
      clearTimeout(walk);
      walk = setTimeout(() => act(table.dataset.svRows, next.dataset.svRow), HOVER_PAUSE);
    } else if (event.key === "Enter" && table.dataset.svOpen) {
      clearTimeout(walk);
      act(table.dataset.svOpen, row.dataset.svRow);
    } else return;
    event.preventDefault();
    event.stopImmediatePropagation();           // the key is not one for the whole widget, too
  };
  const onTyped = (event) => {
    const field = event.composedPath()[0];
    const word = field?.dataset?.svTyped;
    if (word == null) return;
    if (event.type === "keydown") {
      if (event.key === "Escape") field.value = "";
      else if (event.key !== "Enter") return;
    }
    clearTimeout(typing);
    const tell = () => { if (field.dataset.svTold !== field.value) { field.dataset.svTold = field.value; act(word, field.value.trim()); } };
    if (event.type === "input") typing = setTimeout(tell, TYPING_PAUSE);
    else {
      tell();
      event.stopImmediatePropagation();
      if (field.dataset.svLeave != null) holder.focus({ preventScroll: true });      // the keys are wanted again
    }
  };
  const listeners = [["pointermove", onMove], ["pointerleave", onLeave], ["click", onClick], ["dblclick", onDouble], ["keydown", onKey],
    ["input", onTyped], ["keydown", onTyped]];
  // While they are caught, so that a key of a row is not one for the whole widget too; "leave" is caught for every element inside.
  for (const [name, listener] of listeners) holder.addEventListener(name, listener, name !== "pointerleave");
  return () => {
    for (const timer of [hover, walk, typing]) clearTimeout(timer);
    for (const [name, listener] of listeners) holder.removeEventListener(name, listener, name !== "pointerleave");
  };
}
