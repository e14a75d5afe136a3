"""SpectraFM behind the protocol: any grid, bags, requests, its files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from specviz.errors import CheckpointError, CoverageError, ModelError
from specviz.models.protocol import Prepared, StellarModel
from specviz.models.spectrafm.asking import combined
from specviz.models.spectrafm.config import SpectraFMConfig
from specviz.models.spectrafm.model import LABELS, SpectraFM
from specviz.models.spectrafm.modules import SpectraFMNet
from specviz.models.spectrafm.pixels import PixelScale, binned, binning, deal
from specviz.models.spectrafm.published import apogee_wavelength, published
from specviz.models.spectrafm.weights_file import read, write
from specviz.spectra.grids import LAMOST_NATIVE
from specviz.spectra.readers import read as read_star
from specviz.spectra.spectrum import Spectrum


@pytest.fixture(scope="module")
def model() -> SpectraFM:
    return SpectraFM.untrained(context=100)


def made_up(wave: np.ndarray, seed: int = 0, **more: Any) -> Spectrum:
    rng = np.random.default_rng(seed)
    flux = 100.0 * (1.0 - 0.4 * np.exp(-(((wave - 4862.7) / 8.0) ** 2))) + rng.normal(0, 2, wave.size)
    return Spectrum(wave, flux, np.full(wave.size, 0.25), **more)


def prepared(n: int = 600, seed: int = 0) -> Prepared:
    rng = np.random.default_rng(seed)
    wave = np.geomspace(3750.0, 9000.0, n)
    values = rng.normal(0.95, 0.05, n).astype(np.float32)
    return Prepared("lamost_lrs", wave, values, np.full(n, 400.0, np.float32), 1.0)


def test_it_meets_the_protocol(model: SpectraFM) -> None:
    assert isinstance(model, StellarModel)
    card = model.describe()
    assert card.labels["lamost_lrs"] == LABELS and card.surveys == ("lamost_lrs",)
    with pytest.raises(ModelError, match="makes no spectra"):
        model.reconstruct(model.embed([prepared()]))


def test_a_real_spectrum_is_asked(shared: Path, model: SpectraFM) -> None:
    path = sorted((shared / "data" / "lamost_dr10").glob("*.fits*"))[0]
    spectrum = read_star(path).spectra["lamost_lrs"]
    one = model.prepare(spectrum)
    assert np.isfinite(one.values).all() and 0.8 < np.median(one.values) < 1.05
    asked = model.ask(spectrum, 5000.0, 7000.0, ["fe_h", "teff"])
    assert asked.labels == ("fe_h", "teff") and asked.value.shape == asked.error.shape == asked.scatter.shape == (2,)
    inside = (asked.wavelength > 5000) & (asked.wavelength < 7000)
    assert np.isnan(asked.attention[:, ~inside]).all()
    assert asked.pixels == np.isfinite(asked.attention[0]).sum() and asked.n_bags == -(-asked.pixels // 100)
    np.testing.assert_allclose(np.nanmean(asked.attention, axis=1), 1.0, rtol=1e-5)
    assert (asked.error > 0).all() and (asked.scatter > 0).all()


def test_labels_are_answered_alike_whatever_else_is_asked(model: SpectraFM) -> None:
    every, one = model.ask(prepared()), model.ask(prepared(), labels=["mg_fe"])
    k = every.labels.index("mg_fe")
    assert one.value[0] == pytest.approx(every.value[k], abs=1e-5)
    posterior = model.posterior(model.embed([prepared()]))[0]
    assert np.median(posterior["mg_fe"]) == pytest.approx(every.value[k], abs=0.05 * every.error[k])
    assert posterior["mg_fe"].std() == pytest.approx(every.error[k], rel=0.05)


def test_pixels_without_a_measurement_change_nothing(model: SpectraFM) -> None:
    one = prepared()
    hole = np.zeros(600, bool)
    hole[40:90] = hole[300] = True
    ivar = np.where(hole, 0.0, one.ivar).astype(np.float32)
    spoiled = [replace(one, ivar=ivar, values=np.where(hole, v, one.values).astype(np.float32)) for v in (1.0, 0.3)]
    without = Prepared("lamost_lrs", one.wavelength[~hole], one.values[~hole], one.ivar[~hole], 1.0)
    answers = [model.ask(p) for p in (*spoiled, without)]
    for other in answers[1:]:
        np.testing.assert_allclose(other.value, answers[0].value, rtol=1e-5)
        np.testing.assert_allclose(other.error, answers[0].error, rtol=1e-4)
    assert np.isnan(answers[0].attention[:, hole]).all()
    vectors = model.embed([*spoiled, without]).vectors
    np.testing.assert_allclose(vectors[1:], vectors[[0, 0]], atol=1e-5)


def test_a_value_that_is_no_measurement_is_left_out() -> None:
    scale = PixelScale(np.array([4000.0, 5000.0]), np.array([0.9, 1.0]), np.array([0.1, 0.1]))
    found = scale.standardised(np.array([4000.0, 4500.0, 5000.0, 4100.0, 6000.0]), np.array([0.9, 1.05, 0.9, 3.0, 1.0]))
    np.testing.assert_allclose(found, [0.0, 1.0, -1.0, np.nan, np.nan], atol=1e-6)
    with pytest.raises(CheckpointError, match="not positive"):
        PixelScale(scale.wavelength, scale.centre, np.array([0.1, 0.0]))


def test_a_stars_answers_do_not_depend_on_its_company(model: SpectraFM) -> None:
    alone = model.embed([prepared(250, 1)])
    among = model.embed([prepared(600, 2), prepared(250, 1), prepared(90, 3)])
    np.testing.assert_allclose(among.vectors[1], alone.vectors[0], atol=1e-5)
    a, b = (model.posterior(e)[i].summary()["teff"] for e, i in ((alone, 0), (among, 1)))
    assert a == pytest.approx(b, rel=1e-5)
    assert not np.allclose(among.vectors[0], among.vectors[1], atol=1e-4)


@pytest.mark.parametrize(("n", "context"), [(1, 10), (10, 10), (11, 10), (647, 160)])
def test_bags_hold_every_pixel_once(n: int, context: int) -> None:
    bags = deal(n, context, 3)
    assert sorted(np.concatenate(bags).tolist()) == list(range(n))
    assert len(bags) == -(-n // context) and max(map(len, bags)) - min(map(len, bags)) <= 1
    assert all((x == y).all() for x, y in zip(bags, deal(n, context, 3), strict=True))


def test_answers_of_bags_are_put_together() -> None:
    value, log_variance = np.array([[1.0], [3.0]]), np.log(np.array([[4.0], [4.0]]))
    mean, variance, scatter = combined(value, log_variance)
    assert mean[0] == 2.0 and scatter[0] == pytest.approx(np.sqrt(2.0))
    assert variance[0] == pytest.approx(4.0 - 2.0 * 0.5)  # what bags differ in is averaged down, the rest is common
    assert combined(np.array([[0.0], [9.0]]), log_variance)[1][0] == pytest.approx(2.0)  # never below 1 / n
    assert np.isnan(combined(value[:1], log_variance[:1])[2][0])
    unequal = combined(value, np.log(np.array([[1.0], [3.0]])))[0]
    assert unequal[0] == pytest.approx(1.5)


def test_other_grids_and_parts_of_a_spectrum_are_read(model: SpectraFM) -> None:
    for wave in (LAMOST_NATIVE, np.arange(3800.0, 9200.0, 3.0), np.arange(5900.0, 9000.0, 10.0)):
        one = model.prepare(made_up(wave, survey="other"))
        assert one.survey == "lamost_lrs" and one.wavelength[0] >= model.window[0]
        assert model.ask(one).pixels == one.wavelength.size
    with pytest.raises(CoverageError, match="usable pixels"):
        model.prepare(made_up(np.arange(9080.0, 11_000.0, 5.0)))
    with pytest.raises(CoverageError, match="in this range"):
        model.ask(made_up(LAMOST_NATIVE), 5000.0, 5010.0)
    with pytest.raises(ModelError, match=r"gives no o_fe"):
        model.ask(made_up(LAMOST_NATIVE), labels=["o_fe"])
    with pytest.raises(ModelError, match="reads no Gaia XP"):
        model.prepare(made_up(np.arange(336.0, 1021.0, 2.0), survey="gaia_xp"))


def test_the_velocity_is_removed_without_resampling(model: SpectraFM) -> None:
    still, moving = (model.prepare(made_up(LAMOST_NATIVE, meta={"rv": v})) for v in (1e-9, 150.0))
    factor = 1.0 + 150.0 / 299_792.458
    nearest = np.searchsorted(moving.wavelength, still.wavelength[100] / factor)
    near = moving.wavelength[nearest - 1 : nearest + 1] * factor
    assert np.abs(near - still.wavelength[100]).min() < 0.01


def test_neighbouring_pixels_are_averaged() -> None:
    wave = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    values, ivar = np.array([1.0, 3.0, 5.0, 7.0, 9.0]), np.array([4.0, 4.0, 0.0, 1.0, 1.0])
    w, v, i = binned(wave, values, ivar, 2)
    assert w.tolist() == [1.5, 3.5] and v.tolist() == [2.0, 7.0] and i.tolist() == [8.0, 1.0]
    assert binned(wave, values, np.zeros(5), 2)[1].tolist() == [1.0, 1.0]
    assert binning(LAMOST_NATIVE, 6e-4) == 6 and binning(LAMOST_NATIVE, 1e-5) == 1


def test_a_spectrum_without_errors_loses_its_masked_pixels(model: SpectraFM) -> None:
    mask = np.zeros(LAMOST_NATIVE.size, bool)
    mask[1000:1100] = True
    spectrum = Spectrum(LAMOST_NATIVE, made_up(LAMOST_NATIVE).flux, mask=mask)
    one = model.prepare(spectrum)
    assert (one.ivar == 0).all() and one.wavelength.size == model.prepare(made_up(LAMOST_NATIVE)).wavelength.size - 100
    assert model.ask(one).pixels == one.wavelength.size


def test_weights_are_written_and_read(model: SpectraFM, tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    digest = write(model.weights, path)
    again = SpectraFM.from_file(path, sha256=digest)
    a, b = model.ask(prepared()), again.ask(prepared())
    assert (np.abs(b.value - a.value) < 0.02 * a.error).all()  # float16 storage
    assert again.describe().weights_sha256 == digest and again.label_names == model.label_names
    with pytest.raises(CheckpointError):
        SpectraFM.from_file(path, sha256="0" * 64)


def test_files_that_are_none_are_refused(model: SpectraFM, tmp_path: Path) -> None:
    from specviz.models.checkpoint_reader import load_weights, save_weights

    path = tmp_path / "own.safetensors"
    write(model.weights, path)
    tensors, about = load_weights(path)
    for change, text in (
        ({"format": "specviz-lux-1"}, "format"),
        ({"labels": "{}"}, "does not fit"),
        ({"card": "not JSON"}, "lacks the description"),
        ({"config": json.dumps({**json.loads(about["config"]), "encoder_dense": 32})}, "does not fit"),
    ):
        save_weights(path, tensors, {**about, **change})
        with pytest.raises(CheckpointError, match=text):
            read(path)


def official_name(name: str) -> str:
    """The published name of one of our tensors."""
    first, _, rest = name.partition(".")
    if first == "embedding":
        return "embedding_layer." + {"table": "embeddings", "bias": "bias"}[rest]
    number, _, inside = rest.partition(".")
    if first in ("encoder", "decoder"):
        for ours, theirs in (
            ("wide", "dense_1"),
            ("narrow", "dense_2"),
            ("norm_attention", "layernorm_1"),
            ("norm_dense", "layernorm_2"),
        ):
            inside = inside.replace(ours + ".", theirs + ".")
        return f"torch_{first}.{first}_transformer_block_{int(number) + 1}.{inside}"
    if first == "head":
        return f"torch_decoder.decoder_dense_{int(number) + 3}.{inside}"
    return f"torch_decoder.{ {'value': 'decoder_out', 'log_variance': 'decoder_logvar_out'}[first] }.{rest}"


def write_published(folder: Path, n_pixels: int) -> None:
    torch.manual_seed(0)
    names = [f"syn_apogee{i}" for i in range(n_pixels)] + ["TEFF", "LOGG", "O_FE", "MG_FE", "FE_H"]
    sizes = {"width": 16, "encoder_heads": 4, "encoder_dense": 32, "decoder_heads": 4, "decoder_dense": 32}
    net = SpectraFMNet(SpectraFMConfig(tuple(names), context=64, **sizes))
    torch.save(
        {"model_state_dict": {f"module.{official_name(k)}": v for k, v in net.state_dict().items()}, "epoch": 325},
        folder / "weights.pt",
    )
    n = len(names) + 1
    rows = np.r_[0, np.ones(n_pixels, int), np.arange(n_pixels + 1, n)]
    np.savez(folder / "embed_map.npz", keys=np.arange(n), values=rows)
    mean, std = np.full(n, 0.95), np.full(n, 0.05)
    mean[-5:], std[-5:] = (4702.5, 2.48, 0.088, 0.067, -0.159), (544.0, 1.31, 0.084, 0.085, 0.287)
    told = {
        "nn_config": {
            "context_length": 64, "embedding_dim": 16, "encoder_head_num": 4, "encoder_dense_num": 32,
            "decoder_head_num": 4, "decoder_dense_num": 32, "encoder_dropout_rate": 0.05,
        },
        "tokenizer_config": {"vocabs": names},
        "norm_config": {
            "_input_mean": mean.tolist(), "_input_std": std.tolist(), "_input_standardized": [False] + [True] * (n - 1),
        },
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(told))


def test_the_published_folder_opens_as_the_same_class(tmp_path: Path) -> None:
    write_published(tmp_path, 7514)
    model = SpectraFM.from_file(tmp_path)
    assert model.label_names == ("teff", "logg", "o_fe", "mg_fe", "fe_h")
    assert model.window == pytest.approx((15_152.2, 16_943.0), abs=1.0)
    wave = apogee_wavelength()
    assert wave[3757] == pytest.approx(16_028.0, abs=1.0) and 16_100 < wave[4107] < wave[4618] < 16_225
    rng = np.random.default_rng(0)
    spectrum = Spectrum(
        wave, 1.0 + rng.normal(0, 0.02, wave.size), np.full(wave.size, 2500.0), frame="rest", meta={"normalised": True}
    )
    asked = model.ask(spectrum, 16_106.0, 16_220.3, ["fe_h"])
    assert asked.pixels == pytest.approx(512, abs=4) and asked.n_bags == -(-asked.pixels // 64)
    assert abs(asked.value[0]) < 3 and asked.error[0] > 0
    assert model.describe().surveys == ("other",)


def test_a_folder_of_other_pixels_says_so(tmp_path: Path) -> None:
    write_published(tmp_path, 40)
    with pytest.raises(CheckpointError, match="40 pixels"):
        published(tmp_path)
    weights = published(tmp_path, np.linspace(4000.0, 4400.0, 40))
    assert SpectraFM(weights).window == (4000.0, 4400.0)


def test_the_shipped_model_knows_held_out_stars_within_its_errors(shared: Path) -> None:
    from specviz.models.registry import load_model
    from specviz.training.data import TEST
    from specviz.training.spectrafm_data import LABELS as NAMES
    from specviz.training.spectrafm_data import real_stars
    from specviz.training.spectrafm_finish import prepared as as_prepared
    from specviz.training.spectrafm_finish import trusted

    shipped = load_model("spectrafm-small", device="cpu")
    stars = real_stars(shared, TEST)
    stars = stars[trusted(stars)][:120]
    told = [p.summary() for p in shipped.posterior(shipped.embed(as_prepared(stars)), samples=2000)]
    for name, worst in (("teff", 200.0), ("logg", 0.35), ("fe_h", 0.3)):
        truth = stars.labels[:, NAMES.index(name)]
        middle, low, high = np.array([t[name] for t in told]).T
        assert np.abs(middle - truth).mean() < worst
        assert 0.5 < ((low < truth) & (truth < high)).mean() < 0.9
