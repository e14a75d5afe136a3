"""The bench of the dials: what it waits for, and the line that it prints."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from specviz.benchmarks.dials import _LABELS, answers, said


class _Session:
    """Answers each change at once, after one that is stale."""

    def __init__(self) -> None:
        fitted = SimpleNamespace(label=lambda name: SimpleNamespace(name=name, low=0.0, high=1.0))
        self.state, self._hear = self._with({}, fitted), print
        self._fitted, self.asked = fitted, list[dict[str, float]]()

    @staticmethod
    def _with(dials: dict[str, float], fitted: Any) -> Any:
        answer = SimpleNamespace(fitted=fitted, turned=SimpleNamespace(dials=dials) if dials else None)
        return SimpleNamespace(study=SimpleNamespace(answer=answer))

    def subscribe(self, hear: Any) -> Any:
        self._hear = hear
        return lambda: None

    def set(self, dials: Any) -> None:
        self._hear(None, self.state)
        self.asked.append(dict(dials))
        self.state = self._with(dict(dials), self._fitted)
        self._hear(None, self.state)


def test_every_change_is_timed_to_its_own_answer() -> None:
    session = _Session()
    times = answers(session, n=60)
    assert len(times) == 60 and min(times) >= 0
    assert {next(iter(d)) for d in session.asked} == set(_LABELS)
    assert all(a != b for a, b in zip(session.asked, session.asked[1:], strict=False))


def test_a_line_has_median_95th_percentile_and_the_slowest() -> None:
    assert said("answer", [10.0] * 19 + [30.0]).split() == ["answer", "10.0", "29.0", "30.0", "ms"]
