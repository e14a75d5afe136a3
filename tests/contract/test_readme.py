"""Every command and every line of Python in README.md is run: on the demo sky, replayed archives and temporary files.

What would not come back (a served page) or would build an environment (`make`) has a stand-in, named in ``INSTEAD``; a
new line of README is run as it stands.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import specviz
from specviz.archives.demo import DemoArchive
from specviz.cli import build_parser, main
from specviz.doors import server as doors_server
from specviz.spectra.writers.spectra import write_spectra

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


COMMANDS = [
    words for block in blocks("sh") for line in block.splitlines() if (words := shlex.split(line, comments=True))
]
#: Commands within sentences, such as `make run BROWSER=no`.
MENTIONED = sorted({
    tuple(shlex.split(code))
    for code in re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL))
    if re.match(r"([A-Z_]+=\S+ )*(make|specviz) ", code)
})  # fmt: skip
STATEMENTS = [ast.unparse(node) for block in blocks("python") for node in ast.parse(block).body]


def _module(name: str, path: Path) -> ModuleType:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


# ------------------------------------------------------------------------------------------------ the world of a reader
@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, tiny_release: Any) -> Iterator[Path]:
    """A folder with the files that README speaks of; archives and the hub are servers of this machine."""
    replay, hub = (
        _module("replay_server", ROOT / "tests/replay/server.py"),
        _module("specviz_hub_server", ROOT / "tests/models/hub_server.py"),
    )
    folder = tmp_path_factory.mktemp("reader")
    stars = [DemoArchive().fetch(f"demo {n}") for n in range(1, 6)]
    for place in ("plate", "plates"):
        (folder / place).mkdir()
        for star in stars:
            write_spectra(star, folder / place / f"{star.name.replace(' ', '-')}.fits")
    for name in ("star.fits", "spec-55862-B6212_sp06-005.fits.gz"):
        shutil.copy(folder / "plate/demo-2.fits", folder / name.removesuffix(".gz"))
    subprocess.run(["gzip", "-q", "spec-55862-B6212_sp06-005.fits"], cwd=folder, check=True)
    (folder / "anomalies.csv").write_text("name,why\n" + "".join(f"demo {n},odd\n" for n in (7, 21, 42)))
    with (
        pytest.MonkeyPatch.context() as patch,
        replay.ReplayServer(replay.shared_replies()) as archives,
        hub.HubServer({"astroshawn/SpecCLIP": tiny_release.folder}) as models,
    ):
        for name, value in {
            "SPECVIZ_ENDPOINTS": archives.base, "SPECVIZ_PACE": "0", "SPECVIZ_RETRY_WAIT": "0.02",
            "SPECVIZ_CACHE": str(folder / "cache"), "SPECVIZ_MODELS": str(folder / "models"),
            "HF_ENDPOINT": models.endpoint, "SPECVIZ_REVIEWER": "ada",
        }.items():  # fmt: skip
            patch.setenv(name, value)
        for name in ("SPECVIZ_OFFLINE", "HF_HUB_OFFLINE", "SPECVIZ_LLM_BASE_URL", "OPENAI_BASE_URL"):
            patch.delenv(name, raising=False)
        patch.chdir(folder)
        for reviewer, quality in (("ada", 4), ("bob", 3)):
            vetting = specviz.vet(["demo 1", "demo 2"], labels=folder / f"{reviewer}.sqlite", reviewer=reviewer)
            for klass in ("star", "binary"):
                vetting.wait()
                vetting.label(quality=quality, klass=klass)
                vetting.finish()
            vetting.close()
        yield folder


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Pages that would be served until Ctrl-C: each is made, noted and let go."""
    pages: list[Any] = []

    def run(server: Any, _address: str, **_options: Any) -> Any:
        pages.append(server)
        server.stop()
        return server

    monkeypatch.setattr(doors_server, "_run", run)
    return pages


# ------------------------------------------------------------------------------------------------ commands
def _make(words: list[str]) -> int:
    """What `make` would do is asked, and not done: it would build an environment."""
    clean = {k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}}
    return subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, env=clean, capture_output=True, check=False).returncode


def _specviz(words: list[str]) -> int:
    return main(words[1:])


INSTEAD: dict[str, Callable[[list[str]], int]] = {"make": _make, "specviz": _specviz}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_command(
    words: list[str],
    world: Path,
    served: list[Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(world)
    assert words[0] in INSTEAD, f"Teach this test what to do with: {' '.join(words)}"
    status = INSTEAD[words[0]](words)
    told = capsys.readouterr()
    assert status == 0, told.err
    assert "Traceback" not in told.err
    pages = {"serve", "vet"}
    assert len(served) == (words[0] == "specviz" and words[1] in pages)
    for option in ("-o", "--output"):
        if option in words:
            assert (world / words[words.index(option) + 1]).exists()


def test_readme_has_commands_and_python() -> None:
    assert len(COMMANDS) >= 12 and len(STATEMENTS) >= 14
    assert {words[0] for words in COMMANDS} <= set(INSTEAD)


@pytest.mark.parametrize("words", MENTIONED, ids=" ".join)
def test_command_within_a_sentence(words: tuple[str, ...]) -> None:
    """`make` knows the target; the command exists."""
    rest = [word for word in words if not re.match(r"[A-Z_]+=", word)]
    if rest[0] == "make":
        assert _make(rest) == 0
        return
    if rest[1].startswith("-"):
        assert rest[1] in build_parser()._option_string_actions
        return
    (action,) = [a for a in build_parser()._actions if a.dest == "command"]
    assert rest[1] in action.choices


# ------------------------------------------------------------------------------------------------ Python
def test_python(world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """All of it in one namespace, line after line; each line's value is what its comment says."""
    monkeypatch.chdir(world)
    if not (world / "plates.specviz").exists():
        assert main(["catalog", "build", "plates/", "-o", "plates.specviz"]) == 0
    names: dict[str, Any] = {}
    values: dict[str, Any] = {}
    shown: list[Any] = []
    for line in STATEMENTS:
        node = ast.parse(line).body[0]
        if isinstance(node, ast.Expr):
            values[line] = value = eval(compile(ast.Expression(node.value), "README.md", "eval"), names)
            if hasattr(value, "close"):
                shown.append(value)
        else:
            exec(compile(line, "README.md", "exec"), names)
    for widget in shown:
        if hasattr(widget, "wait"):
            widget.wait()
        widget.close()
    assert isinstance(names["star"], specviz.Star) and isinstance(names["report"], specviz.Report)
    assert names["xp"].survey == "gaia_xp"
    summary = values["report.posterior.summary()"]
    assert len(summary["teff"]) == 3
    assert len(values["specviz.similar(star, k=20)"]) == 20
    assert len(shown) >= 4
