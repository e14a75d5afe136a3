"""``%specviz`` and ``%%specviz``: in a shell, and in a notebook that is executed."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from bokeh.models import Plot
from bokeh.models.dom import HTML as DomHtml
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbclient import NotebookClient
from traitlets.config import Config

import specviz
from specviz.app.magic import Magic, read_options, with_questions
from specviz.app.told import Told
from specviz.app.told_plots import free_earlier
from specviz.archives.demo import DemoArchive
from specviz.assistant.conversation import Turn
from specviz.assistant.llm.endpoint import API_KEY, BASE_URL, MODEL
from specviz.assistant.tools.result import Answer
from specviz.errors import OptionError
from specviz.spectra.writers.spectra import observed_tables, spectra_bytes

sys.path.insert(0, str(Path(__file__).parent / "assistant"))
from model_server import calls, scripted, words

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    for name in (*BASE_URL, *API_KEY, *MODEL):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    InteractiveShell.clear_instance()
    made = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    yield made
    InteractiveShell.clear_instance()


def run(shell: InteractiveShell, cell: str) -> Any:
    """The value of a cell that must not raise."""
    with capture_output():
        done = shell.run_cell(cell)
    done.raise_error()
    return done.result


def test_a_line_a_cell_and_going_on_in_python(shell: InteractiveShell) -> None:
    run(shell, "%load_ext specviz")
    assert "demo 1, RA 31.0123°" in run(shell, "%specviz --offline open demo 1").text
    told = run(shell, "%%specviz\nits temperature\n\n3 similar stars")
    assert [a.tool for a in told.answers] == ["labels", "similar"] and len(told.turns) == 2
    assert told.star.name == "demo 1" and told.report.star is told.star
    assert len(told.table) == 3 and told.data["stars"][0]["star"] == told.table["object_id"][0]
    assert run(shell, "_.data['among']") == 19997
    run(shell, "%unload_ext specviz")
    with capture_output() as said:
        shell.run_cell("%specviz labels")
    assert "not found" in said.stdout + said.stderr


@pytest.fixture
def notebook(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell that shows what a notebook shows, in cell "one"."""
    monkeypatch.setattr("specviz.app.told.where", lambda: "jupyter")
    parent = {"header": {"msg_id": "first"}, "metadata": {"cellId": "one"}}
    monkeypatch.setattr(shell, "get_parent", lambda: parent, raising=False)
    run(shell, "%load_ext specviz")
    yield shell
    parent["header"] = {"msg_id": "last"}
    free_earlier()


def show(shell: InteractiveShell, cell: str) -> tuple[Told, list[Any], list[Any]]:
    """The value of a cell, what it shows as words, and its widgets."""
    from ipywidgets.widgets.widget import _instances

    with capture_output() as said:
        told = shell.run_cell(cell).result
    assert said.stdout in ("", "Out[0]: ") and not said.stderr
    views = [o.data[WIDGET] for o in said.outputs if WIDGET in o.data]
    return told, [o.data for o in said.outputs if WIDGET not in o.data], [_instances[v["model_id"]] for v in views]


def test_what_a_cell_shows(notebook: InteractiveShell) -> None:
    told, pages, (spectra, near, pieces) = show(
        notebook, "%%specviz --offline\ndemo 1\nits temperature\nwho are its neighbours?\nwhy this temperature?"
    )
    assert [type(w).__name__ for w in (spectra, near, pieces)] == ["TurnPlots"] * 3  # a temperature has no plot
    assert "\n".join(p["text/plain"] for p in pages) == repr(told) and len(pages) == 3
    html = "".join(p["text/html"] for p in pages)
    assert "<td" in html and "specclip-small 2.0, weights " in html and "[c2 labels: " in html
    assert (
        "<script" not in html and "http" not in html and "<svg" not in html
    )  # whole where scripts and pictures are not
    assert spectra.sentences == ("LAMOST spectrum of demo 1, 3678 to 9121 Å",)
    told_of = {w: "".join(m.html for m in w.doc.select({"type": DomHtml})) for w in (spectra, near, pieces)}
    assert "2 calls: load, labels" in told_of[spectra] and "c1 load" in told_of[spectra]
    assert told_of[near].count("<svg class=thumb") == 5 and 'data-sv-call="c4"' in told_of[near]
    assert "c4 similar: specclip-small 2.0, weights " in told_of[near] and "<table" not in told_of[near]
    assert "is read from" in told_of[pieces] and "Hγ" in told_of[pieces]


@pytest.mark.parametrize(
    ("asked", "layers"),
    [
        ("show me the spectrum of demo 1\nshow its XP spectrum", [("Observed",), ("Observed",)]),
        ("labels of demo 1", [("Model", "Observed")]),
        ("demo 1\npredict its XP spectrum", [("Model", "Observed"), ("Predicted from LAMOST", "Observed")]),
        ("demo 1\nhow certain is the metallicity", [("Model", "Observed"), ("Posterior", "68 %")]),
        ("demo 1\nits light curve", [("Model", "Observed"), ("Light curve",)]),
        ("which models are there?", []),
    ],
)
def test_the_plots_are_those_of_the_chat(notebook: InteractiveShell, asked: str, layers: list[tuple[str, ...]]) -> None:
    from specviz.views.chat.exchange_view import ExchangeView

    _, _, hosts = show(notebook, f"%%specviz --offline\n{asked}")
    chat = seen_by_chat(asked, ExchangeView)
    assert [s for host in hosts for s in host.sentences] == [p.sentence for p in chat]
    assert layers == [p.chart.layers for p in chat]
    drawn = [tuple(i.label.value for i in f.legend[0].items) for h in hosts for f in h.doc.select({"type": Plot})]
    assert drawn == layers


def seen_by_chat(asked: str, view: Any) -> list[Any]:
    """The plots that the chat draws for the same."""
    from specviz.assistant.desk import Desk
    from specviz.assistant.talking import Talking

    talking = Talking(Desk(online=False))
    plots: list[Any] = []
    for line in asked.splitlines():
        talking.say(line)
        exchange = talking.wait().exchanges[-1]
        drawn = view(exchange)
        drawn.update(exchange, latest=True)
        plots += drawn.plots
    talking.close()
    return plots


def test_all_of_a_star_is_an_explorer(notebook: InteractiveShell) -> None:
    _, _, widgets = show(notebook, "%specviz --offline draw demo 1")
    assert [type(w).__name__ for w in widgets] == [
        "TurnPlots",
        "Explorer",
    ]  # the spectrum that was opened, and all of it
    for widget in widgets:
        widget.close()


def test_a_terminal_gets_words(shell: InteractiveShell) -> None:
    run(shell, "%load_ext specviz")
    with capture_output() as said:
        told = shell.run_cell("%%specviz --offline\ndemo 1\nshow its XP spectrum").result
    (page,) = said.outputs
    assert page.data["text/plain"].startswith(repr(told)) and "specviz serve" in page.data["text/plain"]


def test_what_a_cell_showed_is_freed(notebook: InteractiveShell) -> None:
    from bokeh.model import Model
    from ipywidgets.widgets.widget import _instances

    def census() -> tuple[int, int]:
        gc.collect()
        return sum(issubclass(type(o), Model) for o in gc.get_objects()), len(_instances)

    first, seen = census(), []
    for i in range(10):
        notebook.get_parent()["header"] = {"msg_id": f"run {i}"}
        told, _, hosts = show(notebook, f"%%specviz --offline\nopen demo {i + 1}\nwho are its neighbours?")
        assert len(hosts) == 2 and told.star.name == f"demo {i + 1}"
        seen.append(census())
    assert seen[9] == seen[1] and seen[1][0] > 0
    notebook.get_parent()["header"] = {"msg_id": "last"}
    show(notebook, "%specviz which models are there?")  # a cell that has no plots any more
    assert census()[0] == first[0]


def test_plots_that_nobody_sees_hold_nothing_and_come_again(notebook: InteractiveShell) -> None:
    told, _, (host,) = show(notebook, "%specviz --offline open demo 1")
    sent: list[Any] = []
    host.send = lambda content, buffers=None: sent.append(content)
    old = host.doc
    for view in ("a", "b"):
        host._receive(host, {"op": "ready", "view": view, "seq": 0}, [])
    host._receive(host, {"op": "close", "view": "a"}, [])
    assert host.doc is None and not old.roots and sent == [{"op": "check", "view": "b", "seq": 1}]
    host._receive(host, {"op": "patch", "view": "b", "json": "{}"}, [])  # what was on its way
    host._receive(host, {"op": "open", "view": "b"}, [])  # it still stands
    assert sent[-1]["op"] == "doc" and "LAMOST spectrum of demo 1" in sent[-1]["json"] and host.doc is not None
    host._receive(host, {"op": "close", "view": "b"}, [])
    assert host.doc is None and len(sent) == 2
    host._receive(host, {"op": "ready", "view": "c", "seq": 0}, [])  # of what a page still has of it
    assert sent[-1] == {"op": "check", "view": "c", "seq": 2}
    bundle = host.get_state("bundle")["bundle"]
    assert "LAMOST spectrum of demo 1" in bundle["json"] and bundle["seq"] == 2
    host._receive(host, {"op": "close", "view": "c"}, [])
    notebook.reset()
    del told
    gc.collect()
    assert "Run the cell again" in host.get_state("bundle")["bundle"]["json"]
    host.close()
    assert host.get_state("bundle")["bundle"] is None


def test_a_file_a_variable_and_a_model(shell: InteractiveShell, tmp_path: Path) -> None:
    path = tmp_path / "my star.fits"
    path.write_bytes(spectra_bytes(observed_tables([DemoArchive().star(3)]), "fits"))
    run(shell, "%load_ext specviz\nimport specviz")
    told = run(shell, f"%specviz --offline --file '{path}' 它的有效温度是多少?")
    assert told.star.name == "demo 4" and "有效温度" not in told.text and "Teff 47" in told.text
    assert run(shell, f'%specviz --file="{path}"').problem  # the quotation mark is part of that word
    run(shell, "mine = specviz.open('demo 2')")
    told = run(shell, "%specviz --star mine --model lux-small its temperature")
    assert told.star.name == "demo 2" and told.answers[-1].provenance["model"] == "lux-small"
    assert told.note == "demo 2 is in hand."
    saved = tmp_path / "talk.ipynb"
    assert "Wrote the conversation" in run(shell, f"%specviz --save {saved}").note
    assert "model='lux-small'" in "".join(c.source for c in nbformat.read(saved, as_version=4).cells)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("%specviz --fil a.fits labels", "Did you mean 'file'"),
        ("%specviz --file", "--file needs a value"),
        ("%specviz --file 'a b", "quotation marks"),
        ("%specviz --file nowhere.fits labels", "nowhere.fits"),
        ("%specviz --star nothing labels", "no variable 'nothing'"),
        ("%specviz --star In labels", "In is no star but a list"),
        ("%specviz --model lux-smal labels", "lux-small"),
        ("%specviz --save talk.doc", ".ipynb or .py"),
        ("%specviz --llm hello", "No language model is configured"),
        ("%%specviz --new\nlabels\ndemo 1", "No star is in hand"),
    ],
)
def test_what_goes_wrong_is_said_without_a_traceback(shell: InteractiveShell, cell: str, expected: str) -> None:
    run(shell, "%load_ext specviz")
    told = run(shell, cell)
    assert expected in repr(told) and expected.split("'")[0] in told._repr_html_().replace("&#x27;", "'")
    assert len(told.turns) <= 1  # what comes after a problem is not asked


def test_help_and_an_interrupt(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    run(shell, "%load_ext specviz")
    assert "--llm" in run(shell, "%specviz").note == run(shell, "%specviz --help").note
    magic = Magic(dict)

    def stop(*_: Any, **__: Any) -> Turn:
        raise KeyboardInterrupt

    monkeypatch.setattr(magic._talk, "say", stop)
    told = magic("labels of demo 1")
    assert told is not None and told.problem == "Stopped" and magic.desk.cancelled.is_set()


def test_a_language_model_is_asked_only_with_its_option(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(shell, "%load_ext specviz")
    script = [
        calls(("load", {"name": "demo 1"}), ("labels", {"only": ["teff"]})),
        words("5813 K, says specclip-small."),
    ]
    with scripted(script) as (endpoint, got):
        monkeypatch.setenv(BASE_URL[0], endpoint.base_url)
        monkeypatch.setenv(MODEL[0], endpoint.model)
        run(shell, "%specviz --offline which models are there?")
        assert got == []
        told = run(shell, "%%specviz --llm\nHow hot is demo 1?\nBe brief.")
    assert got[0]["messages"][-1]["content"] == "How hot is demo 1?\nBe brief."
    assert told.text == "5813 K, says specclip-small." and f"Asked scripted at {endpoint.base_url}" in told.note
    assert run(shell, "%specviz and its metallicity?").star.name == "demo 1"  # one desk for both


@pytest.mark.parametrize(
    ("line", "options", "rest"),
    [
        ("a question -- with dashes", {}, "a question -- with dashes"),
        ("--offline  Teff of 'HD 1'", {"offline": [""]}, "Teff of 'HD 1'"),
        ("--file 'a b.fits' --file=c.fits x", {"file": ["a b.fits", "c.fits"]}, "x"),
        (r"--file C:\stars\a.fits", {"file": [r"C:\stars\a.fits"]}, ""),
    ],
)
def test_options_come_first(line: str, options: dict[str, list[str]], rest: str) -> None:
    assert read_options(line) == (options, rest)


@pytest.mark.parametrize(
    ("cell", "run_"),
    [
        ("%specviz is it odd?\n", "get_ipython().run_line_magic('specviz', 'is it odd?')\n"),
        ("a = %specviz why?  \n", "a = get_ipython().run_line_magic('specviz', 'why?')\n"),
        ("%specviz?\n", "%specviz?\n"),
        ("%specviz odd\n", "%specviz odd\n"),
        ("%%time\n%specviz why?\n", "%%time\n%specviz why?\n"),
        ("x = 1 # why?\n", "x = 1 # why?\n"),
    ],
)
def test_a_question_mark_is_no_wish_for_help(cell: str, run_: str) -> None:
    assert "".join(with_questions(cell.splitlines(keepends=True))) == run_


def test_options_that_there_are_not() -> None:
    with pytest.raises(OptionError, match="no option"):
        read_options("--nothing")


def test_foreign_text_is_escaped_and_long_tables_are_cut() -> None:
    nasty = "<img src=x onerror=alert(1)>"
    rows = [{"name": nasty, "value": float(i), "good": True, "x": None} for i in range(60)]
    told = Told((Turn(nasty, "en", (Answer("files", {"rows": rows}, provenance={"model": nasty}),), nasty, nasty),) * 2)
    html = told._repr_html_()
    assert "<img" not in html and html.count("<caption>50 of 60</caption>") == 2
    assert told.table is None and told.star is None and Told(()).data == {}


def test_a_notebook_with_the_magic_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    book = nbformat.v4.new_notebook()
    sources = [
        "%load_ext specviz",
        "%%specviz\ndemo 1\n找 3 颗相似的恒星",
        "found = _\nfound.star",
        "%specviz is it odd?",
    ]
    book.cells = [nbformat.v4.new_code_cell(s) for s in sources]
    NotebookClient(book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert [o for c in book.cells for o in c.outputs if o.output_type in ("error", "stream")] == []
    star, spectrum, near, windows = [o.data for o in book.cells[1].outputs]
    assert "<table>" in star["text/html"] and WIDGET not in star  # what a page without a kernel shows
    assert "最相似的 3 颗" in near["text/plain"] and "<table>" in near["text/html"]
    assert WIDGET in spectrum and "LAMOST spectrum of demo 1" in spectrum["text/plain"] and WIDGET in windows
    assert "demo 1" in book.cells[2].outputs[0].data["text/plain"]
    assert "odder than" in book.cells[3].outputs[0].data["text/plain"]


def test_the_package_offers_the_extension() -> None:
    assert callable(specviz.load_ipython_extension) and callable(specviz.unload_ipython_extension)
