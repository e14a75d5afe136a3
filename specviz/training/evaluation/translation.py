"""Spectra that the model predicts against the clean truth of held-out simulated stars; retrieval across surveys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.models.protocol import PredictedSpectrum
from specviz.models.specclip.signal import log_snr
from specviz.training.data import TEST
from specviz.training.evaluation.bench import Bench
from specviz.training.evaluation.scores import BandScores, band_scores, label_scores, retrieval

_BRIGHT = np.log10(30.0)
#: Labels in which neighbours are sought, where both surveys measure them.
_NEIGHBOUR_LABELS = ("teff", "logg", "fe_h", "alpha_fe")


def translation(bench: Bench) -> None:
    """Predicted spectra of the other survey, and rebuilt ones, for stars of the grid's test part."""
    pairs, encodings = bench.pairs, bench.pair_encodings
    lamost, xp = encodings["lamost_lrs"], encodings["gaia_xp"]
    bright_l, bright_g = pairs.lamost_log_snr > _BRIGHT, pairs.xp_log_snr > _BRIGHT
    bench.say(f"\nPredictions for {len(pairs)} simulated stars of the grid's test part against clean spectra, S/N > 30")
    to_xp = [p for e in lamost for p in bench.model.translate(e, "gaia_xp")]
    _say(bench, "LAMOST -> XP, reddening unknown", to_xp, pairs.xp_clean, bright_l)
    reddened = [p.with_reddening(float(ebv)) for p, ebv in zip(to_xp, pairs.labels["ebv"], strict=True)]
    known = _say(bench, "LAMOST -> XP, reddening known", reddened, pairs.xp_clean, bright_l)
    teff = pairs.labels["teff"]
    for low, high in ((3000, 4500), (4500, 7000), (7000, 20000)):
        part = bright_l & (teff >= low) & (teff < high)
        _say(bench, f"  {low} < teff < {high} K", reddened, pairs.xp_clean, part)
    _say(bench, "LAMOST -> XP, without dust", [p.with_reddening(0.0) for p in to_xp], pairs.xp_dustfree, bright_l)
    to_lamost = [p for e in xp for p in bench.model.translate(e, "lamost_lrs")]
    if any(p.frame != "rest" for p in to_lamost):
        bench.say("XP -> LAMOST is not predicted at rest: not scored")
        found = None
    else:
        rest = pairs.lamost_rest.astype(np.float32)
        found = _say(bench, "XP -> LAMOST, rest frame", to_lamost, rest, bright_g)
        for low, high in ((3000, 4500), (4500, 7000), (7000, 20000)):
            _say(bench, f"  {low} < teff < {high} K", to_lamost, rest, bright_g & (teff >= low) & (teff < high))
    clean = pairs.lamost_clean.astype(np.float32)
    _say(bench, "LAMOST rebuilt", [p for e in lamost for p in bench.model.reconstruct(e)], clean, bright_l)
    _say(bench, "XP rebuilt", [p for e in xp for p in bench.model.reconstruct(e)], pairs.xp_clean, bright_g)
    for name, scores in (("LAMOST -> XP, reddening known", known), ("XP -> LAMOST", found)):
        if scores is not None:
            bench.target(f"{name}, median error, % of the flux", 100 * scores.error, high=1.0)
            bench.target(f"{name}, pixels within 1 sigma, %", 100 * scores.one, low=63, high=73)
            bench.target(f"{name}, pixels within 2 sigma, %", 100 * scores.two, low=92, high=98)


def _say(bench: Bench, name: str, predicted: Sequence[PredictedSpectrum], clean: NDArray[Any],
         chosen: NDArray[np.bool_]) -> BandScores | None:  # fmt: skip
    rows = [p for p, wanted in zip(predicted, chosen, strict=True) if wanted]
    if not rows:
        return None
    scores = band_scores(np.stack([p.flux for p in rows]), np.stack([p.sigma for p in rows]), clean[chosen])
    bench.say(
        f"{name:<34} n={len(rows):<5} median |error| {100 * scores.error:.2f} % of the flux; "
        f"1 sigma covers {100 * scores.one:.0f} %, 2 sigma {100 * scores.two:.0f} %"
    )
    return scores


def rebuilt_real(bench: Bench) -> None:
    """Held-out real spectra, rebuilt: band and noise together against the observed flux."""
    lamost, xp = bench.lamost, bench.xp
    rows = lamost.trusted(TEST)
    bright = np.flatnonzero(xp.test & (log_snr(xp.flux, xp.ivar) > _BRIGHT))
    bench.say("\nHeld-out real spectra, rebuilt (error band and noise together)")
    for name, survey, flux, ivar in (
        ("LAMOST, S/N > 20", "lamost_lrs", *lamost.centred(rows)),
        ("Gaia XP, S/N > 30", "gaia_xp", xp.flux[bright], xp.ivar[bright]),
    ):
        rebuilt = [r for e in bench.encode(survey, flux, ivar) for r in bench.model.reconstruct(e)]
        good = ivar > 0
        mean, sigma = np.stack([r.flux for r in rebuilt])[good], np.stack([r.sigma for r in rebuilt])[good]
        scores = band_scores(mean, np.sqrt(1 / ivar[good] + sigma**2), flux[good])
        bench.say(
            f"{name:<34} n={len(flux):<5} median |error| {100 * scores.error:.2f} % of the flux; "
            f"1 sigma covers {100 * scores.one:.0f} %, 2 sigma {100 * scores.two:.0f} %"
        )


def simulated_labels(bench: Bench) -> None:
    """Labels of held-out simulated stars from either survey."""
    pairs = bench.pairs
    truth = pairs.label_array(("teff", "logg", "fe_h"))
    bench.say(f"\nLabels of simulated stars of the grid's test part (n={len(pairs)})")
    for name, survey, snr in (
        ("from LAMOST, S/N > 30", "lamost_lrs", pairs.lamost_log_snr),
        ("from XP, S/N > 30", "gaia_xp", pairs.xp_log_snr),
    ):
        samples = bench.samples(bench.pair_encodings[survey], n=500)
        bright = snr > _BRIGHT
        bench.say_labels(name, label_scores(samples[bright], truth[bright]))


def retrieval_across_surveys(bench: Bench) -> None:
    """The XP spectrum of each LAMOST star among all simulated pairs, and the other way round.

    Beside it: chance; the nearest neighbour in the predicted labels (each survey's own, standardised); and in the true
    labels, the best that labels could do. The draws repeat grid stars, so true labels have ties, shared evenly.
    """
    pairs, encodings = bench.pairs, bench.pair_encodings
    a, b = (np.concatenate([e.vectors for e in encodings[s]]) for s in ("lamost_lrs", "gaia_xp"))
    n, say = len(a), bench.say
    say(f"\nRetrieval across surveys among {n} held-out simulated pairs ({len(np.unique(pairs.index))} grid stars)")
    found = retrieval(a, b, cosine=True)
    say(f"{'LAMOST -> XP, embeddings':<34} {found}")
    say(f"{'XP -> LAMOST, embeddings':<34} {retrieval(b, a, cosine=True)}")
    names = [x for x in _NEIGHBOUR_LABELS if all(x in bench.labels(s) for s in encodings)]
    spread = _even(pairs.label_array(tuple(names)), names).std(axis=0)
    true = _even(pairs.label_array(tuple(names)), names) / spread
    from_lamost, from_xp = (
        _even(np.median(bench.samples(encodings[s], names, n=300), axis=1), names) / spread
        for s in ("lamost_lrs", "gaia_xp")
    )
    by_labels = retrieval(from_lamost, from_xp, cosine=False)
    say(f"{'LAMOST -> XP, predicted labels':<34} {by_labels}   ({', '.join(names)})")
    say(f"{'LAMOST -> XP, true labels':<34} {retrieval(true, true, cosine=False)}")
    say(f"{'chance':<34} top-1 {100 / n:5.2f} %, top-10 {1000 / n:5.2f} %, median rank {0.5 * (n + 1):6.0f} among {n}")
    bench.target("retrieval LAMOST -> XP, top-10, times chance", found.top10 * n / 10, low=20)
    bench.target("retrieval LAMOST -> XP, top-10 over that of predicted labels", found.top10 / by_labels.top10, low=1.0)


def _even(labels: NDArray[Any], names: Sequence[str]) -> NDArray[np.float64]:
    """Labels (n, k) with ln(Teff) in the place of Teff, so that a step means the same along the column."""
    out = np.array(labels, np.float64)
    if "teff" in names:
        at = list(names).index("teff")
        out[:, at] = np.log(out[:, at])
    return out
