"""A saved page: what stands in the file. That it draws is tested in a browser (tests/ui)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import panel as pn
import pytest
from bokeh.plotting import figure

from specviz.doors import host_layout, save_html
from specviz.errors import SpecvizError


def test_one_file_with_everything_in_it(tmp_path: Path) -> None:
    plot = figure(title="</script><b>")
    plot.line([1, 2], [3, 4])
    layout = pn.Column(pn.pane.HTML("<i>hello</i>"), pn.pane.Bokeh(plot))
    path = save_html(layout, tmp_path / "a.html", title="<Vega>", note='quote " here')
    text = path.read_text("utf-8")
    assert path.stat().st_size < 2_000_000 and "<title>&lt;Vega&gt;</title>" in text
    assert text.count("</script>") == 2, "data cannot end the script it stands in"
    saved = json.loads(re.search(r'id="sv-saved">(.*?)</script>', text, re.DOTALL).group(1))
    assert "</script><b>" in saved["document"]["json"] and len(saved["document"]["css"]) > 2
    assert set(saved["names"]) == set(saved["scripts"]) == {"bokeh", "bokeh-widgets", "bokeh-tables", "panel"}
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", text)
    layout[0].object = "still alive"  # the tree can be saved again, or shown
    assert "still alive" in save_html(layout, tmp_path / "b.html").read_text("utf-8")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SpecvizError, match=r"could not be written.*Choose a folder"):
        save_html(pn.Column("x"), tmp_path / "no" / "a.html")


def test_a_widget_is_saved_as_it_stands_and_stays(tmp_path: Path) -> None:
    plot = figure()
    layout = pn.Column(pn.pane.Bokeh(plot))
    host = host_layout(layout)
    plot.title.text = "as it stands"
    pending = list(host._events)
    assert "as it stands" in save_html(host, tmp_path / "a.html").read_text("utf-8")
    assert plot.document is host.doc and host._events == pending
    with pytest.raises(SpecvizError, match=r"on screen already.*Show or save the widget"):
        save_html(layout, tmp_path / "b.html")
    with pytest.raises(SpecvizError, match="on screen already"):
        host_layout(layout)
    assert plot.document is host.doc
    host.close()
    host_layout(layout).close()


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(SpecvizError, match="A str cannot be saved"):
        save_html("text", tmp_path / "a.html")
