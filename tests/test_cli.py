"""The command line: rows, reasons, exit statuses, output formats; errors in one line."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

import specviz
from specviz.analysis.report import Anomaly, Provenance, QualityFlag, Report
from specviz.cli import analyse, doctor, main
from specviz.cli.tables import FORMATS, merge, write_table
from specviz.errors import ReadError, UnknownModelError
from specviz.models.posterior import Posterior
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

COLUMNS = [
    "path", "survey", "object_id", "snr", "teff", "teff_lo", "teff_hi", "logg", "logg_lo", "logg_hi",
    "fe_h", "fe_h_lo", "fe_h_hi", "anomaly", "flags", "model",
]  # fmt: skip


class ToyEngine:
    """An engine whose answer is known: Teff is the mean flux, and percentiles are those of a fixed set of samples."""

    batches: list[int]  # sizes of the batches it was given, by the last one made

    def __init__(self, model: str, *, device: str, samples: int, seed: int) -> None:
        if model != "specclip-small":
            raise UnknownModelError(f"No model named {model!r}", expected="one of specclip-small")
        self.samples, self.seed = samples, seed
        ToyEngine.batches = []

    def describe(self) -> Any:
        return SimpleNamespace(name="toy", version="1.0")

    def analyse(self, stars: list[Star]) -> list[Report]:
        ToyEngine.batches.append(len(stars))
        return [self._report(star) for star in stars]

    def _report(self, star: Star) -> Report:
        spread = np.linspace(-1, 1, 101)
        teff = float(np.mean(star.spectra["lamost_lrs"].flux)) + 100 * spread
        samples = np.stack([teff, 4.4 + 0.1 * spread, -0.2 + 0.05 * spread], axis=1)
        made = Provenance("toy", "1.0", "00", "cpu", "float32", "0", "2026-11-20T00:00:00Z", 0.0, self.seed)
        return Report(
            star, made,
            posteriors={"lamost_lrs": Posterior(("teff", "logg", "fe_h"), samples, survey="lamost_lrs")},
            anomaly=Anomaly(1.5, 90.0, 10),
            flags=(QualityFlag("low_snr", False, "S/N –3σ Å"), QualityFlag("masked", True, "fine")),
        )  # fmt: skip


def _toy_read(path: Path) -> list[Star]:
    """A file holds the mean flux of each of its spectra, a line each."""
    text = path.read_text()
    if "bad" in text:
        raise ReadError(f"{path.name} is damaged", remedy="Fetch it again")
    if "bug" in text:
        raise ZeroDivisionError("a reader's mistake")
    wave = np.linspace(3700, 9000, 50)
    meta = {"path": str(path), "object_id": path.stem}
    return [
        Star.from_spectrum(Spectrum(wave, np.full(50, float(v)), survey="lamost_lrs", meta=meta)) for v in text.split()
    ]


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("specviz.analysis.engine.Engine", ToyEngine)
    monkeypatch.setattr(analyse, "_read", _toy_read)


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., Path]:
    """Make a folder ``in`` of files from keyword name -> content (``a_fits`` is ``a.fits``)."""

    def make(**contents: str) -> Path:
        folder = tmp_path / "in"
        folder.mkdir()
        for name, text in contents.items():
            (folder / name.replace("_", ".")).write_text(text)
        return folder

    return make


@pytest.mark.usefixtures("toy")
class TestAnalyse:
    def test_one_row_a_spectrum(self, files: Callable[..., Path], tmp_path: Path) -> None:
        folder, out = files(a_fits="5000", b_fits="6000 7000"), tmp_path / "out.ecsv"
        assert main(["analyse", str(folder), "-o", str(out)]) == 0
        table = Table.read(out)
        assert table.colnames == COLUMNS
        assert [Path(p).name for p in table["path"]] == ["a.fits", "b.fits", "b.fits"]
        assert list(table["teff"]) == [5000, 6000, 7000]
        np.testing.assert_allclose(table["teff_lo"][0], 5000 - 68, atol=1e-9)  # 16th percentile of a uniform +-100
        np.testing.assert_allclose(table["teff_hi"][0], 5000 + 68, atol=1e-9)
        assert (table["teff"].unit, table["model"][0], table["flags"][0]) == ("K", "toy 1.0", "low_snr")
        assert list(table["object_id"]) == ["a", "b", "b"]

    def test_an_unreadable_file_is_a_row_and_the_rest_goes_on(
        self, files: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder, out = files(a_fits="bad", b_fits="6000", c_fits="bug"), tmp_path / "out.ecsv"
        missing = tmp_path / "gone.fits"
        assert main(["analyse", str(folder), str(missing), "-o", str(out)]) == 1
        table = Table.read(out)
        assert list(table["flags"]) == [
            "a.fits is damaged. Fetch it again.",
            "low_snr",
            'internal error, please report: ZeroDivisionError("a reader\'s mistake")',
            "cannot be opened: No such file or directory",
        ]
        assert list(table["teff"].mask) == [True, False, True, True]
        assert [Path(p).name for p in table["path"]] == ["a.fits", "b.fits", "c.fits", "gone.fits"]
        assert "Traceback" not in capsys.readouterr().err

    def test_only_unreadable_files(self, files: Callable[..., Path], tmp_path: Path) -> None:
        out = tmp_path / "out.csv"
        assert main(["analyse", str(files(a_fits="bad")), "-o", str(out)]) == 1
        assert Table.read(out).colnames == COLUMNS

    def test_folders_are_searched_and_named_files_are_read_whatever_their_name(
        self, files: Callable[..., Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = files(a_fits="5000", notes_md="bad", _hidden_fits="bad")
        (folder / "deep").mkdir()
        (folder / "deep" / "d.fits.gz").write_text("6000")
        found, passed_over = analyse.find_files([folder, folder / "notes.md", folder / "a.fits"])
        assert [p.name for p in found] == ["a.fits", "d.fits.gz", "notes.md"]
        assert passed_over == 1
        assert main(["analyse", str(folder)]) == 0
        assert "passed over 1 files" in capsys.readouterr().err

    def test_many_files_go_in_batches(
        self, files: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(analyse, "BATCH", 3)
        folder = files(**{f"f{i}_fits": "bad" if i in (3, 4, 5) else str(4000 + i) for i in range(8)})
        out = tmp_path / "out.ecsv"
        assert main(["analyse", str(folder), "-o", str(out)]) == 1
        assert ToyEngine.batches == [3, 2]  # the middle batch holds nothing to analyse
        table = Table.read(out)
        assert table.colnames == COLUMNS
        assert [float(t) for t in table["teff"].filled(0)] == [4000, 4001, 4002, 0, 0, 0, 4006, 4007]
        assert table["teff"].unit == "K"

    def test_ctrl_c_keeps_what_is_done(
        self, files: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        def interrupted(path: Path) -> list[Star]:
            if path.name == "c.fits":
                raise KeyboardInterrupt
            return _toy_read(path)

        monkeypatch.setattr(analyse, "BATCH", 1)
        monkeypatch.setattr(analyse, "_read", interrupted)
        out = tmp_path / "out.csv"
        folder = files(a_fits="5000", b_fits="6000", c_fits="1", d_fits="1")
        assert main(["analyse", str(folder), "-o", str(out)]) == 130
        assert list(Table.read(out)["teff"]) == [5000, 6000]
        assert "stopped after 2 of 4 files" in capsys.readouterr().err

    @pytest.mark.parametrize("suffix", FORMATS)
    def test_every_format_comes_back(self, suffix: str, files: Callable[..., Path], tmp_path: Path) -> None:
        out = tmp_path / f"out{suffix}"
        out.write_text("an older result")
        assert main(["analyse", str(files(a_fits="5000", b_fits="bad")), "-o", str(out)]) == 1
        table = Table.read(out, format=FORMATS[suffix])
        assert table.colnames == COLUMNS
        assert float(table["teff"][0]) == 5000
        assert "damaged" in str(table["flags"][1])
        assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []

    def test_without_output_it_prints_the_table(
        self, files: Callable[..., Path], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["analyse", str(files(a_fits="5000"))]) == 0
        out = capsys.readouterr().out
        assert out.split()[: len(COLUMNS)] == COLUMNS
        assert " 5000 " in out and "low_snr" in out

    def test_the_options_reach_the_engine(self, files: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
        seen: dict[str, Any] = {}

        class Spy(ToyEngine):
            def __init__(self, model: str, **options: Any) -> None:
                seen.update(options, model=model)
                super().__init__(model, **options)

        monkeypatch.setattr("specviz.analysis.engine.Engine", Spy)
        words = ["--device", "cpu", "--samples", "12", "--seed", "3", "--model", "specclip-small"]
        assert main(["analyse", str(files(a_fits="5000")), *words]) == 0
        assert seen == {"model": "specclip-small", "device": "cpu", "samples": 12, "seed": 3}

    @pytest.mark.parametrize(
        ("words", "status", "said"),
        [
            (["-o", "x.docx"], 2, "Cannot tell the format of x.docx"),
            (["-o", "nowhere/x.ecsv"], 2, "does not exist"),
            (["--model", "gpt"], 2, "No model named 'gpt'"),
            (["--samples", "0"], 2, "'0' is not a whole number above 0"),
            (["--frobnicate"], 2, "unrecognized arguments"),
        ],
    )
    def test_mistakes_are_said_before_the_work(
        self, words: list[str], status: int, said: str, files: Callable[..., Path], tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        monkeypatch.chdir(tmp_path)
        ToyEngine.batches = []
        assert main(["analyse", str(files(a_fits="5000")), *words]) == status
        err = capsys.readouterr().err
        assert said in err and "Traceback" not in err
        assert ToyEngine.batches == []

    def test_an_empty_folder_is_said(self, files: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["analyse", str(files())]) == 1
        assert capsys.readouterr().err.startswith("specviz: No spectrum under ")


def test_tables_with_other_labels_are_stacked() -> None:
    """Gaia and LAMOST batches have different labels; the closing columns stay last and nothing is invented."""
    last = {"anomaly": [1.0], "flags": [""], "model": ["m"]}
    one = Table({"path": ["a"], "teff": [5000.0], "alpha_fe": [0.1], **last})
    two = Table({"path": ["b"], "teff": [6000.0], "e_bp_rp": [0.3], **last})
    table = merge([one, two])
    assert table.colnames == ["path", "teff", "alpha_fe", "e_bp_rp", "anomaly", "flags", "model"]
    assert list(table["e_bp_rp"].mask) == [True, False]


def test_fits_gets_plain_text(tmp_path: Path) -> None:
    write_table(Table({"flags": ["3 σ below Hα – 6563 Å"]}), tmp_path / "t.fits")
    assert str(Table.read(tmp_path / "t.fits")["flags"][0]) == "3 sigma below H - 6563 A"


class TestDoctor:
    def test_this_environment_is_well(self, capsys: pytest.CaptureFixture[str]) -> None:
        status = main(["doctor"])
        out = capsys.readouterr().out
        assert "TROUBLE" not in out and status == 0
        assert f"specviz {specviz.__version__}" in out and "torch 2" in out and "ok      JupyterLab:" in out

    def test_another_package_of_that_name_is_found(self, tmp_path: Path) -> None:
        (tmp_path / "specviz").mkdir()
        (tmp_path / "specviz" / "__init__.py").touch()
        (finding,) = doctor.clashes([str(tmp_path)])
        assert finding.kind == "trouble" and str(tmp_path) in finding.text

    def test_stscis_distribution_is_found(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        real = doctor.metadata.version
        monkeypatch.setattr(doctor.metadata, "version", lambda name: "0.4.4" if name == "specviz" else real(name))
        (finding,) = doctor.clashes([])
        assert finding.kind == "trouble" and "pip uninstall specviz" in finding.text
        assert main(["doctor"]) == 1
        assert "1 to mend" in capsys.readouterr().out

    def test_a_wrong_version_and_a_missing_library_are_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def version(name: str) -> str:
            if name == "zuko":
                raise doctor.metadata.PackageNotFoundError(name)
            return {"bokeh": "3.8.0", "torch": "2.13.0+cpu"}.get(name, "9999")

        monkeypatch.setattr(doctor.metadata, "version", version)
        wanted = ["bokeh<3.10,>=3.9.2", "torch>=2.4", "zuko>=1.3", "h5py>=3 ; extra == 'train'", "x ; extra == 'lint'"]
        monkeypatch.setattr(doctor.metadata, "requires", lambda _: wanted)
        found = [(f.kind, f.text) for f in doctor.libraries()]
        assert [kind for kind, _ in found] == ["trouble", "ok", "trouble"]
        assert "bokeh 3.8.0" in found[0][1] and "zuko is missing" in found[2][1]


class TestTheRest:
    def test_version(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--version"]) == 0
        assert capsys.readouterr().out.splitlines()[0] == f"specviz {specviz.__version__}"

    def test_no_command(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([]) == 2
        assert "COMMAND" in capsys.readouterr().err

    def test_models_list(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["models", "list"]) == 0
        assert "specclip-small" in capsys.readouterr().out.split()

    @pytest.mark.parametrize("command", ["train", "fine-tune", "evaluate"])
    def test_recipes_say_their_options(self, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([command, "--help"]) == 0
        assert "usage:" in capsys.readouterr().out

    def test_serve_hands_its_words_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[Any] = []
        monkeypatch.setattr("specviz.app.serve", lambda *words, **options: seen.append((words, options)))
        assert main(["serve", "a.fits", "--port", "0", "--no-browser"]) == 0
        options = {"port": 0, "address": "127.0.0.1", "browser": False, "websocket_origin": None, "max_upload": 64}
        assert seen == [(("a.fits",), options)]
        words = ["--origin", "hub.example.org", "--origin", "a.example:81", "--max-upload", "2.5"]
        assert main(["serve", *words]) == 0
        assert seen[1][1]["websocket_origin"] == ["hub.example.org", "a.example:81"]
        assert seen[1][1]["max_upload"] == 2.5

    @pytest.mark.parametrize("port", ["70000", "http", "-1"])
    def test_a_wrong_port(self, port: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["serve", f"--port={port}"]) == 2
        assert "is not a port" in capsys.readouterr().err

    def test_an_error_is_one_line_unless_debugging(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise ReadError("It is\nbroken", remedy="Mend it")

        monkeypatch.setattr("specviz.app.serve", fail)
        assert main(["serve"]) == 1
        assert capsys.readouterr().err == "specviz: It is broken. Mend it.\n"
        with pytest.raises(ReadError):
            main(["--debug", "serve"])

    def test_as_a_module_and_into_a_closed_pipe(self) -> None:
        """``python -m specviz --help | true`` must not end in a traceback."""
        command = f"{sys.executable} -m specviz models list | true"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        assert done.stderr == ""


def test_serve_says_its_address_answers_and_stops() -> None:
    command = [sys.executable, "-m", "specviz", "serve", "demo 1", "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            said = []
            for line in server.stderr:
                said.append(line)
                if (found := re.search(r"serving at (http://127\.0\.0\.1:\d+/)", line)) is not None:
                    break
            else:
                pytest.fail("it stopped: " + "".join(said))
            with urllib.request.urlopen(found.group(1), timeout=60) as page:
                assert page.status == 200 and b"sv-host" in page.read()
            server.send_signal(signal.SIGINT)
            assert server.wait(timeout=30) == 0
            assert "Traceback" not in server.stderr.read()
        finally:
            server.kill()


def test_real_files_with_the_real_model(shared: Path, tmp_path: Path) -> None:
    """Three LAMOST releases, a galaxy among them or not, and a text that is no spectrum: a row each, and status 1."""
    good = [
        sorted((shared / "data/lamost_dr1").glob("*.fits.gz"))[0],
        sorted((shared / "data/lamost_dr10").rglob("*.fits.gz"))[0],
        shared / "data/lamost_dr7/spectrums/101017.fits",
    ]
    page = tmp_path / "page.fits"
    page.write_text("<html><body>502 Bad Gateway</body></html>")
    out = tmp_path / "out.ecsv"
    words = ["analyse", *map(str, good), str(page), "-o", str(out), "--device", "cpu", "--samples", "2000"]
    assert main(words) == 1
    table = Table.read(out)
    assert len(table) == 4
    assert [str(p) for p in table["path"]] == [*map(str, good), str(page)]
    assert list(table["survey"][:3]) == ["lamost_lrs"] * 3
    for name in ("teff", "logg", "fe_h"):
        assert np.all(table[f"{name}_lo"][:3] < table[name][:3]) and np.all(table[name][:3] < table[f"{name}_hi"][:3])
    assert table["teff"].mask.tolist() == [False, False, False, True]
    assert table["flags"][3] and table["model"][0].startswith("specclip-small")


@pytest.mark.slow
def test_every_lamost_file_of_the_shared_material(shared: Path, tmp_path: Path) -> None:
    """252 files of five releases: 248 stars, 3 galaxies that are flagged, and one table that is no spectrum."""
    folders = [d for d in sorted((shared / "data").glob("lamost_*")) if d.is_dir()]
    files = [f for d in folders for f in sorted(d.rglob("*")) if ".fits" in f.name]
    assert len(files) == 252
    out = tmp_path / "all.ecsv"
    assert main(["analyse", *map(str, files), "-o", str(out), "--device", "cpu", "--samples", "500"]) == 1
    table = Table.read(out)
    assert [str(p) for p in table["path"]] == [str(f) for f in files]
    unread = table[table["teff"].mask]
    assert [Path(p).name for p in unread["path"]] == ["trvr.fits"]
    assert "a table with the columns" in unread["flags"][0]
    read = table[~table["teff"].mask]
    for name in ("teff", "logg", "fe_h"):
        assert np.all((read[f"{name}_lo"] <= read[name]) & (read[name] <= read[f"{name}_hi"]))
    headers = [specviz.open(p).spectra["lamost_lrs"].meta.get("class") for p in read["path"]]
    galaxies = [i for i, kind in enumerate(headers) if kind == "GALAXY"]
    assert len(galaxies) == 3
    assert all("not_a_star" in read["flags"][i] for i in galaxies)
