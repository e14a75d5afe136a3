"""``verify``: is the model on this machine the one that was converted, and does it still say what it said?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from specviz.errors import CheckpointError, SpecvizError
from specviz.models.checkpoint_reader import sha256_of
from specviz.models.installed import Manifest
from specviz.models.specclip import published
from specviz.models.specclip.routing import ROUTES, SURVEYS, routes
from specviz.models.work import Cancel, Progress, Work

if TYPE_CHECKING:
    from specviz.models.specclip.official import SpecClipOfficial

#: Two machines sum in another order; a wrong scale or a lost bias is far beyond this.
_RTOL, _ATOL = 2e-3, 2e-4


@dataclass(frozen=True)
class Check:
    """One finding. ``lines`` are details, one a line."""

    name: str
    status: Literal["ok", "failed", "skipped"]
    text: str
    lines: tuple[str, ...] = ()


def verify(
    folder: str | Path,
    *,
    stars: str | Path | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> list[Check]:
    """Look at a converted model.

    Parameters
    ----------
    folder : path
    stars : path, optional
        A folder with the two spectra of the official repository whose labels were published
        (:data:`~specviz.models.specclip.published.STARS`); each is compared if it is there.
    progress, cancel
        As in :func:`~specviz.models.specclip.convert.convert_release`.

    Returns
    -------
    list of Check
        In the order of the questions: manifest, files, networks, labels, posteriors, published stars. A failure does
        not end the list where the next question can still be asked.
    """
    folder = Path(folder)
    try:
        manifest = Manifest.load(folder)
    except CheckpointError as error:
        return [Check("manifest", "failed", str(error))]
    source = manifest.source.get("repo") or manifest.source.get("folder") or "unknown"
    revision = str(manifest.source.get("revision", ""))[:12]
    checks = [Check("manifest", "ok", f"version {manifest.version}, of {source} {revision}".rstrip())]
    checks.append(_files(folder, manifest, Work(_bytes(folder, manifest), progress, cancel)))
    if checks[-1].status == "failed":
        return checks
    try:
        from specviz.models.specclip.official import SpecClipOfficial

        model = SpecClipOfficial.from_folder(folder, check=False)
    except SpecvizError as error:
        return [*checks, Check("networks", "failed", str(error))]
    checks += [_networks(model, manifest), _labels(model, manifest), _posteriors(model, manifest)]
    return [*checks, *_published(model, None if stars is None else Path(stars).expanduser())]


def _bytes(folder: Path, manifest: Manifest) -> int:
    return sum((folder / f).stat().st_size for f in manifest.written if (folder / f).is_file())


def _files(folder: Path, manifest: Manifest, work: Work) -> Check:
    """Every file is there and is the one that was written; no weights are there that nobody wrote."""
    wrong = []
    for file, expected in sorted(manifest.written.items()):
        work.say(file)
        path = folder / file
        if not path.is_file():
            wrong.append(f"{file} is absent")
        elif sha256_of(path) != expected:
            wrong.append(f"{file} was changed")
        else:
            work.add(path.stat().st_size)
    known = set(manifest.written)
    strange = sorted(
        p.relative_to(folder).as_posix()
        for p in folder.rglob("*.safetensors")
        if p.relative_to(folder).as_posix() not in known
    )
    wrong += [f"{file} was not written by the conversion" for file in strange]
    if wrong:
        return Check("files", "failed", "convert the release again", tuple(wrong))
    return Check("files", "ok", f"{len(known)} files, {_bytes(folder, manifest) / 1e9:.2f} GB, every SHA-256 is right")


def _networks(model: SpecClipOfficial, manifest: Manifest) -> Check:
    """The networks, read from the converted files, give the numbers that the official weights gave."""
    from specviz.models.specclip.self_check import network_numbers

    now: dict[str, list[float]] = {}
    for kind in ("predrecon", "split"):
        now |= network_numbers(getattr(model.networks, kind), kind)
    shared = [survey for survey, same in model.networks.shared.items() if same]
    text = f"{len(now)} outputs are as they were; backbones in common: {', '.join(shared) or 'none'}"
    return _compared("networks", now, manifest, text)


def _labels(model: SpecClipOfficial, manifest: Manifest) -> Check:
    from specviz.models.specclip.self_check import head_numbers

    now: dict[str, list[float]] = {}
    for survey in SURVEYS:
        for head in model.heads.point_heads(survey):
            now |= head_numbers(head.net, head.mean, head.std, f"{survey}/{head.route.label}")
    if not now:
        return Check("labels", "skipped", "no MLP head is here")
    return _compared("labels", now, manifest, f"{len(now)} MLP heads give what they gave")


def _compared(name: str, now: dict[str, list[float]], manifest: Manifest, text: str) -> Check:
    wrong = []
    for what, values in now.items():
        before = manifest.self_check.get(what)
        if before is None:
            wrong.append(f"{what}: nothing was noted when it was converted")
        elif len(before) != len(values) or not np.allclose(values, before, rtol=_RTOL, atol=_ATOL):
            wrong.append(f"{what}: {_short(values)}, was {_short(before)}")
    return Check(name, "failed" if wrong else "ok", "other outputs than before" if wrong else text, tuple(wrong))


def _short(values: list[float]) -> str:
    return ", ".join(f"{v:.4g}" for v in values[:3])


def _posteriors(model: SpecClipOfficial, manifest: Manifest) -> Check:
    """Every posterior gives finite samples; which are not here, and why."""
    from specviz.models.specclip.label_heads import FlowHead
    from specviz.models.specclip.self_check import fixed_spectra

    wrong, count = [], 0
    for survey in SURVEYS:
        pixels = model.networks.split.config.lamost.n_pixels if survey == "lamost_lrs" else None
        spectra = fixed_spectra(survey, pixels or model.networks.split.config.xp.n_pixels)
        with torch.inference_mode():
            embeddings = model.networks.embed(spectra, survey)
        for route in routes(survey):
            head = model.heads.head(survey, route.label)
            if not isinstance(head, FlowHead):
                continue
            count += 1
            samples = np.asarray(head.flow.sample(embeddings[route.network], 200, 0))
            if not np.isfinite(samples).all() or (samples.std(axis=1) == 0).any():
                wrong.append(f"{survey}/{route.label} gives no finite samples")
    missing = [r for r in ROUTES if r.head == "sbi" and r.file not in manifest.written]
    reasons: dict[str, list[str]] = {}
    for route in missing:
        name = f"{route.survey}/{route.label}"
        reasons.setdefault(manifest.left_out.get(name, "absent"), []).append(name)
    lines = tuple(f"{', '.join(names)}: {why}" for why, names in reasons.items())
    if wrong:
        return Check("posteriors", "failed", "some labels cannot be sampled", tuple(wrong))
    if not count:
        return Check("posteriors", "skipped", f"{len(missing)} labels were left out", lines)
    return Check("posteriors", "ok", f"{count} give samples" + (f"; {len(missing)} left out" if missing else ""), lines)


def _published(model: SpecClipOfficial, folder: Path | None) -> Iterator[Check]:
    """The two stars whose labels were published."""
    for star in published.STARS:
        name = f"published star, {star.survey}"
        path = None if folder is None else published.find_star(star, folder)
        if path is None:
            where = "no folder was named (--stars FOLDER)" if folder is None else f"it is not in {folder}"
            yield Check(name, "skipped", f"{star.files[0]} of the official repository: {where}")
            continue
        try:
            rows = compare(model, star, path)
        except SpecvizError as error:
            yield Check(name, "failed", str(error))
            continue
        bad = [row for row in rows if not row.agrees]
        lacking = sorted(set(star.labels) - {row.label for row in rows})
        text = f"{len(rows) - len(bad)} of {len(rows)} labels agree" + (
            f"; not here: {', '.join(lacking)}" if lacking else ""
        )
        yield Check(name, "failed" if bad else "ok", text, tuple(map(str, rows)))


def compare(model: SpecClipOfficial, star: published.PublishedStar, path: Path) -> list[published.Comparison]:
    """The labels of a published star, beside those that this model gives for its spectrum."""
    prepared = model.prepare(published.read_star(path, star.survey))
    (posterior,) = model.posterior(model.embed([prepared]), seed=0)
    found = []
    for label, (value, spread) in star.labels.items():
        if label in posterior.names:
            ours = float(np.median(posterior[label]))
            agrees = published.agrees(value, spread, ours)
            found.append(published.Comparison(label, value, spread, ours, agrees))
    return found
