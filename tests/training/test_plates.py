"""The split of the real training set: nothing of one plate or one star on two sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from specviz.training.plates import TEST, TRAIN, VALIDATION, group_by_plate_and_star, split_plates


def test_a_star_joins_its_plates_and_a_plate_its_stars() -> None:
    planid = ["a", "a", "b", "b", "c", "d"]
    ra, dec = [10.0, 11.0, 11.0 + 2 / 3600, 13.0, 14.0, 14.0], [0.0, 0.0, 0.0, 0.0, 0.0, 5 / 3600]
    # a and b share the star at ra 11 (2 arcsec apart); c and d are 5 arcsec apart: two stars.
    np.testing.assert_array_equal(group_by_plate_and_star(planid, ra, dec), [0, 0, 0, 0, 1, 2])


def test_real_plates_are_split_as_the_card_says(shared: Path) -> None:
    with np.load(shared / "data" / "lamost_dr10_afg_train.npz") as f:
        planid, ra, dec, teff, snrg = (f[k] for k in ("planid", "ra", "dec", "teff", "snrg"))
    part = split_plates(planid, ra, dec)
    np.testing.assert_array_equal(part, split_plates(planid, ra, dec))
    parts = [set(planid[part == p]) for p in (TRAIN, VALIDATION, TEST)]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
    assert 0.2 < np.mean(part == TEST) < 0.25 and 0.1 < np.mean(part == VALIDATION) < 0.16
    trusted = (part == TEST) & (teff < 7000) & (snrg > 20)
    assert (trusted.sum(), len(parts[2])) == (239, 34)  # the stars and plates of the published figure
    xyz = np.stack([np.cos(np.radians(dec)) * np.cos(np.radians(ra)), np.cos(np.radians(dec)) * np.sin(np.radians(ra)),
                    np.sin(np.radians(dec))], axis=1)  # fmt: skip
    nearest = (xyz[part == TEST] @ xyz[part != TEST].T).max()
    assert np.degrees(np.arccos(min(1.0, nearest))) * 3600 > 3.0
