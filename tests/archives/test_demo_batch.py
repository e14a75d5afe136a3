"""Demo stars of a list, rendered together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from specviz.archives.demo import DemoArchive
from specviz.archives.demo_batch import demo_together


def test_named_demo_stars_are_those_that_come_one_by_one_and_the_rest_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo 41").write_text("a file of that name")
    given = ["demo 40", "HD 1", Path("x.fits"), "DEMO  42", "demo 41", "demo 99999999", "demo 0"]
    got = demo_together(given)
    archive = DemoArchive()
    for i, name in ((0, "demo 40"), (3, "demo 42")):
        assert got[i].name == name
        one = archive.fetch(name).spectra["lamost_lrs"]
        np.testing.assert_allclose(got[i].spectra["lamost_lrs"].flux, one.flux, rtol=1e-5)
    assert [got[i] for i in (1, 2, 4, 5, 6)] == [given[i] for i in (1, 2, 4, 5, 6)]
    assert demo_together([]) == []
