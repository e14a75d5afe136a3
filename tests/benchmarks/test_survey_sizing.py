"""The sizing of whole surveys: its arithmetic against real files, its words, its prices."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.benchmarks import survey_sizing as sizing
from specviz.catalog.search.building import build_index
from specviz.catalog.store.header import Header
from specviz.catalog.store.star_catalog import StarCatalog


def test_index_bytes_are_those_of_an_index_that_was_built(tmp_path):
    rng = np.random.default_rng(0)
    catalog = StarCatalog.create(tmp_path / "c", Header("none", "0", "0" * 64, "none", {"s": 16}))
    catalog.append({"object_id": np.arange(3000).astype(str)}, {"s": rng.standard_normal((3000, 16), np.float32)})
    for kind in ("ivf-fp16", "ivf-pq"):
        record = build_index(catalog, "s", kind, again=True)
        whole, learned = sizing.index_bytes(3000, 16, kind)
        assert sum(record.bytes.values()) == pytest.approx(whole, abs=4096)
        assert record.bytes[".faiss"] == pytest.approx(learned, abs=2048)


def test_every_number_says_where_it_is_from():
    rates = [
        sizing.Rate("cpu", "small", {"lamost_lrs": 1000.0, "gaia_xp": 10_000.0}, sizing.MEASURED),
        *(sizing.Rate(key, name, stars, "on paper, not run") for key, name, stars in sizing.PUBLISHED),
    ]
    told = sizing.time_table(rates, 2, {"cpu": 0.5})
    small, published = told.splitlines()[1:3]
    assert small.endswith("measured") and published.endswith("on paper, not run")
    hours = 11e6 / 1000.0 / 3600.0
    assert f"{hours / 2:.1f}" in small.split() and f"{0.5 * hours:,.2f}" in small.split()
    assert small.split().count("-") == 0 and published.split().count("-") == 2  # no price for it
    for text in (sizing.bytes_table(100.0), sizing.reading_table(2.5e8, 4e9), sizing.reading_table(None, 4e9)):
        for line in text.splitlines():
            if any(cell.replace(".", "").isdigit() for cell in line.split("   ")[-2:]):
                assert sizing.ARITHMETIC in line or sizing.MEASURED in line
    assert "337.92" in sizing.bytes_table(100.0)  # 220 M x 768 x 2 bytes
    assert "not measured" in sizing.reading_table(None, 4e9)


def test_prices_are_put_in_for_all_devices_or_for_one():
    assert sizing.prices_of(["0.1", "v100=2.5"]) == {"": 0.1, "v100": 2.5}
    for wrong in ("cheap", "cpu=-1", "cpu=nan"):
        with pytest.raises(ValueError):
            sizing.prices_of([wrong])
    with pytest.raises(SystemExit):
        sizing.main(["--price-per-hour", "cheap"])


def test_what_is_measured_quickly_is_measured():
    assert 30 < sizing.parquet_bytes(2000) < 200
    assert sizing.exact_rate(2000, 32) > 1e6
    assert sizing.small_model(8).stars.keys() == {"lamost_lrs", "gaia_xp"}
    rate = sizing.disk_rate(1 << 22)
    assert rate is None or rate > 0
