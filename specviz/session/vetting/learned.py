"""``Learned``: what was learned of labels, as a view shows it."""

from __future__ import annotations

from dataclasses import dataclass

from specviz.catalog.honesty import Honesty


@dataclass(frozen=True, eq=False)
class Learned:
    """``Vet.learned``.

    Parameters
    ----------
    by, klass : str
        The order: "useful", or "like" and the class.
    of : str
        Whose labels: "mine" or "consensus".
    n_labels : int
        Labels it was learned from; 0 before the first time.
    honesty : Honesty or None
        What labels that were kept out say of it.
    text : tuple of str
        The same as lines for a person, and what else there is to know.
    when : str
        ISO 8601 UTC.
    coverage, total : int
        Stars with an embedding, of how many: the others keep their places at the end.
    every : int
        It is learned again after so many more labels; 0: only when asked.
    running : str
        What is going on now, "" if nothing is.
    progress : float or None
        0 to 1.
    problem : str
        Why nothing was learned the last time, "" if it was. The order is what it was before.
    """

    by: str = ""
    klass: str = ""
    of: str = "mine"
    n_labels: int = 0
    honesty: Honesty | None = None
    text: tuple[str, ...] = ()
    when: str = ""
    coverage: int = 0
    total: int = 0
    every: int = 10
    running: str = ""
    progress: float | None = None
    problem: str = ""

    @property
    def order(self) -> str:
        """Name of the order: "useful" or "like:CLASS"."""
        return order_name(self.by, self.klass)


def order_name(by: str, klass: str = "") -> str:
    """``Vet.order_by`` of a learned order."""
    return f"like:{klass}" if by == "like" else by


def is_learned(order: str) -> bool:
    """Whether an order is one of these."""
    return order == "useful" or order.startswith("like:")
