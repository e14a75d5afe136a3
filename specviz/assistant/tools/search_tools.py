"""Tools that look among many stars, write files, and say what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from specviz.assistant.desk import Desk
from specviz.assistant.model_names import model_here
from specviz.assistant.tools.model_tools import made_by
from specviz.assistant.tools.registry import Registry
from specviz.assistant.tools.result import Answer, rounded
from specviz.errors import NotFoundError, OptionError, SpecvizError

tools = Registry()
#: Most stars that one answer lists, and that one question ranks.
MOST, RANKED = 50, 500


@tools.add
def similar(desk: Desk, k: int = 5, by: Literal["any", "lamost", "xp"] = "any", model: str = "") -> Answer:
    """The stars of the catalogue at hand that look most like the star in hand.

    Parameters
    ----------
    k : int
        How many, 1 to 50.
    by : str
        Which of its spectra is compared.
    model : str
        Name of a model; the usual one if empty.
    """
    from specviz import api

    if not 1 <= k <= MOST:
        raise OptionError(f"k={k}", expected=f"1 to {MOST} stars")
    report, engine = desk.report(model), desk.engine(model)
    wanted = {"lamost": ("lamost_lrs", "sdss", "other"), "xp": ("gaia_xp",)}.get(by, tuple(report.embeddings))
    survey = next((s for s in wanted if s in report.embeddings), None)
    if survey is None:
        raise NotFoundError(f"{report.star.name} has no such spectrum to compare", expected="lamost, xp or any")
    index = api.demo_catalog(engine, "gaia_xp" if survey == "gaia_xp" else "lamost_lrs")
    table = index.search(report.embeddings[survey], k=k, exclude=report.star.name)
    columns = [c for c in ("class", "teff", "logg", "fe_h") if c in table.colnames]
    rows = [
        {
            "rank": int(row["rank"]), "star": str(row["object_id"]), "similarity": rounded(row["similarity"], 4),
            **{c: str(row[c]) if c == "class" else rounded(row[c]) for c in columns},
        }
        for row in table
    ]  # fmt: skip
    data = {"star": report.star.name, "among": len(index), "of": "simulated stars", "stars": rows}
    return Answer("similar", data, {"table": table, "report": report, "survey": survey}, made_by(report))


@tools.add
def outliers(desk: Desk, names: list[str], k: int = 5) -> Answer:
    """Rank several stars by how odd they are, each with a sentence why.

    Parameters
    ----------
    names : list of str
        Demo stars or uploaded files, at most 500.
    k : int
        How many of the oddest are told.
    """
    from specviz.app.outliers import outliers as rank

    if len(names) < 2 or len(names) > RANKED:
        raise OptionError(f"{len(names)} stars", expected=f"2 to {RANKED}")
    ranking = rank([desk.find(n) for n in names], model=desk.model, device=desk.device, online=False,
                   samples=500, cancel=desk.cancelled)  # fmt: skip
    table = ranking.table
    rows = [
        {
            "rank": int(row["rank"]),
            "star": str(row["name"]),
            "percentile": rounded(row["percentile"], 4),
            "why": str(row["reason"] or row["problem"]),
        }
        for row in table[: max(1, k)]
    ]
    return Answer("outliers", {"stars": len(names), "oddest": rows}, {"table": table}, {"model": desk.model})


@tools.add
def abundances(desk: Desk, only: list[str] | None = None) -> Answer:
    """Fit 28 labels (Teff, log g, velocities, 24 elements) to the LAMOST spectrum of the star in hand; a few seconds.

    Parameters
    ----------
    only : list of str
        Only these labels (fe_h, mg_fe, ca_fe ...).
    """
    from specviz.analysis.abundances import fit_abundances

    found = fit_abundances(desk.in_hand(), desk.engine(), cancel=desk.cancelled)
    table = found.table()
    rows = [
        {
            "label": str(row["label"]), "unit": str(row["unit"]), "value": rounded(row["value"]),
            "error": rounded(row["error"], 2), "decided_by_prior": str(row["note"]) == "prior",
        }
        for row in table if not only or row["label"] in only
    ]  # fmt: skip
    if not rows:
        raise OptionError(f"No label {', '.join(only or [])[:60]}", expected=", ".join(table["label"]))
    made = {"model": found.emulator, "weights": found.weights_sha256[:12], "start": found.started_by}
    return Answer("abundances", {"star": desk.in_hand().name, "labels": rows}, {"table": table}, made)


@tools.add(reaches="disk")
def export(
    desk: Desk,
    what: Literal["labels", "posterior", "spectra", "predictions", "similar", "report"],
    file: str,
) -> Answer:
    """Write something of the star in hand to a file of this machine.

    Parameters
    ----------
    what : str
        What is written.
    file : str
        Name of the file, without a folder: .fits, .ecsv, .vot or .csv.
    """
    from specviz.analysis.export import export_bytes
    from specviz.spectra.writers.tables import output_format

    name = Path(file)
    if name.name != file or file.startswith(".") or not file.strip():
        raise OptionError(f"file={file[:60]!r}", expected="a plain name such as labels.ecsv, without a folder")
    path, kind = desk.folder / name, output_format(name)
    report = desk.report()
    near: Any = None
    if what == "similar":
        near = desk.last("similar")
        if near is None or near.data["star"] != report.star.name:
            near = desk.keep(similar(desk))
    content = export_bytes(report, what, kind, neighbours=None if near is None else near.shown["table"])
    try:
        with path.open("xb") as stream:  # never over a file that is there
            stream.write(content)
    except FileExistsError:
        raise SpecvizError(f"There is a file {file} already", remedy="Say another name") from None
    except OSError as error:
        raise SpecvizError(f"{file} cannot be written ({error.strerror})", remedy="Say another name") from error
    return Answer("export", {"star": report.star.name, "what": what, "file": file}, {"path": path}, made_by(report))


@tools.add
def models(desk: Desk) -> Answer:
    """The models that are on this machine, and the one that is asked."""
    from specviz.models.registry import list_models

    rows = [{"name": name, "what": text} for name, text in list_models().items()]
    return Answer("models", {"asked": desk.model, "models": rows})


@tools.add
def use_model(desk: Desk, name: str) -> Answer:
    """Ask another model from now on.

    Parameters
    ----------
    name : str
        Of the models that are on this machine.
    """
    desk.model = model_here(name, desk.model)
    return Answer("use_model", {"model": desk.model})
