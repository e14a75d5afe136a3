"""What a repository of the hub holds, with the hashes by which every file is checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from specviz import __version__
from specviz.errors import (
    ArchiveError,
    BadReplyError,
    LoginRequiredError,
    NotFoundError,
    OfflineError,
    RateLimitedError,
    ServiceDownError,
    ServiceTimeoutError,
    SpecvizError,
)

SERVICE = "hub"
_TIMEOUT_S = 20.0
Kind = Literal["model", "dataset"]


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository. ``sha256`` is known of big files (LFS), ``blob`` (git's SHA-1) of small ones."""

    path: str
    size: int
    sha256: str = ""
    blob: str = ""


@dataclass(frozen=True)
class Listing:
    """A repository at one revision (the commit, not a name that moves)."""

    repo: str
    kind: Kind
    revision: str
    files: Mapping[str, RemoteFile]
    endpoint: str | None = None


def hub() -> Any:
    """The library huggingface_hub, which is an extra.

    Raises
    ------
    SpecvizError
        If it is not installed.
    """
    try:
        import huggingface_hub
    except ModuleNotFoundError as error:
        raise SpecvizError(
            "The library huggingface_hub is not installed",
            remedy="pip install 'jupyter-specviz[hub]'; or download the files otherwise and name their folder (--from)",
        ) from error
    return huggingface_hub


def endpoint_of(endpoint: str | None) -> str | None:
    """The mirror to ask: as named, else ``HF_ENDPOINT``, else None (the hub itself)."""
    chosen = endpoint or os.environ.get("HF_ENDPOINT") or None
    if chosen is not None and not chosen.startswith(("http://", "https://")):
        raise SpecvizError(f"{chosen!r} is no endpoint", expected="an address that begins with https:// or http://")
    return chosen.rstrip("/") if chosen else None


def token_for(endpoint: str | None) -> bool | None:
    """A person's token goes to the hub itself and to nobody else (None: what the library knows; False: none)."""
    return None if endpoint is None else False


def list_files(repo: str, kind: Kind = "model", *, revision: str = "main", endpoint: str | None = None) -> Listing:
    """Ask the hub what a repository holds.

    Raises
    ------
    ArchiveError
        One of its kinds: offline, down, refused, not found, or an answer that makes no sense.
    """
    library, where = hub(), endpoint_of(endpoint)
    api = library.HfApi(endpoint=where, token=token_for(where), library_name="specviz", library_version=__version__)
    try:
        info = api.repo_info(repo, repo_type=kind, revision=revision, files_metadata=True, timeout=_TIMEOUT_S)
        files = [_file(sibling) for sibling in info.siblings or ()]
        commit = str(info.sha or "")
    except SpecvizError:
        raise
    except Exception as error:  # every release of the library has its own network errors
        raise in_words(error, repo, where) from error
    if not files or not commit:
        raise BadReplyError(f"The hub lists no files of {repo}", service=SERVICE, remedy="Try again later")
    return Listing(repo, kind, commit, {file.path: file for file in files}, where)


def _file(sibling: Any) -> RemoteFile:
    path = PurePosixPath(sibling.rfilename)
    if path.is_absolute() or ".." in path.parts or "\\" in sibling.rfilename or ":" in sibling.rfilename:
        raise BadReplyError(f"The hub names a file {sibling.rfilename!r}", service=SERVICE, remedy="Do not use it")
    lfs = sibling.lfs
    get = lfs.get if isinstance(lfs, dict) else lambda name: getattr(lfs, name, None)
    size = sibling.size if sibling.size is not None else get("size")
    if size is None:
        raise BadReplyError(f"The hub does not say how large {path} is", service=SERVICE)
    return RemoteFile(path.as_posix(), int(size), str(get("sha256") or ""), "" if lfs else str(sibling.blob_id or ""))


def in_words(error: Exception, what: str, endpoint: str | None) -> SpecvizError:
    """Our error for one of the library's, or of the HTTP client under it."""
    where = endpoint or "the Hugging Face hub"
    by_hand = "or download the files elsewhere and name their folder with --from"
    names = {kind.__name__ for kind in type(error).__mro__}
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    text = " ".join(str(error).split())[:200]
    if names & {"OfflineModeIsEnabled"}:
        return OfflineError("HF_HUB_OFFLINE is set: nothing was asked", service=SERVICE, remedy=f"Unset it, {by_hand}")
    if names & {"GatedRepoError"} or status in (401, 403):
        return LoginRequiredError(f"{where} does not show {what} to you", service=SERVICE, status=status)
    if names & {"RepositoryNotFoundError", "RevisionNotFoundError", "EntryNotFoundError"} or status == 404:
        return NotFoundError(f"{where} has no {what}", remedy="Check the name, the revision and the endpoint")
    if status == 429:
        return RateLimitedError(f"{where} asks for fewer questions", service=SERVICE, status=status, remedy="Wait")
    if status is not None:
        kind = ServiceDownError if status >= 500 else ArchiveError
        return kind(
            f"{where} answered {status} to {what}", service=SERVICE, status=status, remedy=f"Try later, {by_hand}"
        )
    if any("Timeout" in name for name in names):
        return ServiceTimeoutError(f"{where} does not answer", service=SERVICE, remedy=f"Try later, {by_hand}")
    if names & {"TransportError", "NetworkError", "ConnectError", "ConnectionError", "OSError", "RequestException"}:
        return ServiceDownError(f"{where} cannot be reached ({text})", service=SERVICE, remedy=f"Try later, {by_hand}")
    return BadReplyError(f"{where} gave an answer about {what} that makes no sense ({text})", service=SERVICE)
