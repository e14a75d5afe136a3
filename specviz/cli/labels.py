"""``specviz labels``: journals of labels out, in and together; how far reviewers agree, and where they do not."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specviz.cli.console import OK
from specviz.errors import SpecvizError

if TYPE_CHECKING:
    from specviz.session.vetting.kappa import Weights
    from specviz.session.vetting.vocabulary import Vocabulary


def add_parser(commands: Any) -> None:
    """Add ``labels`` with its own subcommands."""
    parser = commands.add_parser(
        "labels",
        help="labels of specviz vet: export, import, merge, agreement",
        description="What reviewers said of stars. A JOURNAL is the file that specviz vet writes; where it is only "
        "read, a file of labels that was exported will do.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)

    export = _action(actions, "export", "what reviewers say of each star, as a table", _export)
    export.add_argument("journal", metavar="JOURNAL", type=Path)
    export.add_argument("-o", "--output", metavar="FILE", type=Path, help=_OUTPUT + "; .json holds every event")
    _reviewer(export, "only what NAME said")

    history = _action(actions, "history", "everything that was ever said", _history)
    history.add_argument("journal", metavar="JOURNAL", type=Path)
    history.add_argument("-o", "--output", metavar="FILE", type=Path, help=_OUTPUT)
    history.add_argument("--star", metavar="NAME", help="only of this star")
    _reviewer(history, "only what NAME said")

    into = _action(actions, "import", "labels of files, or of other journals, into a journal", _import)
    into.add_argument("journal", metavar="JOURNAL", type=Path, help="made where it is not there")
    into.add_argument("files", metavar="FILE", type=Path, nargs="+")
    _reviewer(into, "who said it, where a table does not name them")
    _unknown(into)

    merge = _action(actions, "merge", "journals and files of several reviewers into one journal", _merge)
    merge.add_argument("files", metavar="FILE", type=Path, nargs="+")
    merge.add_argument("-o", "--output", metavar="JOURNAL", type=Path, required=True, help="made where it is not there")
    _reviewer(merge, "who said it, where a table does not name them")
    _unknown(merge)

    agree = _action(actions, "agree", "kappa of every pair of reviewers and of all", _agree)
    agree.add_argument("files", metavar="JOURNAL", type=Path, nargs="+")
    agree.add_argument("-o", "--output", metavar="FILE", type=Path, help=_OUTPUT)
    agree.add_argument("--weights", choices=("none", "linear", "quadratic"), default="linear",
                       help="of the kappa of quality; default: %(default)s")  # fmt: skip
    agree.add_argument("--unsure", choices=("missing", "category"), default="missing",
                       help="'not sure' counts as no rating, or as a class; default: %(default)s")  # fmt: skip

    conflicts = _action(actions, "conflicts", "stars on which reviewers differ, and who said what", _conflicts)
    conflicts.add_argument("files", metavar="JOURNAL", type=Path, nargs="+")
    conflicts.add_argument("-o", "--output", metavar="FILE", type=Path, help=_OUTPUT)
    conflicts.add_argument("--quality", metavar="N", type=int, help="also qualities that differ by more than N")
    conflicts.add_argument("--flags", action="store_true", help="also flags that not all have set")
    conflicts.add_argument("--open", action="store_true", help="only those on which nothing was decided")

    consensus = _action(actions, "consensus", "what all reviewers together say of each star", _consensus)
    consensus.add_argument("files", metavar="JOURNAL", type=Path, nargs="+")
    consensus.add_argument("-o", "--output", metavar="FILE", type=Path, help=_OUTPUT)


_OUTPUT = ".ecsv, .vot, .csv or .json; without it the table is printed"


def _action(actions: Any, name: str, words: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=words, description=words[0].upper() + words[1:] + ".", allow_abbrev=False
    )
    parser.add_argument("--vocabulary", metavar="FILE", type=Path, help="the JSON file that was vetted with")
    parser.set_defaults(run=run)
    return parser


def _reviewer(parser: argparse.ArgumentParser, words: str) -> None:
    parser.add_argument("--reviewer", metavar="NAME", help=words)


def _unknown(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep-unknown", action="store_true", help="keep words that are not in the vocabulary")


def _vocabulary(arguments: argparse.Namespace) -> Vocabulary:
    from specviz.session.vetting.vocabulary import Vocabulary

    return Vocabulary.of(arguments.vocabulary)


def _events(paths: Sequence[Path]) -> list[Any]:
    """The events of all of them, each once."""
    from specviz.session.vetting.exchange import new_events
    from specviz.session.vetting.label_reading import read_labels

    found: list[Any] = []
    for path in paths:
        found += new_events(read_labels(path), found, None, "keep")[0]
    return found


def _put(table: Any, output: Path | None) -> int:
    """Write a table, or print it: columns in which something is."""
    from specviz.cli.tables import as_text
    from specviz.session.vetting.label_files import any_table_bytes, format_of
    from specviz.spectra.writers.tables import write_whole

    if output is not None:
        write_whole(output, any_table_bytes(table, format_of(output)))
        print(f"{output}: {len(table)} row{'s' * (len(table) != 1)}")
    elif not len(table):
        print("nothing yet")
    else:
        hidden = {"weights_sha256", "data", "vocabulary", "uuid", "step", "undoes", "specviz", "model_version"}
        names = [n for n in table.colnames if n not in hidden and any(_said(v) for v in table[n])]
        shown = table[names]
        for name in (n for n in names if shown[n].dtype.kind == "U"):
            shown[name] = [_short(str(cell)) for cell in shown[name]]
        print(as_text(shown))
    return OK


def _said(value: Any) -> bool:
    return type(value).__name__ != "MaskedConstant" and str(value) != ""


def _short(text: str) -> str:
    """On one line, and no longer than a person reads in a table; nothing in it that a terminal would obey."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain if len(plain) <= 60 else plain[:59] + "…"


def _export(arguments: argparse.Namespace) -> int:
    from specviz.session.vetting.label_files import write_labels
    from specviz.session.vetting.label_tables import label_table

    events, vocabulary = _events([arguments.journal]), _vocabulary(arguments)
    if arguments.output is None:
        return _put(label_table(events, arguments.reviewer, vocabulary=vocabulary), None)
    path = write_labels(arguments.output, events, reviewer=arguments.reviewer, vocabulary=vocabulary)
    rows = len(label_table(events, arguments.reviewer))
    print(f"{path}: {rows} label{'s' * (rows != 1)}")
    return OK


def _history(arguments: argparse.Namespace) -> int:
    from specviz.session.vetting.label_tables import history_table

    events = [e for e in _events([arguments.journal]) if arguments.star in (None, e.star)]
    if arguments.star and not events:
        raise SpecvizError(f"Nothing was said of {arguments.star}", expected="the name of a star in the journal")
    return _put(history_table(events, arguments.reviewer, vocabulary=_vocabulary(arguments)), arguments.output)


def _import(arguments: argparse.Namespace) -> int:
    return _bring(arguments, arguments.journal)


def _merge(arguments: argparse.Namespace) -> int:
    return _bring(arguments, arguments.output)


def _bring(arguments: argparse.Namespace, into: Path) -> int:
    from specviz.session.vetting.exchange import merge
    from specviz.session.vetting.places import journal_path

    report = merge(
        arguments.files, journal_path(into), reviewer=arguments.reviewer, vocabulary=_vocabulary(arguments),
        unknown="keep" if arguments.keep_unknown else "refuse",
    )  # fmt: skip
    print(report.text)
    return OK


def _agree(arguments: argparse.Namespace) -> int:
    from specviz.session.vetting.agreement import agreement
    from specviz.session.vetting.conflicts import labels_of

    weights: Weights = "" if arguments.weights == "none" else arguments.weights
    found = agreement(
        labels_of(_events(arguments.files)), _vocabulary(arguments), weights=weights, unsure=arguments.unsure
    )
    if arguments.output is not None:
        return _put(found.table(), arguments.output)
    lines = found.text.split("\n")
    flags = [k.text for k in found.kappas if k.of.startswith("flag") and k.kappa.n and k.kappa.agreement < 1]
    print("\n".join([*lines[:-1], *flags, lines[-1]]))
    return OK


def _conflicts(arguments: argparse.Namespace) -> int:
    from specviz.session.vetting.conflicts import Apart, conflict_table, conflicts, labels_of

    vocabulary = _vocabulary(arguments)
    apart = Apart(quality=arguments.quality, flags=arguments.flags)
    found = conflicts(labels_of(_events(arguments.files)), vocabulary.unsure, apart)
    kept = [c for c in found if c.decision is None or not arguments.open]
    if not kept and arguments.output is None:
        print("no conflicts")
        return OK
    return _put(conflict_table(kept), arguments.output)


def _consensus(arguments: argparse.Namespace) -> int:
    from specviz.session.vetting.conflicts import consensus

    return _put(consensus(_events(arguments.files), _vocabulary(arguments)), arguments.output)
