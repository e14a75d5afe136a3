"""Convert pickled sbi posteriors: a process of its own unpickles them and writes tensors, nothing else.

A pickle is a program, and sbi's objects cannot be rebuilt without running it. So it is run only when the person says
that they trust its author (``trust_pickle``), in a child process that has an empty folder to work in and none of this
process's environment variables beyond what Python needs, and that hands back one safetensors file. The parent believes
nothing of that file until it has rebuilt the flow from it. This guards against accidents and against what a pickle
would do to a running session; it is no sandbox: the child has the rights of the person who starts it.

The child: ``python -m specviz.models.specclip.convert_sbi IN.pkl OUT.safetensors [IN OUT ...]``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import specviz
from specviz.errors import CancelledError, CheckpointError
from specviz.models.checkpoint_reader import load_weights, save_weights, sha256_of

#: Environment variables the child is given; tokens, proxies and the like stay here.
_KEPT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "SYSTEMROOT",
    "OMP_NUM_THREADS",
    "VIRTUAL_ENV",
)
#: Seconds between looks at the child.
_LOOK = 0.1
#: Marks the child's own lines on its output; a pickle may print what it likes.
_MARK = "specviz-convert "


class Posterior(NamedTuple):
    """One posterior to convert: the pickle, the file to write, the label (our name), and the network it was trained on
    ("split" or "predrecon").
    """

    source: Path
    target: Path
    label: str
    encoder: str


def convert_posterior(
    source: str | Path,
    target: str | Path,
    *,
    label: str,
    encoder: str,
    trust_pickle: bool = False,
    cancel: Callable[[], bool] | None = None,
    timeout: float = 600.0,
) -> str:
    """Convert one pickled posterior; see :func:`convert_posteriors`. Returns the SHA-256 of ``target``."""
    job = Posterior(Path(source), Path(target), label, encoder)
    return convert_posteriors([job], trust_pickle=trust_pickle, cancel=cancel, timeout=timeout)[job.target]


def convert_posteriors(
    jobs: Sequence[Posterior | tuple[Path, Path, str, str]],
    *,
    trust_pickle: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
    cancel: Callable[[], bool] | None = None,
    timeout: float = 600.0,
) -> dict[Path, str]:
    """Convert pickled sbi posteriors to safetensors, in one child process.

    Parameters
    ----------
    jobs : sequence of Posterior
        What to convert.
    trust_pickle : bool
        The person trusts whoever made these files to run programs on this computer.
    progress : callable, optional
        Told (done, total, name of the file) after each.
    cancel : callable, optional
        Asked ten times a second; when it says True the child is ended.
    timeout : float
        Seconds for all of them.

    Returns
    -------
    dict
        SHA-256 of each target. Targets are written whole or not at all.

    Raises
    ------
    CheckpointError
        Without ``trust_pickle``; if sbi is not installed; if a file is absent, damaged, or holds what cannot be rebuilt
        exactly; if the child fails or takes too long.
    CancelledError
        If ``cancel`` said so.
    """
    todo = [Posterior(Path(job[0]), Path(job[1]), job[2], job[3]) for job in jobs]
    if not trust_pickle:
        raise _risk(todo)
    if not todo:
        return {}
    if find_spec("sbi") is None:
        raise CheckpointError(
            "The posteriors of this model are objects of the package sbi, which is not installed",
            remedy='Install it for the conversion (pip install "jupyter-specviz[sbi]"); it is not needed afterwards',
        )
    for job in todo:
        if not job.source.is_file():
            raise CheckpointError(f"There is no file {job.source}", remedy="Check the path")
    with tempfile.TemporaryDirectory(prefix="specviz-sbi-") as folder:
        outputs = [Path(folder) / f"{i}.safetensors" for i in range(len(todo))]
        pairs = [str(path) for job, out in zip(todo, outputs, strict=True) for path in (job.source.resolve(), out)]
        _run_child(pairs, Path(folder), [job.source.name for job in todo], progress, cancel, timeout)
        # Nothing is put in place before all of it is known to be sound.
        flows = [_checked(out, job) for job, out in zip(todo, outputs, strict=True)]
    return {
        job.target: save_weights(job.target, tensors, metadata)
        for job, (tensors, metadata) in zip(todo, flows, strict=True)
    }


def _risk(jobs: Sequence[Posterior]) -> CheckpointError:
    names = ", ".join(sorted(job.source.name for job in jobs)) or "The posteriors"
    return CheckpointError(
        f"{names}: pickled Python objects, and to open a pickle is to run the program inside it, with your rights. "
        "Whoever made it could read, change or send away whatever you can. Nothing was opened",
        expected="your word that you trust the authors of this model and the place it was downloaded from",
        remedy="Say so with --trust-pickle (trust_pickle=True): each is then opened once, in a separate process, and "
        "only tensors are kept. Without it these labels are left out and all others work",
    )


def _run_child(
    pairs: list[str],
    folder: Path,
    names: list[str],
    progress: Callable[[int, int, str], None] | None,
    cancel: Callable[[], bool] | None,
    timeout: float,
) -> None:
    """Start the child, follow it, and end it if need be."""
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {
        # The child finds what this process finds, wherever that is installed.
        "PYTHONPATH": os.pathsep.join([str(Path(specviz.__file__).parents[1]), *(path for path in sys.path if path)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONIOENCODING": "utf-8",
        "MPLBACKEND": "agg",
    }
    # What libraries write on the side (matplotlib's cache, sbi's logs) falls into the folder that is thrown away.
    environment |= dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME"), str(folder))
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, *pairs],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    told: list[dict[str, Any]] = []
    tail: list[str] = []
    readers = [
        threading.Thread(target=_follow, args=(stream, told, tail), daemon=True)
        for stream in (child.stdout, child.stderr)
    ]
    for reader in readers:
        reader.start()
    end = time.monotonic() + timeout
    shown = 0
    try:
        while child.poll() is None:
            shown = _show(told, shown, names, progress)
            if cancel is not None and cancel():
                raise CancelledError("The conversion was stopped")
            if time.monotonic() > end:
                raise CheckpointError(f"The posteriors were not converted within {timeout:g} seconds")
            time.sleep(_LOOK)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        for reader in readers:
            reader.join(timeout=5)
    _show(told, shown, names, progress)
    error = next((entry["error"] for entry in told if "error" in entry), None)
    if error is not None:
        raise CheckpointError(
            str(error.get("what", ""))[:1000],
            expected=str(error.get("expected", ""))[:500],
            remedy=str(error.get("remedy", ""))[:500],
        )
    if child.returncode != 0:
        last = next((line for line in reversed(tail) if line.strip()), "").strip()[:300]
        raise CheckpointError(
            f"The process that opens the posteriors ended with code {child.returncode} ({last or 'it said nothing'})",
            remedy="Download the files again; if that does not help, tell us",
        )


def _follow(stream: Any, told: list[dict[str, Any]], tail: list[str]) -> None:
    """Read the child's lines: marked ones are its reports, the rest is kept for an error message."""
    for line in stream:
        if not line.startswith(_MARK):
            tail.append(line)
            del tail[:-50]
            continue
        try:
            entry = json.loads(line[len(_MARK) :])
        except ValueError:
            continue
        if isinstance(entry, dict):
            told.append(entry)
    stream.close()


def _show(
    told: list[dict[str, Any]], shown: int, names: list[str], progress: Callable[[int, int, str], None] | None
) -> int:
    """Tell ``progress`` of the files that were done since; how many were told of in all."""
    done = min(len(names), sum("done" in entry for entry in list(told)))
    for i in range(shown, done):
        if progress is not None:
            progress(i + 1, len(names), names[i])
    return max(shown, done)


def _checked(output: Path, job: Posterior) -> tuple[dict[str, Any], dict[str, str]]:
    """Tensors and metadata of what the child wrote, after the flow was rebuilt from them here."""
    from specviz.models.specclip.label_posterior import posterior_from

    if not output.is_file():
        raise CheckpointError(f"Nothing was made of {job.source.name}", remedy="Download the file again")
    tensors, found = load_weights(output)
    metadata: dict[str, str] = {name: found[name] for name in ("flow", "checked") if name in found}
    metadata |= {"kind": "nsf", "label": job.label, "encoder": job.encoder, "source_sha256": sha256_of(job.source)}
    posterior_from(tensors, metadata)  # raises if anything does not fit
    return tensors, metadata


def main(arguments: Sequence[str]) -> int:
    """What the child does."""
    # Reports go to the real output; whatever the pickle or sbi print goes to the error stream.
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    if not arguments or len(arguments) % 2:
        report.write("usage: python -m specviz.models.specclip.convert_sbi IN.pkl OUT.safetensors [IN OUT ...]\n")
        return 2
    from specviz.models.specclip.sbi_unpickling import convert_file

    for source, target in zip(arguments[::2], arguments[1::2], strict=True):
        try:
            convert_file(Path(source), Path(target))
        except CheckpointError as error:
            named = {"what": f"{Path(source).name}: {error.what}", "expected": error.expected, "remedy": error.remedy}
            report.write(_MARK + json.dumps({"error": named}) + "\n")
            report.flush()
            return 1
        report.write(_MARK + json.dumps({"done": Path(target).name}) + "\n")
        report.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
