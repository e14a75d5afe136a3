"""``specviz compare``: one star read by every model, label by label, beside what catalogues say."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specviz.cli.console import OK, TROUBLE, USAGE, Progress, complain
from specviz.cli.tables import as_text, writable, write_table
from specviz.errors import UnknownModelError

if TYPE_CHECKING:
    from specviz.analysis.face_off import FaceOff, Value

_SURVEYS = {"lamost_lrs": "LAMOST", "gaia_xp": "XP", "sdss": "SDSS", "other": "optical"}


def add_parser(commands: Any) -> None:
    """Add ``compare`` to the subcommands."""
    parser = commands.add_parser(
        "compare",
        help="one star by every model: labels, errors, predicted XP, run time",
        description="What every model says of one star, label by label, beside what catalogues say; the Gaia XP "
        "spectrum that models predict from the optical one against the observed one; and how long each took. The exit "
        "status is 1 if no model could say anything.",
        allow_abbrev=False,
    )
    parser.add_argument("star", metavar="STAR", help="a name, a file, or a demo star such as 'demo 1'")
    parser.add_argument(
        "--models", metavar="all|NAME,NAME", default="all", help="of `specviz models list` (default: %(default)s)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="a row a value: .ecsv, .csv, .fits or .vot")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: %(default)s)")
    parser.add_argument("--offline", action="store_true", help="ask no archive: demo stars, files, what was kept")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask the models, print or write."""
    if not writable(arguments.output):  # before the work, not after it
        return USAGE
    from specviz.app import face_off

    names = None if arguments.models == "all" else _named(arguments.models)
    progress = Progress(1)
    made = face_off(
        arguments.star,
        names,
        device=arguments.device,
        online=not arguments.offline,
        progress=lambda _fraction, model: progress.show(0, model),
    )
    progress.close()
    if arguments.output is not None:
        table = made.to_table()
        write_table(table, arguments.output)
        complain(f"wrote {len(table)} rows to {arguments.output}")
    else:
        print(as_lines(made))
    return OK if any(a.values for a in made.answers) else TROUBLE


def _named(words: str) -> list[str]:
    """The models that were named; one that does not exist is said before any is asked."""
    from specviz.models.installed import INSTALLABLE
    from specviz.models.registry import list_models, own_weights

    names, known = [n.strip() for n in words.split(",") if n.strip()], (*list_models(), *INSTALLABLE)
    for name in names:
        if name not in known and own_weights(name) is None:
            raise UnknownModelError(f"There is no model {name!r}", expected="all, or some of " + ", ".join(known))
    return names


def as_lines(made: FaceOff) -> str:
    """What is printed: a row a label, a column a model and spectrum; then the predicted XP, and who took how long."""
    from specviz.analysis.face_off_xp import predicted_xp, predictions_table

    parts = [f"{made.star.name}: median and half of the 68 % interval; * outside the training range"]
    if made.labels:
        parts.append(_labels(made))
    predictions = predicted_xp(made)
    if predictions:
        table = predictions_table(predictions)
        parts += ["", "Gaia XP predicted from the optical spectrum, against the observed one"]
        table["typical"].info.format = ".2f"
        parts.append(as_text(table))
    parts.append("")
    for answer in made.answers:
        if answer.report is not None:
            seconds = answer.report.provenance.seconds
            version = answer.report.provenance.model_version
            parts.append(f"{answer.model} {version}: {seconds:.2f} s, {len(answer.values)} values")
        else:
            parts.append(f"{answer.model}: {answer.problem}")
    return "\n".join(parts)


def _labels(made: FaceOff) -> str:
    columns = list(dict.fromkeys((v.source, v.survey) for v in made.values))
    heads = ["", "", *(source for source, _ in columns)]
    below = ["label", "unit", *(_SURVEYS.get(survey, survey) for _, survey in columns)]
    rows = []
    for label in made.labels:
        found = {(v.source, v.survey): v for v in made.of(label)}
        unit = next(iter(found.values())).unit
        rows.append([label, unit, *(_cell(found.get(c)) for c in columns)])
    widths = [max(len(r[i]) for r in (heads, below, *rows)) for i in range(len(heads))]
    lines = []
    for row in (heads, below, *rows):
        first = [cell.ljust(w) for cell, w in zip(row[:2], widths[:2], strict=True)]
        lines.append("  ".join([*first, *(c.rjust(w) for c, w in zip(row[2:], widths[2:], strict=True))]).rstrip())
    return "\n".join(lines)


def _cell(value: Value | None) -> str:
    if value is None:
        return ""
    digits = 0 if value.unit == "K" else 1 if value.unit == "km / s" else 2
    half = (value.p84 - value.p16) / 2
    error = f" ±{half:.{digits}f}" if math.isfinite(half) else ""
    return f"{value.median:.{digits}f}{error}{'*' if value.outside else ''}"
