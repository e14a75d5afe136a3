"""Every label of a star as a short table: the corner plot and the tiles show the leading four."""

from __future__ import annotations

from specviz.session.state import Report
from specviz.views import formats, stylesheet

_SURVEYS = {"lamost_lrs": "LAMOST", "gaia_xp": "XP", "sdss": "SDSS", "other": ""}
CSS = f"""
:host {{ display: block; overflow: hidden auto; box-sizing: border-box; scrollbar-width: thin; }}
table {{ border-collapse: collapse; width: 100%; table-layout: fixed; font-variant-numeric: tabular-nums; }}
th, td {{ height: 27px; padding: 0 4px; border-bottom: 1px solid var(--jp-border-color3, var(--jp-border-color2));
  text-align: right; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; font-weight: 400; }}
th {{ position: sticky; top: 0; background: var(--jp-layout-color1); font-size: 12px; color: {stylesheet.QUIET}; }}
tr > :first-child {{ text-align: left; padding-left: 0; }} tr > :nth-child(4) {{ text-align: left; }}
td:nth-child(3), td:nth-child(4) {{ font-size: 12px; }} td:nth-child(5) {{ color: var(--sv-catalogue); }}
td:nth-child(4), small {{ color: {stylesheet.QUIET}; }} small {{ font-size: 12px; padding-left: 6px; }}
"""
_HEAD = (
    '<colgroup><col style="width:29%"><col style="width:17%"><col style="width:25%"><col style="width:13%"><col>'
    "</colgroup><thead><tr><th>Label</th><th>Median</th><th>68 %</th><th>Unit</th>"
    '<th><span aria-label="Catalogue">\N{WHITE DIAMOND} Cat.</span></th></tr></thead>'
)


def table_html(report: Report | None) -> str:
    """Label, median, upper and lower error, unit, and the catalogue's value; "" without a posterior.

    A label that the leading spectrum does not give says which one does.
    """
    rows = []
    for name, (survey, (median, low, high)) in ({} if report is None else report.labels).items():
        assert report is not None
        up, down = formats.error_pair(name, median, low, high)
        errors = f"{up} {down}" if up else formats.DASH
        note = formats.text(report.posteriors[survey].notes.get(name, ""), 200)
        source = "" if survey == report.survey else f"<small>{formats.text(_SURVEYS.get(survey, survey))}</small>"
        known = formats.label(name, report.star.catalogue.get(name))
        rows.append(
            f'<tr title="{note}"><td>{formats.heading_html(name)}{source}</td>'
            f"<td>{formats.label(name, median)}</td><td>{errors}</td><td>{formats.unit(name)}</td><td>{known}</td></tr>"
        )
    return f'<table aria-label="All labels">{_HEAD}<tbody>{"".join(rows)}</tbody></table>' if rows else ""


def has_more(report: Report | None, shown: tuple[str, ...]) -> bool:
    """Whether a report has labels beside the ones that are shown anyway."""
    return report is not None and any(name not in shown for name in report.labels)
