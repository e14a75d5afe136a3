"""Where things lie in the official release (specification section 4.2), and a local copy of it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specviz.errors import CheckpointError
from specviz.models.specclip.routing import ROUTES, Route
from specviz.models.work import Work

#: Public name of the model repository, and of the two test catalogues.
REPOSITORY = "astroshawn/SpecCLIP"
TEST_CATALOGS: Mapping[str, str] = {
    "specclip-test": "astroshawn/SpecCLIP-TestData",
    "specclip-test-small": "astroshawn/SpecCLIP-TestData-Small",
}
ENCODERS: Mapping[str, str] = {
    "lrs_encoder": "encoders/lrs_encoder.ckpt",
    "xp_encoder": "encoders/xp_encoder.ckpt",
    "xp_encoder_mlp": "encoders/xp_encoder_mlp.ckpt",
}
#: The contrastive networks, by every path that occurs: the repository and its config.json disagree on the base file.
NETWORKS: Mapping[str, tuple[str, ...]] = {
    "base": ("specclip/specclip_model_base.ckpt", "specclip/specclip_mlp.ckpt"),
    "predrecon": ("specclip/specclip_model_predrecon_mlp.ckpt",),
    "split": ("specclip/specclip_model_split_mlp.ckpt",),
}
TEXTS = ("config.json", "README.md", ".gitattributes")


@dataclass(frozen=True)
class Statistics:
    """Mean and std of the embedding, by which a label head standardises it."""

    path: str
    mean: list[float]
    std: list[float]


def is_official(path: str) -> bool:
    """Whether a path of the repository is a file of the release that we know (or one of its texts), in any spelling."""
    return path.lower() in _known()


def _known() -> frozenset[str]:
    paths = [*ENCODERS.values(), *(p for paths in NETWORKS.values() for p in paths), *TEXTS]
    paths += [p for route in ROUTES for p in (route.path, *route.statistics_paths)]
    return frozenset(p.lower() for p in paths)


def is_pickle(path: str) -> bool:
    """Whether a file of the release is a pickled posterior, which only those who trust it open."""
    return path.endswith(".pkl")


class Source:
    """A local copy of the release, complete or not; paths are official ones, and case is forgiven."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = (p for p in folder.rglob("*") if p.is_file() and not p.name.endswith(".part"))
        found = {p.relative_to(folder).as_posix(): p for p in names}
        self._exact = found
        self._folded = {name.lower(): name for name in sorted(found, reverse=True)}

    def has(self, path: str) -> bool:
        """Whether the file is there, under this or another spelling of upper and lower case."""
        return path in self._exact or path.lower() in self._folded

    def path(self, path: str) -> Path:
        """Where it is on this machine."""
        return self._exact[self.spelt(path)]

    def spelt(self, path: str) -> str:
        """Its spelling in this copy."""
        return path if path in self._exact else self._folded[path.lower()]

    def bytes(self, path: str) -> int:
        """Its size."""
        return self.path(path).stat().st_size

    def network(self, kind: str) -> str | None:
        """The path of a contrastive network, whichever of its names it has here; None where it is absent."""
        return next((self.spelt(path) for path in NETWORKS[kind] if self.has(path)), None)

    def size(self, trust_pickle: bool) -> int:
        """Bytes of all files that a conversion reads."""
        names = [n for n in self._exact if is_official(n)]
        return sum(self.bytes(n) for n in names if trust_pickle or not is_pickle(n))

    def text_files(self) -> list[str]:
        """Those of the release's texts that are here."""
        return [name for name in TEXTS if self.has(name)]

    def version(self) -> str:
        """What config.json calls the version; "unknown" where it does not say."""
        try:
            version = json.loads(self.path("config.json").read_text("utf-8")).get("version")
        except (KeyError, ValueError, AttributeError, OSError):
            return "unknown"
        return str(version) if version else "unknown"

    def statistics(self, route: Route, width: int) -> Statistics:
        """Mean and std for an MLP head.

        The official code goes on without them, silently, and gives other labels; here their absence is an error.
        """
        path = next((self.spelt(p) for p in route.statistics_paths if self.has(p)), None)
        if path is None:
            raise CheckpointError(
                f"{route.path} has no statistics of its embedding beside it, without which its labels would be wrong",
                expected=" or ".join(route.statistics_paths),
                remedy="Complete the copy of the release",
            )
        try:
            values = json.loads(self.path(path).read_text("utf-8"))
            statistics = Statistics(path, [float(v) for v in values["mean"]], [float(v) for v in values["std"]])
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise CheckpointError(f"{path} is damaged", expected="lists mean and std") from error
        sound = all(map(math.isfinite, statistics.mean)) and all(math.isfinite(s) and s > 0 for s in statistics.std)
        if not sound or {len(statistics.mean), len(statistics.std)} != {width}:
            raise CheckpointError(
                f"{path} does not fit {route.path}", expected=f"{width} finite means and positive stds"
            )
        return statistics

    def record(self, path: str, work: Work) -> dict[str, Any]:
        """SHA-256 and bytes of a file, for the manifest; reading it counts as progress."""
        digest, size = hashlib.sha256(), 0
        with self.path(path).open("rb") as stream:
            while piece := stream.read(1 << 22):
                digest.update(piece)
                size += len(piece)
                work.add(len(piece))
        return {"sha256": digest.hexdigest(), "bytes": size}


def find_release(folder: Path) -> Source:
    """The copy of the release in a folder, or in one below it (a cache of the hub keeps it three folders down).

    Raises
    ------
    CheckpointError
        If there is none, or it lacks a network without which nothing works.
    """
    folder = folder.expanduser()
    needed = (NETWORKS["predrecon"][0], NETWORKS["split"][0])
    if not folder.is_dir():
        raise CheckpointError(f"There is no folder {folder}", remedy="Check the path")
    for depth in ("", "*/", "*/*/", "*/*/*/"):
        for path in sorted(folder.glob(f"{depth}{needed[1]}")):
            source = Source(path.parents[1])
            if source.has(needed[0]):
                return source
    absent = [path for path in needed if not (folder / path).is_file()]
    raise CheckpointError(
        f"{folder} is no copy of the SpecCLIP release: it lacks {' and '.join(absent)}",
        expected=f"the files of {REPOSITORY} in their folders",
        remedy="Name the folder that holds encoders, specclip, downstream_models and stats",
    )
