"""``specviz embed`` from the outside: every kind of source, and a process that is killed with signal 9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.cli import main
from specviz.spectra.grids import LAMOST_NATIVE

h5py = pytest.importorskip("h5py")


def _load(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 spectra in an HDF5 file."""
    rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("store") / "stars.h5"
    lines = np.exp(-0.5 * ((LAMOST_NATIVE[None] - np.array([4341.7, 4862.7, 5175.0, 6564.6])[:, None]) / 6) ** 2)
    flux = 1000 * (1 - rng.uniform(0.1, 0.5, (400, 4)) @ lines + 0.01 * rng.standard_normal((400, LAMOST_NATIVE.size)))
    with h5py.File(path, "w") as file:
        file["flux"], file["wavelength"] = flux.astype("f4"), LAMOST_NATIVE
        file["ivar"], file["obsid"] = np.full(flux.shape, 0.01, "f4"), np.arange(1, 401)
    return path


def test_killed_with_signal_9_and_resumed(store: Path, tmp_path: Path) -> None:
    """The killed run loses at most the part it was at; the resumed one equals one that was never disturbed."""
    out, whole = tmp_path / "out.npz", tmp_path / "whole.npz"
    script = (
        "import sys, torch; torch.set_num_threads(1); from specviz.analysis import stream; stream.BLOCK = 16; "
        "stream.embed_stream.__kwdefaults__['shard'] = 32; "
        "from specviz.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, "embed", str(store), "--device", "cpu", "-o"]
    victim = subprocess.Popen([*command, str(out)], stderr=subprocess.DEVNULL)
    parts = Path(f"{out}.parts")
    limit = time.monotonic() + 300
    while len(list(parts.glob("part-*.npz"))) < 3:
        assert victim.poll() is None and time.monotonic() < limit
        time.sleep(0.005)
    os.kill(victim.pid, signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL and not out.exists()
    finished = {path.name: path.stat().st_mtime_ns for path in parts.glob("part-*.npz")}
    assert 3 <= len(finished) < 13
    done = subprocess.run([*command, str(out)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"going on after {32 * len(finished)} of 400" in done.stderr and "wrote 400 rows" in done.stderr
    assert not parts.exists()
    assert subprocess.run([*command, str(whole)], check=False, capture_output=True).returncode == 0
    a, b = _load(out), _load(whole)
    assert a["lamost_lrs"].shape[0] == 400 and np.isfinite(a["lamost_lrs"]).all()
    assert np.array_equal(a["obsid"], np.arange(1, 401)) and np.array_equal(a["name"], b["name"])
    assert np.array_equal(a["lamost_lrs"], b["lamost_lrs"])


def test_a_folder_and_a_table_of_files(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shared / "data" / "lamost_dr10"
    files = sorted(folder.glob("*.fits.gz"))[:3]
    for file in files:
        (tmp_path / "spectra").mkdir(exist_ok=True)
        (tmp_path / "spectra" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "spectra" / "broken.fits").write_bytes(b"SIMPLE  =")
    assert main(["embed", str(tmp_path / "spectra"), "-o", str(tmp_path / "a"), "--device", "cpu"]) == 1
    out = _load(tmp_path / "a.npz")
    assert out["name"].size == 4 and np.isfinite(out["lamost_lrs"]).all(axis=1).sum() == 3
    assert out["problem"][out["name"] == "broken.fits"][0] and (out["obsid"] > 0).sum() == 3
    assert json.loads(bytes(out["header"]))["model"] == "specclip-small"
    assert "3 rows" not in capsys.readouterr().out  # stdout carries results, and there are none

    table = tmp_path / "list.csv"
    table.write_text("star,path\n" + "".join(f"s{i},spectra/{file.name}\n" for i, file in enumerate(files)))
    assert main(["embed", str(table), "-o", str(tmp_path / "b.npz"), "--device", "cpu"]) == 0
    listed = _load(tmp_path / "b.npz")
    assert listed["name"].size == 3
    assert main(["embed", str(files[0]), "-o", str(tmp_path / "c.npz"), "--device", "cpu",
                 "--precision", "float32"]) == 0  # fmt: skip
    assert json.loads(bytes(_load(tmp_path / "c.npz")["header"]))["dtype"] == "float32"


def test_mistakes_are_said_in_a_line(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["embed", str(tmp_path / "absent"), "-o", str(tmp_path / "x.npz")]) == 1
    assert main(["embed", str(store), str(store), "-o", str(tmp_path / "x.npz")]) == 1
    assert main(["embed", str(store), "-o", str(tmp_path / "x.fits"), "--device", "cpu"]) == 1
    assert main(["embed", str(store)]) == 2
    said = capsys.readouterr().err
    assert "There is nothing at" in said and "embedded alone" in said and "ends in .npz" in said
    assert not list(tmp_path.glob("*.parts"))
