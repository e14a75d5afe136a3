"""Three hundred damaged files: a star or a clear error each, soon, within bounds, and nothing else."""

from __future__ import annotations

import gzip
import io
import os
import time
import tracemalloc
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest

from specviz.errors import FileTooLargeError, ReadError, SpecvizError
from specviz.spectra.readers import content as content_module
from specviz.spectra.readers import read, read_bytes
from specviz.spectra.star import Star

SEED, COUNT, SECONDS, MEMORY = 20261120, 300, 5.0, 400 * 2**20


def _truncate(data: bytes, rng) -> bytes:
    return data[: int(rng.integers(0, len(data)))]


def _flip(data: bytes, rng) -> bytes:
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 60))):
        out[int(rng.integers(0, len(out)))] ^= 1 << int(rng.integers(0, 8))
    return bytes(out)


def _flip_header(data: bytes, rng) -> bytes:
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 12))):
        out[int(rng.integers(0, min(len(out), 14400)))] = int(rng.integers(0, 256))
    return bytes(out)


def _digits(data: bytes, rng) -> bytes:
    out = bytearray(data)
    places = [i for i, c in enumerate(out[:20000]) if 48 <= c <= 57]
    for i in rng.choice(places, min(len(places), int(rng.integers(1, 15))), replace=False):
        out[int(i)] = int(rng.integers(48, 58))
    return bytes(out)


def _nan(data: bytes, rng) -> bytes:
    out = bytearray(data)
    start = int(rng.integers(0, len(out)))
    for i in range(start, len(out) - 4, 4):
        out[i : i + 4] = b"\x7f\xc0\x00\x00"
    return bytes(out)


def _cut_out(data: bytes, rng) -> bytes:
    a, b = sorted(int(x) for x in rng.integers(0, len(data), 2))
    return data[:a] + data[b:]


def _repeat(data: bytes, rng) -> bytes:
    return data + data[: int(rng.integers(0, len(data)))]


def _wrong_hdu(data: bytes, rng) -> bytes:
    place = data.find(b"XTENSION")
    if place < 0:
        return data[2880:]
    return data[place:] if rng.random() < 0.5 else data[:place] + b" " * 2880 + data[place:]


def _huge_axes(data: bytes, rng) -> bytes:
    key = str(rng.choice(["NAXIS1", "NAXIS2", "NAXIS ", "PCOUNT", "GCOUNT", "TFIELDS", "BITPIX"])).ljust(8).encode()
    place = data.find(key + b"=")
    value = str(rng.choice([10**6, 10**9, 10**12, 10**18, 2**63, -5])).rjust(20).encode()
    return data if place < 0 else data[: place + 10] + value + data[place + 30 :]


def _long_header(data: bytes, rng) -> bytes:
    return data[:80] + b"COMMENT all work and no play".ljust(80) * int(rng.integers(1000, 60000)) + data[80:]


def _junk(data: bytes, rng) -> bytes:
    kind = int(rng.integers(0, 7))
    if kind == 0:
        return b""
    if kind == 1:
        return b"<!DOCTYPE html><html><body>Please log in</body></html>"
    if kind == 2:
        return b"Lorem ipsum 1 2 3\n" * int(rng.integers(1, 2000))
    if kind == 3:
        return rng.bytes(int(rng.integers(1, 50000)))
    if kind == 4:
        return b'{"error": "not found"}'
    if kind == 5:
        return ("\n".join(f"{a},{b}" for a, b in rng.normal(0, 1e4, (500, 2)))).encode()
    return data[:8] + rng.bytes(5000)


def _gzip_damage(data: bytes, rng) -> bytes:
    packed = bytearray(gzip.compress(data, 1))
    kind = int(rng.integers(0, 4))
    if kind == 0:
        return bytes(packed[: int(rng.integers(2, len(packed)))])
    if kind == 1:
        packed[int(rng.integers(10, len(packed)))] ^= 0xFF
        return bytes(packed)
    if kind == 2:
        return gzip.compress(bytes(packed), 1)
    return gzip.compress(bytes(60 * 2**20), 9)


FILE_DAMAGE = (_truncate, _flip, _flip_header, _digits, _nan, _cut_out, _repeat)
MUTATIONS = (*FILE_DAMAGE, _wrong_hdu, _huge_axes, _long_header, _junk, _gzip_damage)


@pytest.fixture(scope="module")
def originals(fits_files, tmp_path_factory) -> list[bytes]:
    """Sound files of every layout; real ones are added where the shared materials are."""
    wave = 10 ** (3.5682 + 1e-4 * np.arange(1500))
    text = "wavelength,flux,error\n" + "\n".join(f"{w:.3f},{w / 10:.3f},1.0" for w in wave)
    rows = "\n".join(",".join(f"{v:.4f}" for v in row) for row in (wave, wave / 10))
    cells = ", ".join("1.5" for _ in range(55))
    names = [f"{b}_{k}" for b in ("bp", "rp") for k in ("coefficients", "coefficient_errors")]
    xp = ",".join(["source_id", *names]) + "\n" + ",".join(["123456789", *([f'"({cells})"'] * 4)]) + "\n"
    stream = io.BytesIO()
    np.save(stream, np.array([wave, wave]))
    from astropy.table import Table

    votable = tmp_path_factory.mktemp("v") / "t.xml"
    Table({"wavelength": wave, "flux": wave}).write(votable, format="votable")
    made = [p.read_bytes() for p in fits_files.values()]
    made += [text.encode(), rows.encode(), xp.encode(), stream.getvalue(), votable.read_bytes()]
    shared = Path(os.environ.get("SPECVIZ_SHARED") or Path(__file__).resolve().parents[3] / "shared") / "data"
    patterns = (
        "lamost_dr10/*.gz",
        "lamost_dr1/*.gz",
        "lamost_misc/**/*.fits*",
        "gaia_xp_formats/xp_*/*",
        "kepler_llc/*.fits",
    )
    for pattern in patterns:
        for path in sorted(shared.glob(pattern))[:7]:
            data = path.read_bytes()
            made.append(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    return made


def test_three_hundred_damaged_files(originals) -> None:
    rng = np.random.default_rng(SEED)
    stars = errors = 0
    slowest, largest = 0.0, 0
    for number in range(COUNT):
        mutate = MUTATIONS[number % len(MUTATIONS)]
        data = mutate(originals[int(rng.integers(0, len(originals)))], rng)
        name = f"damaged_{number}.fits"
        tracemalloc.start()
        start = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                result = read_bytes(data, name)
            assert result and all(isinstance(s, Star) for s in result)
            stars += 1
        except SpecvizError as error:
            assert isinstance(error, ReadError), f"{name} ({mutate.__name__}): {error!r}"
            assert name in str(error) and len(str(error)) < 2000 and "Traceback" not in str(error)
            errors += 1
        finally:
            seconds, peak = time.perf_counter() - start, tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        slowest, largest = max(slowest, seconds), max(largest, peak)
        assert seconds < SECONDS, f"{name} ({mutate.__name__}) took {seconds:.1f} s"
        assert peak < MEMORY, f"{name} ({mutate.__name__}) took {peak / 2**20:.0f} MB"
    assert stars + errors == COUNT
    assert errors > 100 and stars > 20  # the damage is real, and what survives it is read


# ------------------------------------------------------------------------------------------------ single dangers
def test_a_gzip_bomb_is_refused_with_bounded_memory(write) -> None:
    packer = zlib.compressobj(9, wbits=31)
    chunk = bytes(2**22)
    bomb = b"".join([packer.compress(chunk) for _ in range(256)]) + packer.flush()  # 1 GB in 1 MB
    assert len(bomb) < 2 * 2**20
    path = write("bomb.fits.gz", bomb)
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises(FileTooLargeError, match="unpacks to more than"):
        read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.perf_counter() - start < SECONDS
    assert peak < 100 * 2**20


def test_a_small_bomb_stops_at_the_floor() -> None:
    with pytest.raises(FileTooLargeError, match="32 MB"):
        read_bytes(gzip.compress(bytes(40 * 2**20)), "small.gz")


def test_two_gzip_members_are_one_file(fits_files) -> None:
    data = fits_files["dr7"].read_bytes()
    both = gzip.compress(data[:5000]) + gzip.compress(data[5000:])
    assert "lamost_lrs" in read_bytes(both, "two.gz")[0].spectra


def test_too_large_files_are_not_opened(write, monkeypatch) -> None:
    monkeypatch.setattr(content_module, "MAX_FILE", 1000)
    with pytest.raises(FileTooLargeError, match=r"big\.fits"):
        read(write("big.fits", bytes(1001)))
    with pytest.raises(FileTooLargeError):
        read_bytes(bytes(1001), "big.fits")


@pytest.mark.parametrize("size", [10**12, 10**18])
def test_a_header_that_claims_too_much_is_refused_before_allocating(fits_files, size) -> None:
    data = fits_files["dr7"].read_bytes()
    place = data.index(b"NAXIS1  =")
    lie = data[: place + 10] + str(size).rjust(20).encode() + data[place + 30 :]
    tracemalloc.start()
    with pytest.raises(ReadError, match=r"claims|impossible"):
        read_bytes(lie, "lie.fits")
    assert tracemalloc.get_traced_memory()[1] < 5 * 2**20
    tracemalloc.stop()


def test_a_device_does_not_hang(tmp_path) -> None:
    pipe = tmp_path / "pipe.fits"
    os.mkfifo(pipe)
    with pytest.raises(ReadError, match="not a regular file"):
        read(pipe)


def test_entities_in_xml_are_refused() -> None:
    laughs = b'<?xml version="1.0"?><!DOCTYPE VOTABLE [<!ENTITY a "ha">]><VOTABLE>&a;</VOTABLE>'
    with pytest.raises(ReadError, match="entities"):
        read_bytes(laughs, "laughs.xml")


def test_names_of_uploads_are_shown_without_folders_or_controls() -> None:
    with pytest.raises(ReadError) as caught:
        read_bytes(b"", "C:\\evil\\..\\a\x1b[31m.fits")
    assert str(caught.value).startswith("a[31m.fits: empty")


def test_a_line_without_end_is_refused_fast() -> None:
    start = time.perf_counter()
    with pytest.raises(ReadError, match="line of more than"):
        read_bytes(b"1," * 5_000_000, "line.csv")
    with pytest.raises(ReadError, match="lines"):
        read_bytes(b"1,2\n" * 3_000_000, "lines.csv")
    assert time.perf_counter() - start < SECONDS
