"""``Oddity``: why a star is odd, score by score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from specviz.analysis.report import Reason

#: The scores, in the order in which they are shown.
NAMES = ("misfit", "latent", "cross_modal", "catalogue", "double_lines", "emission")
#: What they are called on screen and in tables.
TITLES: Mapping[str, str] = {
    "misfit": "Misfit to the model",
    "latent": "Place in the embedding",
    "cross_modal": "LAMOST against XP",
    "catalogue": "Against catalogues",
    "double_lines": "Double lines",
    "emission": "Emission lines",
}


@dataclass(frozen=True)
class ScoreValue:
    """One score of one star.

    Parameters
    ----------
    name : str
        One of :data:`NAMES`.
    value : float
        Larger = odder; NaN where there is none.
    unit : str
        Of ``value``: "sigma", "km / s" ..., "" for a plain number.
    rarity : float
        Fraction of the reference stars that are at least as odd by this score, 0 to 1; NaN where there is no reference.
        Never below ``1 / (n + 1)`` of ``n`` reference stars: nothing rarer can be known from them.
    text : str
        One sentence for a person.
    reasons : tuple of Reason
        The stretches of spectrum where it shows.
    absent : str
        Why there is no value; "" where there is one.
    """

    name: str
    value: float = float("nan")
    unit: str = ""
    rarity: float = float("nan")
    text: str = ""
    reasons: tuple[Reason, ...] = ()
    absent: str = ""

    @property
    def title(self) -> str:
        """What the score is called on screen."""
        return TITLES.get(self.name, self.name)


@dataclass(frozen=True)
class Oddity:
    """How odd a star is, and by what.

    Parameters
    ----------
    scores : tuple of ScoreValue
        Every score of :data:`NAMES`, the absent ones too.
    score : float
        All of them in one number: -log10 of the harmonic mean of their tail probabilities
        (:func:`specviz.catalog.outliers.tails.harmonic`); 0 to 1 is ordinary, there is no upper end. NaN where nothing
        could be compared.
    percentile : float
        Of ``score`` among the reference stars, 0 to 100; NaN without a reference.
    leading : str
        The score with the smallest tail probability; "" where there is none.
    n_reference : int
        Reference stars that ``percentile`` rests on.
    reference : str
        Who they are, in words.
    """

    scores: tuple[ScoreValue, ...] = ()
    score: float = float("nan")
    percentile: float = float("nan")
    leading: str = ""
    n_reference: int = 0
    reference: str = ""

    def __getitem__(self, name: str) -> ScoreValue:
        """The score of that name."""
        for one in self.scores:
            if one.name == name:
                return one
        raise KeyError(f"no score {name!r}; it has {', '.join(s.name for s in self.scores)}")

    @property
    def text(self) -> str:
        """The sentence of the score that leads."""
        return self[self.leading].text if self.leading else "Nothing could be compared with reference stars"

    def __repr__(self) -> str:
        if not self.leading:
            return "<Oddity: nothing to compare>"
        return f"<Oddity {self.score:.1f}, above {self.percentile:.1f} % of {self.n_reference} stars: {self.text}>"
