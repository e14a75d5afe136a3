// Bokeh 3.9's tables, made fit for the keyboard. A table takes the focus whenever a row is selected from outside, for the sake of its
// own copy plug-in: a star that arrives would take the keyboard from whoever types. It has a dozen places for the focus, without
// a name, and once there Tab does not lead out again; the arrow keys do nothing before a cell was clicked.

// Tables that others put on the page stay as they are.
export function settleTables(bokeh, document) {
  document.specvizTables = true;
  let prototype = null;
  try {
    prototype = bokeh.require("models/widgets/tables/data_table").DataTableView?.prototype;
  } catch {
    return;                                     // no tables on this page
  }
  const update = prototype?.updateSelection;
  if (typeof update !== "function" || update.specviz) return;
  prototype.updateSelection = function () {
    if (this.grid != null && this.grid.specviz !== true && this.model.document?.specvizTables) settle(this);
    return update.call(this);
  };
  prototype.updateSelection.specviz = true;
}

function settle(view) {
  const { grid, el } = view;
  grid.specviz = true;
  grid.focus = () => {};                        // a click on a cell takes the focus by another way
  const [first, ...others] = (view.shadow_el ?? el).querySelectorAll("div[tabindex='0']");
  if (first == null) return;
  for (const other of others) other.setAttribute("tabindex", "-1");                        // one stop a table
  first.setAttribute("role", "group");
  first.setAttribute("aria-roledescription", "table");
  first.setAttribute("aria-label", el.getAttribute("aria-label") ?? "Table");
  // The grid keeps Tab to itself and never lets go: it does not hear of it.
  (view.shadow_el ?? el).addEventListener("keydown", (event) => { if (event.key === "Tab") event.stopPropagation(); }, true);
  first.addEventListener("keydown", (event) => {
    if ((event.key !== "ArrowDown" && event.key !== "ArrowUp") || grid.getActiveCell() != null || grid.getDataLength() === 0) return;
    event.preventDefault();
    event.stopPropagation();
    grid.setActiveCell(grid.getSelectedRows()[0] ?? grid.getViewport().top, 0);
  });
}
