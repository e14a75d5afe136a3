"""Where a star stands in a plane of the map: the model's values with errors, the catalogue's, the posterior's contour."""

from __future__ import annotations

import math

from specviz.session.state import Report, Star
from specviz.views import density

Value = tuple[float, float, float]  # value, lower and upper end of the error bar


def value_of(column: str, report: Report) -> Value | None:
    """The star's value of an axis: the model's for a label, what was observed for colour and magnitude."""
    star = report.star
    if column == "bp_rp":
        colour = listed(star, "bp_rp")
        return None if colour is None else (colour, colour, colour)
    if column == "m_g":
        return absolute_g(star)
    if report.posterior is None:
        return None
    found = report.posterior.summary().get(column)
    if found is None or not math.isfinite(found[0]):
        return None
    middle, low, high = found
    return (middle, low, high) if math.isfinite(low) and math.isfinite(high) else (middle, middle, middle)


def place(columns: tuple[str, str], report: Report) -> tuple[Value, Value] | None:
    """The star's values of both axes; None if one is not known."""
    x, y = (value_of(c, report) for c in columns)
    return None if x is None or y is None else (x, y)


def catalogue_place(columns: tuple[str, str], star: Star) -> tuple[float, float] | None:
    """What catalogues say, for the diamond; None where they have no opinion other than what was observed."""
    x, y = (listed(star, c) for c in columns)
    if columns[1] == "m_g" and columns[0] != "bp_rp":
        observed = absolute_g(star)
        y = None if observed is None else observed[0]
    return None if x is None or y is None else (x, y)


def absolute_g(star: Star) -> Value | None:
    """M_G with the error of the parallax, extinction left in; None without a magnitude and a distance."""
    g = listed(star, "g_mag")
    parallax, error = listed(star, "parallax"), listed(star, "parallax_err")
    if g is None:
        return None
    if parallax is not None and parallax > 0:
        middle = g + 5.0 * math.log10(parallax / 100.0)
        spread = 0.0 if error is None else 5.0 / math.log(10.0) * error / parallax
        return middle, middle - spread, middle + spread
    distance = listed(star, "distance_pc") or listed(star, "distance")
    if distance is None or distance <= 0:
        return None
    middle = g - 5.0 * math.log10(distance / 10.0)
    return middle, middle, middle


def listed(star: Star, name: str) -> float | None:
    """A number of the star's catalogues, the leading one first."""
    for row in (star.catalogue, *star.catalogues.values()):
        value = row.get(name)
        try:
            number = float(value) if value is not None else math.nan
        except (TypeError, ValueError):
            number = math.nan
        if math.isfinite(number):
            return number
    return None


def outline(columns: tuple[str, str], report: Report) -> dict[str, list[list[float]]]:
    """The 68 % contour of the posterior in a plane of two labels; empty for other planes."""
    posterior = report.posterior
    if posterior is None or any(c not in posterior.names or c in posterior.points for c in columns):
        return {"xs": [], "ys": []}
    xs, ys = density.contour(posterior[columns[0]], posterior[columns[1]])
    return {"xs": xs, "ys": ys}
