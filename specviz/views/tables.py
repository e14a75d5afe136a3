"""Bokeh's DataTable in our dress: flat rows, quiet heads, one tinted row for the selection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bokeh.models import ColumnDataSource, CustomJS, DataTable, HTMLTemplateFormatter, StringEditor, TableColumn

from specviz.views.controls import sheet
from specviz.views.stylesheet import QUIET

#: Escaped text; numbers are formatted in Python, so that tables and tiles agree.
TEXT = '<span title="<%- value %>"><%- value %></span>'

_CSS = f"""
:host {{ font-family: var(--jp-ui-font-family); font-size: 13px; color: var(--jp-ui-font-color1); font-variant-numeric:
tabular-nums; }}
.bk-data-table, .slick-viewport, .slick-header-columns, .slick-pane, .slick-header, .grid-canvas {{ background:
transparent !important; }}
.slick-header-column, .slick-header-column.ui-state-default {{ background: transparent !important; border: none
!important;
  border-bottom: 1px solid var(--jp-border-color2) !important; font-size: 12px; font-weight: 400; color: {QUIET};
  height: 22px !important; padding: 2px 6px !important; }}
.slick-header-column:hover {{ color: var(--jp-ui-font-color1); }}
.slick-header-columns {{ border: none !important; }}
.slick-row, .slick-row.odd, .slick-row.even {{ background: transparent !important; border: none !important; }}
.slick-cell {{ border: none !important; border-bottom: 1px solid var(--jp-border-color3, var(--jp-border-color2))
!important; color: var(--jp-ui-font-color1);
  background: transparent; padding: 0 6px !important; line-height: ROWpx; outline: none; }}
.slick-row:hover .slick-cell {{ background: var(--jp-layout-color2) !important; }}
.slick-cell.selected {{ background: TINT !important; }}
.slick-row .slick-cell.active {{ box-shadow: none; border-top: none; }}
svg {{ vertical-align: middle; }}
[role="group"]:focus-visible ~ .slick-pane-top {{ outline: 2px solid var(--jp-brand-color1); outline-offset: -2px; }}
"""


def column(
    field: str, title: str, width: int, *, template: str = TEXT, sortable: bool = True, ascending: bool = True
) -> TableColumn:
    return TableColumn(
        field=field,
        title=title,
        width=width,
        formatter=HTMLTemplateFormatter(template=template),
        sortable=sortable,
        default_sort="ascending" if ascending else "descending",
    )


def table(
    source: ColumnDataSource,
    columns: Sequence[TableColumn],
    *,
    height: int,
    row_height: int,
    tint: str,
    name: str,
    right_from: int = 99,
    indent: int = 6,
) -> DataTable:
    """A read-only table; ``tint`` is the CSS colour of the selected row; heads are right-aligned from column
    ``right_from`` (1-based) on, and the first begins ``indent`` pixels from the left.

    Bokeh 3.9 redraws a table only when the number of rows changes; the CustomJS says so when the values do.
    """
    editor = StringEditor()  # never used: one for all columns instead of one each
    for each in columns:
        each.editor = editor
    css = _CSS.replace("ROWpx", f"{row_height - 1}px").replace("TINT", tint)
    css += f".slick-header-column:nth-child(n+{right_from}) > .slick-column-name {{ float: right; }}"
    css += f".slick-header-column.ui-state-default:first-child {{ padding-left: {indent}px !important; }}"
    made: Any = DataTable(
        source=source,
        columns=list(columns),
        index_position=None,
        editable=False,
        reorderable=False,
        autosize_mode="force_fit",
        row_height=row_height,
        height=height,
        sizing_mode="stretch_width",
        stylesheets=[sheet(css)],
        name=name,
        margin=0,
    )
    source.js_on_change("data", CustomJS(args={"table": made}, code="table.view.change.emit()"))
    return made
