"""``specviz --version``: the version, and the SHA-256 of every file of weights that answers come from."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specviz import __version__
from specviz.cli.console import OK, TROUBLE, complain
from specviz.errors import SpecvizError


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights beside what was recorded of it.

    Attributes
    ----------
    name : str
        Its name; of a model that was pulled, the model's name.
    sha256 : str
        Of what is there now; empty where nothing is.
    problem : str
        Empty if that is what this version was shipped with.
    """

    name: str
    sha256: str
    problem: str = ""


def weights(folder: Path | None = None) -> Iterator[WeightsFile]:
    """Every file that ``SHA256SUMS`` beside the weights names, read again, and the released SpecCLIP if it is here.

    Parameters
    ----------
    folder : Path, optional
        Instead of the folder inside the package, for tests; then nothing that was pulled is looked for.
    """
    from specviz.models import registry

    place = folder or registry.WEIGHTS_FOLDER
    sums = place / "SHA256SUMS"
    for line in sums.read_text("utf-8").splitlines() if sums.is_file() else ():
        expected, _, name = line.partition("  ")
        path = place / name.strip()
        if not path.is_file():
            yield WeightsFile(path.name, "", "is missing: install specviz again")
            continue
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        same = found == expected
        yield WeightsFile(path.name, found, "" if same else "is not the file this version was shipped with")
    if not sums.is_file():
        yield WeightsFile(sums.name, "", "is missing: install specviz again")
    if folder is None:
        yield from _pulled()


def _pulled() -> Iterator[WeightsFile]:
    """The released model: 1.2 GB are not read for a version; ``specviz models verify`` reads them."""
    from specviz.models.installed import OFFICIAL, Manifest, model_folder

    folder = model_folder(OFFICIAL)
    if not (folder / "manifest.json").exists():
        return
    try:
        manifest = Manifest.load(folder)
    except SpecvizError as error:
        yield WeightsFile(OFFICIAL, "", str(error))
    else:
        yield WeightsFile(OFFICIAL, manifest.weights_sha256)


class Version(argparse.Action):
    """``--version``: one line, then a line ``SHA-256  file`` each, as ``sha256sum`` writes them."""

    def __init__(self, option_strings: Sequence[str], dest: str = argparse.SUPPRESS, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, **options)

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        """Print, and end with 1 if a file is not the one it should be."""
        print(f"specviz {__version__}")
        status = OK
        for file in weights():
            if file.sha256:
                print(f"{file.sha256}  {file.name}")
            if file.problem:
                complain(f"{file.name} {file.problem}")
                status = TROUBLE
        parser.exit(status)
