"""Files of a repository to a folder: goes on where it stopped, checks every byte, can be stopped at any moment."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from specviz.errors import BadReplyError, RateLimitedError, ServiceDownError, SpecvizError
from specviz.models.hub.listing import SERVICE, Listing, RemoteFile, hub, in_words, token_for
from specviz.models.work import Work

_TRIES = 5
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
#: A server that says nothing for so long is asked again, from where it stopped.
_TIMEOUT_S = 15.0


def download(listing: Listing, paths: Sequence[str], folder: Path, work: Work, *, room: int = 0) -> list[Path]:
    """Bring files into a folder, under their own paths.

    What is there already and has the right hash is left alone; what was begun (``*.part``) goes on.

    Parameters
    ----------
    paths : sequence of str
        Of ``listing.files``.
    work : Work
        Gets the bytes of each file, and is asked between pieces whether to stop.
    room : int
        Bytes that have to be free afterwards.

    Raises
    ------
    SpecvizError
        If there is no room, the hub cannot be reached after several tries, or a file is not what the hub lists.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"{folder} cannot be written ({error.strerror})"
        raise SpecvizError(what, remedy="Set SPECVIZ_MODELS or SPECVIZ_CATALOGS to another folder") from error
    files = [listing.files[path] for path in paths]
    missing = sum(f.size for f in files) - sum(_there(folder / f.path, f) for f in files)
    free = shutil.disk_usage(folder).free
    if missing + room > free:
        raise SpecvizError(
            f"{(missing + room) / 1e9:.1f} GB are needed in {folder}, and {free / 1e9:.1f} GB are free",
            remedy="Make room, or set SPECVIZ_MODELS to a folder on another disk",
        )
    return [_one(listing, file, folder / file.path, work) for file in files]


def _one(listing: Listing, file: RemoteFile, target: Path, work: Work) -> Path:
    work.say(file.path)
    if target.is_file() and target.stat().st_size == file.size:
        if _digest(target, file, work).hexdigest() == _wanted(file):
            return target
        work.add(-file.size)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _part(target, file)
    damaged = False
    while True:
        digest = _fetch(listing, file, part, work)
        if digest == _wanted(file):
            part.replace(target)
            return target
        part.unlink(missing_ok=True)
        work.add(-file.size)
        if damaged:
            raise BadReplyError(
                f"{file.path} arrived damaged twice: its hash is {digest[:12]}..., not {_wanted(file)[:12]}...",
                service=SERVICE,
                remedy="Try again later, or another endpoint",
            )
        damaged = True


def _fetch(listing: Listing, file: RemoteFile, part: Path, work: Work) -> str:
    """Fill ``part`` to the size of the file, in as many requests as it takes; gives the hash of all of it."""
    tries, wait = 0, _FIRST_WAIT_S
    if part.is_file() and part.stat().st_size > file.size:
        part.unlink()
    digest = _digest(part, file, work) if part.is_file() else _new_digest(file)
    have = part.stat().st_size if part.is_file() else 0
    while have < file.size or not part.is_file():
        before = have
        try:
            with _ask(listing, file, have) as response:
                status = response.status_code
                if status == 200 and have:  # it does not do ranges: from the beginning
                    work.add(-have)
                    digest, have = _new_digest(file), 0
                elif status == 206 and _start(response) != have:
                    raise BadReplyError(f"The hub sent another part of {file.path} than was asked for", service=SERVICE)
                elif status not in (200, 206):
                    response.raise_for_status()
                    raise BadReplyError(f"The hub answered {status} to {file.path}", service=SERVICE, status=status)
                with part.open("ab" if have else "wb") as stream:
                    for piece in response.iter_raw():
                        if have + len(piece) > file.size:
                            raise BadReplyError(f"{file.path} is longer than the hub lists", service=SERVICE)
                        stream.write(piece)
                        digest.update(piece)
                        have += len(piece)
                        work.add(len(piece))
            if have < file.size:
                raise ServiceDownError(f"The hub cut {file.path} short", service=SERVICE)
        except SpecvizError as error:
            if not isinstance(error, ServiceDownError):
                raise
            failure: SpecvizError = error
        except OSError as error:
            network = isinstance(error, ConnectionError | TimeoutError) or type(error).__module__ != "builtins"
            if not network:  # the disk
                what = f"{part} cannot be written ({error.strerror})"
                raise SpecvizError(what, remedy="Make room, and pull again: it goes on from here") from error
            failure = in_words(error, file.path, listing.endpoint)
        except Exception as error:
            failure = in_words(error, file.path, listing.endpoint)
            if not isinstance(failure, ServiceDownError | RateLimitedError):
                raise failure from error
            asked = _retry_after(error)
            wait = max(wait, asked)
        else:
            continue
        tries = 1 if have > before else tries + 1  # as long as something comes, patience is endless
        if not isinstance(failure, ServiceDownError | RateLimitedError) or tries >= _TRIES:
            raise failure
        _pause(wait, work)
        wait = _FIRST_WAIT_S if have > before else min(2 * wait, _LONGEST_WAIT_S)
    return str(digest.hexdigest())


def _ask(listing: Listing, file: RemoteFile, have: int) -> AbstractContextManager[Any]:
    """A streamed GET of the rest of a file."""
    from huggingface_hub.utils import build_hf_headers

    from specviz import __version__

    library = hub()
    url = library.hf_hub_url(
        listing.repo, file.path, repo_type=listing.kind, revision=listing.revision, endpoint=listing.endpoint
    )
    headers = build_hf_headers(token=token_for(listing.endpoint), library_name="specviz", library_version=__version__)
    headers |= {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    stream: AbstractContextManager[Any] = library.get_session().stream(
        "GET", url, headers=headers, follow_redirects=True, timeout=_TIMEOUT_S
    )
    return stream


def _start(response: Any) -> int:
    """First byte of a partial answer: ``Content-Range: bytes 100-199/200``; -1 where it does not say."""
    text = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(text) if text.isdigit() else -1


def _retry_after(error: Exception) -> float:
    """Seconds that a busy server asks to wait, within reason."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    text = headers.get("Retry-After", "")
    return min(float(text), _LONGEST_WAIT_S) if text.isdigit() else 0.0


def _pause(seconds: float, work: Work) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        work.check()
        time.sleep(min(left, 0.1))


def _there(target: Path, file: RemoteFile) -> int:
    """Bytes of a file that are on the disk already."""
    part = _part(target, file)
    return file.size if target.is_file() else min(part.stat().st_size, file.size) if part.is_file() else 0


def _part(target: Path, file: RemoteFile) -> Path:
    """Where an unfinished file lies; the hash in its name keeps revisions apart."""
    return target.with_name(f"{target.name}.{_wanted(file)[:12]}.part")


def _wanted(file: RemoteFile) -> str:
    wanted = file.sha256 or file.blob
    if not wanted:
        raise BadReplyError(f"The hub gives no hash of {file.path}, so it cannot be checked", service=SERVICE)
    return wanted


def _new_digest(file: RemoteFile) -> Any:
    """SHA-256 of a big file; of a small one the SHA-1 that git gives a blob."""
    if file.sha256:
        return hashlib.sha256()
    return hashlib.sha1(f"blob {file.size}\0".encode(), usedforsecurity=False)


def _digest(path: Path, file: RemoteFile, work: Work) -> Any:
    """The digest so far of what is on the disk, which counts as done."""
    digest = _new_digest(file)
    with path.open("rb") as stream:
        while piece := stream.read(1 << 22):
            digest.update(piece)
            work.add(len(piece))
    return digest
