"""An oddity made by hand, of the kinds of rows that there are."""

from __future__ import annotations

from specviz.analysis.report import Reason
from specviz.catalog.outliers.oddity import Oddity, ScoreValue

HALPHA = Reason("Hα", "star", 6565.0, 6558.0, 6572.0, 14.0)
NITROGEN = Reason("[N II] <b>", "star", 6585.0, 6581.0, 6590.0, 9.0)


def make_oddity() -> Oddity:
    scores = (
        ScoreValue("misfit", 2.4, "sigma", 0.02, "The spectrum differs from the model: 1 in 50 reference stars."),
        ScoreValue("latent", 0.31, "", 0.6, "An ordinary place."),
        ScoreValue("cross_modal", absent="no Gaia XP spectrum"),
        ScoreValue("catalogue", 1.1, "sigma", 0.3, "Catalogues agree."),
        ScoreValue("double_lines", 12.0, "km / s", 0.9, "Single lines."),
        ScoreValue("emission", 14.2, "sigma", 0.0004, "Hα <i>in emission</i>.", (HALPHA, NITROGEN)),
    )
    return Oddity(scores, 3.4, 99.96, "emission", 2000, "simulated stars")
