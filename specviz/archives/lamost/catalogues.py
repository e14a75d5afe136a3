"""``download``: a whole catalogue file of a release, saved whole or not at all."""

from __future__ import annotations

import gzip
import os
import re
import secrets
import zlib
from pathlib import Path

from specviz.archives.lamost.asking import Asker
from specviz.archives.lamost.replies import SERVICE, kind, require_fits
from specviz.errors import BadReplyError, OptionError, ReadError


def download(asker: Asker, name: str, folder: Path, survey: str, overwrite: bool) -> Path:
    """Save a catalogue file under its own name in ``folder``.

    Raises
    ------
    OptionError
        For a name that is no file name.
    NotFoundError, LoginRequiredError, BadReplyError
        The service has none of that name, or sent something else.
    ReadError
        If it cannot be written.
    """
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}", name) is None:
        raise OptionError(
            f"{name[:60]!r} is no name of a catalogue file", expected="such as dr11_v2.0_LRS_stellar.fits.gz"
        )
    path = folder / name
    if path.exists() and not overwrite:
        return path
    what = f"the catalogue {name}"

    def check(body: bytes) -> None:
        if name.endswith(".csv") and kind(body) == "text":
            return
        require_fits(body, what, nothing=f"LAMOST {asker.release.label} has no catalogue file {name}")
        if body[:2] == b"\x1f\x8b":
            _test_gzip(body, what)

    nothing = f"LAMOST {asker.release.label} has no catalogue file {name}"
    body, _ = asker.fetch(f"/{survey}/catalog", what, params={"name": name}, nothing=nothing, check=check)
    part = path.with_name(f"{name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.write_bytes(body)
        part.replace(path)
    except OSError as error:
        raise ReadError(f"{path} cannot be written: {error.strerror}", remedy="Choose another folder") from error
    finally:
        if part.exists():
            part.unlink()
    return path


def _test_gzip(body: bytes, what: str) -> None:
    """Unpack once, a piece at a time, so that a damaged file is never saved."""
    import io

    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            while file.read(1 << 20):
                pass
    except (OSError, EOFError, zlib.error) as error:
        raise BadReplyError(f"LAMOST sent {what} damaged", service=SERVICE, status=200, remedy="Try again") from error
