"""``specviz models``: the released SpecCLIP, brought here and checked."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specviz.cli.console import OK, TROUBLE, Progress

if TYPE_CHECKING:
    from specviz.models.installed import Manifest

_OFFICIAL = "specclip-official"


def add_models(commands: Any) -> None:
    """Add ``models`` and its own subcommands."""
    parser = commands.add_parser(
        "models",
        help="the models that are here; pull, convert, verify or remove the released SpecCLIP",
        description="The models that are on this machine. The released SpecCLIP is pulled from the Hugging Face hub "
        "(4.5 GB), converted to weights that cannot carry code (1.2 GB), and checked.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=_list)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")

    actions.add_parser("list", help="names and what they are (also without ACTION)", allow_abbrev=False)

    pull = actions.add_parser("pull", help="fetch a released model and convert it", allow_abbrev=False)
    pull.add_argument("name", metavar="NAME", nargs="?", default=_OFFICIAL, help="default: %(default)s")
    add_origin(pull)
    _trust(pull)
    pull.add_argument("--keep", action="store_true", help="keep the official files after they were converted")
    pull.add_argument("--again", action="store_true", help="even if it is here")
    pull.set_defaults(run=_pull)

    convert = actions.add_parser("convert", help="convert a local copy of the release", allow_abbrev=False)
    convert.add_argument(
        "folder", metavar="FOLDER", type=Path, help="with encoders, specclip, downstream_models, stats"
    )
    convert.add_argument("--to", metavar="FOLDER", type=Path, help="default: where `models pull` puts it")
    _trust(convert)
    convert.set_defaults(run=_convert)

    verify = actions.add_parser("verify", help="is it whole, and does it say what it said?", allow_abbrev=False)
    verify.add_argument("name", metavar="NAME|FOLDER", nargs="?", default=_OFFICIAL, help="default: %(default)s")
    verify.add_argument(
        "--stars",
        metavar="FOLDER",
        type=Path,
        help="also compare the two spectra of the official repository whose labels were published",
    )
    verify.set_defaults(run=_verify)

    calibrate = actions.add_parser(
        "calibrate",
        help="measure the uncertainty of labels that come without one, with stars whose labels are known",
        description="The MLP heads of the released SpecCLIP give one number a label. FILE (the HDF5 layout of its test "
        "set, with known labels under test/labels/NAME) says how far off they are; the labels carry that uncertainty "
        "from then on.",
        allow_abbrev=False,
    )
    calibrate.add_argument("file", metavar="FILE", type=Path, help="HDF5 with spectra and known labels")
    calibrate.add_argument("--labels-from", metavar="TEXT", default="", help="who measured them, shown with the labels")
    calibrate.add_argument("--device", default="auto", help="default: %(default)s")
    calibrate.set_defaults(run=_calibrate)

    remove = actions.add_parser("remove", help="delete a model and what was downloaded for it", allow_abbrev=False)
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=_remove)


def add_origin(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where a release comes from."""
    parser.add_argument("--from", dest="source", metavar="FOLDER", type=Path, help="a local copy: nothing is fetched")
    parser.add_argument("--endpoint", metavar="URL", help="a mirror of the hub (default: HF_ENDPOINT, else the hub)")
    parser.add_argument("--revision", default="main", help="branch, tag or commit (default: %(default)s)")


def _trust(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trust-pickle",
        action="store_true",
        help="also convert the posteriors (teff, logg, rv, seismic labels): pickles, which can run anything on this "
        "machine when they are opened; needs jupyter-specviz[sbi]",
    )


class Bytes(Progress):
    """``1.23/4.53 GB file`` on stderr."""

    def __init__(self) -> None:
        super().__init__(0)
        self.stage = ""

    def line(self, done: int, text: str) -> str:
        unit, name = (1e9, "GB") if self.total >= 1e9 else (1e6, "MB")
        return f"{self.stage} {done / unit:.2f}/{self.total / unit:.2f} {name} {text}".strip()

    def begin(self, stage: str) -> None:
        """What is counted from now on."""
        self.stage = stage

    def told(self, done: int, total: int, text: str) -> None:
        """What ``pull`` and ``convert_release`` say of their progress."""
        self.total = total
        self.show(done, text)


def _list(_: argparse.Namespace) -> int:
    from specviz.models.installed import INSTALLABLE, Manifest, installed
    from specviz.models.registry import list_models

    known = list_models()
    width = max(map(len, [*known, *INSTALLABLE]))
    for name, summary in known.items():
        print(f"{name:{width}}  {summary}")
        folder = installed(name)
        if folder is not None:
            manifest = Manifest.load(folder)
            print(f"{'':{width}}  {_labels(manifest)}; version {manifest.version}; {folder}")
    for name, summary in INSTALLABLE.items():
        if name not in known:
            print(f"{name:{width}}  not here (specviz models pull {name}): {summary}")
    return OK


def _pull(arguments: argparse.Namespace) -> int:
    from specviz.models.hub.pull import pull

    progress = Bytes()
    try:
        done = pull(
            arguments.name,
            source=arguments.source,
            endpoint=arguments.endpoint,
            revision=arguments.revision,
            trust_pickle=arguments.trust_pickle,
            keep=arguments.keep,
            again=arguments.again,
            stage=progress.begin,
            progress=progress.told,
        )
    finally:
        progress.close()
    said = {"new": "is here", "completed": "is complete now", "there": "was here already"}[done.outcome]
    print(f"{arguments.name} {said}: {done.folder}")
    return _report(done.manifest, done.folder, arguments.trust_pickle)


def _convert(arguments: argparse.Namespace) -> int:
    from specviz.models.installed import model_folder
    from specviz.models.specclip.convert import convert_release

    progress = Bytes()
    progress.begin("convert")
    target = arguments.to or model_folder(_OFFICIAL)
    try:
        manifest = convert_release(
            arguments.folder, target, trust_pickle=arguments.trust_pickle, progress=progress.told
        )
    finally:
        progress.close()
    print(f"{_OFFICIAL} is here: {target}")
    return _report(manifest, target, arguments.trust_pickle)


def _report(manifest: Manifest, folder: Path, trusted: bool) -> int:
    """What came of it: size, labels, what was left out and how to add it."""
    from specviz.models.installed import size_of

    official = sum(int(entry["bytes"]) for entry in manifest.files.values())
    print(f"  version {manifest.version}; {size_of(folder) / 1e9:.2f} GB, from {official / 1e9:.2f} GB")
    print(f"  {_labels(manifest)}")
    for note in manifest.notes:
        print(f"  note: {note}")
    reasons: dict[str, list[str]] = {}
    for what, why in manifest.left_out.items():
        reasons.setdefault(why, []).append(what)
    for why, names in reasons.items():
        print(f"  left out: {', '.join(names)}\n    {why}")
    if not trusted and any("--trust-pickle" in why for why in reasons):
        again = f"specviz models pull {_OFFICIAL}" if "repo" in manifest.source else "the same command"
        print("  to add them, if you trust who made these files: pip install 'jupyter-specviz[sbi]',")
        print(f"    then {again} with --trust-pickle")
    failed = [what for what, why in manifest.left_out.items() if "/" in what and "--trust-pickle" not in why]
    return TROUBLE if trusted and failed else OK


def _labels(manifest: Manifest) -> str:
    from specviz.models.specclip.routing import OFFICIAL_FOLDER, routes

    names: dict[Any, str] = {"lamost_lrs": "LAMOST", "gaia_xp": "Gaia XP"}
    parts = [f"{len(manifest.labels(s))} of {len(routes(s))} labels from {names[s]}" for s in OFFICIAL_FOLDER]
    return ", ".join(parts)


def _verify(arguments: argparse.Namespace) -> int:
    from specviz.models.installed import INSTALLABLE, model_folder
    from specviz.models.specclip.verify import verify

    named = Path(arguments.name)
    folder = named if arguments.name not in INSTALLABLE and named.is_dir() else model_folder(arguments.name)
    progress = Bytes()
    progress.begin("verify")
    try:
        checks = verify(folder, stars=arguments.stars, progress=progress.told)
    finally:
        progress.close()
    marks = {"ok": "ok     ", "failed": "FAILED ", "skipped": "skipped"}
    for check in checks:
        print(f"{marks[check.status]} {check.name}: {check.text}")
        for line in check.lines:
            print(f"          {line}")
    failed = sum(check.status == "failed" for check in checks)
    print(f"{failed} of {len(checks)} checks failed" if failed else "all well")
    return TROUBLE if failed else OK


def _calibrate(arguments: argparse.Namespace) -> int:
    from specviz.catalog.official import open_pairs
    from specviz.errors import CatalogError
    from specviz.models.posterior import label_unit
    from specviz.models.registry import load_model
    from specviz.models.specclip.calibration import calibrate
    from specviz.models.specclip.routing import SURVEYS

    model = load_model("specclip-official", device=arguments.device)
    source = arguments.labels_from or arguments.file.name
    with open_pairs(arguments.file) as pairs:
        if not pairs.labels:
            raise CatalogError(
                f"{arguments.file.name} holds no known labels (the official test set has none)",
                expected="test/labels/fe_h and so on, one value a star, NaN where unknown",
            )
        progress = Progress(2 * len(pairs))
        try:
            for count, survey in enumerate(SURVEYS):
                before = count * len(pairs)
                wanted = {h.route.label for h in model.heads.point_heads(survey)} & pairs.labels.keys()
                if not wanted:
                    continue
                known = {name: pairs.labels[name] for name in sorted(wanted)}
                made = calibrate(
                    model,
                    survey,
                    pairs.batches(survey),
                    known,
                    source=source,
                    progress=_from(before, progress),
                )
                progress.close()
                for name, residuals in made.items():
                    unit = label_unit(name)
                    width = f"± {residuals.half_width:.3g}{' ' + unit if unit else ''}"
                    print(f"{survey:10}  {name:10}  {width} (68 % of {residuals.stars} stars)")
        finally:
            progress.close()
    return OK


def _from(before: int, progress: Progress) -> Callable[[int], None]:
    """Count on from what is done."""
    return lambda done: progress.show(before + done, "spectra")


def _remove(arguments: argparse.Namespace) -> int:
    from specviz.models.installed import remove

    print(f"removed {arguments.name}: {remove(arguments.name) / 1e9:.2f} GB are free again")
    return OK
