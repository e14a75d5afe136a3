"""The JupyterLab extension among stand-ins: what cannot be had, what is written where. In a blank page of Chromium.

``test_explorer_doors.py`` clicks through it in JupyterLab and Notebook 7.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cell_stub import explored

SCRIPT = Path(__file__).resolve().parents[2] / "widgets" / "labextension" / "static" / "remoteEntry.js"

#: Starts the extension with stand-ins. ``world``: kernels {name: language}, folders {name: [files]}, readOnly, lacks.
START = """async (world) => {
  const log = { written: {}, dialogs: [], ran: [], opened: [], order: [] }
  const commands = {}
  const token = (name) => ({ name })
  const packages = {
    '@jupyterlab/filebrowser': { IFileBrowserFactory: token('browsers') },
    '@jupyterlab/notebook': { INotebookTracker: token('notebooks'),
      NotebookActions: { runAll: async (content) => log.ran.push(content) } },
    '@jupyterlab/docregistry': { ABCWidgetFactory: class {}, DocumentWidget: class {} },
    '@jupyterlab/ui-components': { LabIcon: class {} },
    '@lumino/widgets': { Widget: class {} },
    '@jupyterlab/apputils': {
      showErrorMessage: async (title, error) => log.dialogs.push(`${title}: ${error.message}`) },
    '@jupyterlab/coreutils': { PageConfig: { getOption: () => '' } },
  }
  const scope = Object.fromEntries(Object.entries(packages)
    .filter(([name]) => !(world.lacks ?? []).includes(name))
    .map(([name, module]) => [name, { '1.0.0': { get: async () => () => module } }]))
  const refuse = (folder) => {
    if ((world.readOnly ?? []).includes(folder)) throw new Error(`Permission denied: ${folder}`) }
  const folderOf = (path) => path.slice(0, Math.max(0, path.lastIndexOf('/')))
  const contents = {
    driveName: (path) => (path.startsWith('RTC:') ? 'RTC' : ''),
    localPath: (path) => path.replace(/^RTC:/, ''),
    newUntitled: async ({ path }) => { refuse(path); const name = 'Untitled.ipynb'
      return { name, path: path && !path.endsWith(':') ? `${path}/${name}` : path + name } },
    get: async (path) => ({ content: (world.folders?.[path] ?? []).map((name) => ({ name })) }),
    rename: async (from, to) => { log.order.push('renamed'); return { name: to, path: to } },
    save: async (path, model) => { refuse(folderOf(path)); log.written[path] = model.content },
  }
  const specs = Object.fromEntries(Object.entries(world.kernels ?? { python3: 'python' })
    .map(([name, language]) => [name, { name, display_name: name.toUpperCase(), language }]))
  const app = {
    serviceManager: { contents,
      kernelspecs: { ready: Promise.resolve(), specs: { default: Object.keys(specs)[0], kernelspecs: specs } } },
    commands: { addCommand: (id, options) => { commands[id] = options },
      execute: async (id, args) => { log.opened.push([id, args.path, args.factory])
        const ready = Promise.resolve()
        return { context: { ready }, sessionContext: { ready }, content: args.path } } },
    contextMenu: { addItem: () => {} },
    docRegistry: { addFileType: () => {} },
  }
  const container = window._JUPYTERLAB['jupyter-specviz']
  await container.init(scope)
  const plugins = (await container.get('./extension'))().default
  if (!plugins.length) return { plugins: 0 }
  const refresh = async () => { await new Promise((go) => setTimeout(go, 30)); log.order.push('listed')
    if (world.browser === 'fails') throw new Error('Directory not found')
    if (world.browser === 'never') await new Promise(() => {}) }
  const browsers = world.browser ? { tracker: { currentWidget: { model: { refresh } } } } : null
  plugins[0].activate(app, ...plugins[0].optional.map((t) => (t.name === 'browsers' ? browsers : null)))
  if (world.open) await commands['specviz:open'].execute({ paths: world.open })
  else await commands['specviz:new'].execute({ cwd: world.cwd ?? '' })
  return { plugins: plugins.length, optional: plugins[0].optional.map((t) => t.name), ...log }
}"""


@pytest.fixture(scope="module")
def extension(browser: Any) -> Iterator[Callable[..., dict[str, Any]]]:
    page = browser.new_page()
    page.add_script_tag(content=SCRIPT.read_text(encoding="utf-8"))
    yield lambda **world: page.evaluate(START, world)
    page.close()


def named(content: dict[str, Any]) -> Any:
    """What the cell of a notebook explores."""
    (cell,) = content["cells"]
    return explored(cell["source"])


def test_one_notebook_for_one_file(extension: Callable[..., dict[str, Any]]) -> None:
    taken = {"night 1": ["a.fits", "a-specviz.ipynb", "a-specviz-1.ipynb"]}
    done = extension(open=["night 1/a.fits.gz"], folders=taken)
    ((path, content),) = done["written"].items()
    assert path == "night 1/a-specviz-2.ipynb" and named(content) == "a.fits.gz"
    assert content["metadata"]["kernelspec"] == {"name": "python3", "display_name": "PYTHON3", "language": "python"}
    assert done["opened"] == [["docmanager:open", path, "Notebook"]] and done["ran"] == [path]
    assert json.loads(json.dumps(content))["nbformat"] == 4 and done["dialogs"] == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.fits", "a.fits"),
        ("αβ 星.fits", "αβ 星.fits"),
        ("a'b\"c\\d.fits", "a'b\"c\\d.fits"),
        ('"); raise SystemExit #.fits', './"); raise SystemExit #.fits'),
        ("'quoted'.fits", "./'quoted'.fits"),
        ("~ada.fits", "./~ada.fits"),
        (" blank.fits", "./ blank.fits"),
        ("<img src=x onerror=alert(1)>.fits", "./<img src=x onerror=alert(1)>.fits"),
        ("line\u2028break\n.fits", "line\u2028break\n.fits"),
        ("RTC:shared/a.fits", "a.fits"),
        ("RTC:a.fits", "a.fits"),
    ],
)
def test_any_name_is_a_python_string(extension: Callable[..., dict[str, Any]], path: str, name: str) -> None:
    done = extension(open=[path])
    assert done["dialogs"] == []
    assert [named(content) for content in done["written"].values()] == [name]


@pytest.mark.parametrize("browser_", ["lists", "fails", "never"])
def test_it_is_renamed_when_the_file_browser_has_listed_it(extension: Callable[..., Any], browser_: str) -> None:
    """Else the server may meet a name that is gone, and JupyterLab says "Directory not found"."""
    done = extension(open=["a.fits"], browser=browser_)
    assert done["order"] == ["listed", "renamed"] and done["dialogs"] == []
    assert list(done["written"]) == ["a-specviz.ipynb"]


def test_several_files_are_a_list(extension: Callable[..., dict[str, Any]]) -> None:
    done = extension(open=["d/a.fits", "d/b.fit"])
    assert {path: named(content) for path, content in done["written"].items()} == {
        "d/specviz.ipynb": ["a.fits", "b.fit"]
    }


def test_a_folder_that_cannot_be_written_leads_to_the_top(extension: Callable[..., dict[str, Any]]) -> None:
    done = extension(open=["archive/dr10/a.fits"], readOnly=["archive/dr10"])
    assert {path: named(content) for path, content in done["written"].items()} == {
        "a-specviz.ipynb": "archive/dr10/a.fits"
    }
    done = extension(open=["archive/a.fits"], readOnly=["archive", ""])
    assert done["written"] == {}
    assert done["dialogs"] == ["Specviz could not open a notebook: Permission denied: "]


def test_the_kernel_is_pythons(extension: Callable[..., dict[str, Any]]) -> None:
    done = extension(kernels={"ir": "R", "conda-py": "Python"})
    (content,) = done["written"].values()
    assert content["metadata"]["kernelspec"]["name"] == "conda-py" and named(content) is None
    done = extension(kernels={"ir": "R"})
    assert done["written"] == {} and "no Python kernel. Install ipykernel" in done["dialogs"][0]


@pytest.mark.parametrize("package", ["@jupyterlab/filebrowser", "@jupyterlab/docregistry"])
def test_an_application_without_what_it_needs_is_left_alone(
    extension: Callable[..., dict[str, Any]], package: str
) -> None:
    """Voila shares neither file browser nor launcher."""
    assert extension(lacks=[package]) == {"plugins": 0}


def test_services_are_optional(extension: Callable[..., dict[str, Any]]) -> None:
    done = extension(lacks=["@jupyterlab/apputils", "@jupyterlab/coreutils"])
    assert done["optional"] == ["browsers", "notebooks"] and len(done["written"]) == 1
