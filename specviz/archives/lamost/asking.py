"""``Asker``: one question to LAMOST at a time, with the release, the token and the cache around it.

The token is put into the parameters here and nowhere else, and only where the release is not public. Whatever comes
back (a body, an error) has been cleared of it before anybody else sees it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from specviz.archives.cache import QUERY_AGE, Key, cache
from specviz.archives.lamost import nadc
from specviz.archives.lamost.releases import (
    FALLBACK,
    VERSIONS,
    VIZIER,
    Release,
    choose,
    from_versions,
    newest_public,
    parse,
)
from specviz.archives.lamost.replies import SERVICE, login_required, read_json
from specviz.archives.lamost.tokens import Token, find_token
from specviz.archives.transport import request
from specviz.errors import (
    ArchiveError,
    BadReplyError,
    LoginRequiredError,
    NotFoundError,
    OfflineError,
    QueryError,
    SpecvizError,
)

if TYPE_CHECKING:
    from astropy.table import Table

_T = TypeVar("_T")
#: Seconds after a failure for which the list of releases is not asked for again.
AWAY = 30.0


class Asker:
    """The way to one release.

    Parameters
    ----------
    release : str or Release, optional
        "dr10/v2.0", "DR10", ...; the newest public one by default.
    token : str, optional
        For internal releases; see :func:`~specviz.archives.lamost.tokens.find_token`.
    """

    def __init__(self, release: str | Release | None = None, token: str | Token | None = None) -> None:
        self._wanted = parse(release) if release is not None else None
        self._release: Release | None = None
        self._away_until = 0.0
        if self._wanted is not None and (self._wanted.version or not self._wanted.has_queries):
            self._release = self._wanted
        self._token = Token(token) if isinstance(token, str) and token.strip() else token  # never kept as text

    @property
    def release(self) -> Release:
        """The release that is asked; the service's list is read where it is needed to know."""
        if self._release is None:
            if self._wanted is not None:
                self._release = choose(self._wanted, self.releases())
            else:
                listed = self._listed()
                if listed is None:
                    return FALLBACK  # what follows tells that the service is away; an older cache may still answer
                self._release = newest_public(listed)
                if self._release is None:
                    raise BadReplyError("LAMOST lists no public release", service=SERVICE, remedy="Name one: release=")
        return self._release

    @property
    def release_if_known(self) -> Release | None:
        """The same without asking anybody."""
        return self._release or self._wanted

    def releases(self) -> list[Release]:
        """Every release that the service lists, oldest first."""
        return from_versions(self.versions())

    def _listed(self) -> list[Release] | None:
        """The same; None where the list cannot be had. A service that is away is not asked for it at every step."""
        if time.monotonic() < self._away_until:
            return None
        try:
            return self.releases()
        except OfflineError:
            return None  # nothing was sent, so nothing is lost by trying at the next step
        except ArchiveError:
            self._away_until = time.monotonic() + AWAY
            return None

    def versions(self) -> list[dict[str, Any]]:
        """The service's list as it came."""
        what = "its list of releases"

        def check(body: bytes) -> None:
            value = read_json(body, what)
            if not isinstance(value, dict) or not from_versions(_list_of(value.get("versions"))):
                raise BadReplyError("LAMOST's list of releases is not what it was", service=SERVICE, status=200)

        body = cache().remember(
            Key(SERVICE, "", "dr_versions"),
            lambda: request(SERVICE, "GET", VERSIONS).body,
            max_age=QUERY_AGE,
            check=check,
        )
        return _list_of(read_json(body, what)["versions"])

    # ------------------------------------------------------------------ one question
    def fetch(
        self,
        url: str,
        what: str,
        *,
        params: Mapping[str, Any] | None = None,
        payload: Any = None,
        timeout: float | None = None,
        nothing: str = "",
        check: Callable[[bytes], _T],
    ) -> tuple[bytes, _T]:
        """The body of a reply, and what ``check`` makes of it.

        Parameters
        ----------
        url : str
            Without query; below ``release.openapi`` if it begins with "/".
        what : str
            What is asked for, for messages: "the spectrum of obsid 353301001".
        params : mapping
        payload : any
            Sent as JSON by POST.
        timeout : float, optional
            Seconds.
        nothing : str
            What to say when the service answers that there is no such thing.
        check : callable(bytes)
            Reads the body; raises if it is not what was asked for.
        """
        release = self.release
        if url.startswith("/"):
            if not release.has_queries:
                raise _no_queries(release)
            url = release.openapi + url
        told = f"{what} in {release.label}"
        token = self.token_for(release)

        def ask() -> tuple[bytes, _T]:
            query = dict(params or {})
            if token is not None:
                query["token"] = token.reveal()
            method = "GET" if payload is None else "POST"
            try:
                body = request(SERVICE, method, url, params=query, json=payload, timeout=timeout).body
            except LoginRequiredError as error:
                raise login_required(told, "the token is not accepted" if token is not None else "") from error
            except QueryError as error:
                if nothing and error.status == 404:
                    raise NotFoundError(nothing, remedy="Check the number, or ask another release") from error
                raise
            if token is not None:
                body = token.scrub(body)
            return body, check(body)

        return ask() if token is None else _without(token, ask)

    def token_for(self, release: Release) -> Token | None:
        """The token, if there is one and the release is not public: nobody else needs to see it."""
        token = find_token(self._token)
        if token is None or release.public:
            return None
        if release.public is None:
            # A release of which nothing is known counts as internal.
            known = next((r for r in self._listed() or () if r.key == release.key), None)
            if known is not None and known.public:
                return None
        return token

    # ------------------------------------------------------------------ kept answers
    def document(self, name: str, url: str, what: str, *, keep: bool = True, **question: Any) -> Any:
        """The value of a JSON reply, kept for a week under ``name``."""
        nothing = question.get("nothing", "")

        def check(body: bytes) -> Any:
            return read_json(body, what, nothing=nothing)

        def produce() -> bytes:
            return self.fetch(url, what, check=check, **question)[0]

        if not keep:
            return check(produce())
        return check(cache().remember(self.key(name), produce, max_age=QUERY_AGE, check=check))

    def table(self, name: str, produce: Callable[[], Table], *, keep: bool = True) -> Table:
        """A table, kept for a week under ``name``; one that the service cut short is not kept."""
        if not keep:
            return produce()

        def noted() -> Table:
            made = produce()
            if made.meta.get("overflow"):
                raise _NotKept(made)
            return made

        try:
            return cache().remember_table(self.key(name), noted, max_age=QUERY_AGE)
        except _NotKept as not_kept:
            return not_kept.table

    def key(self, name: str) -> Key:
        """The cache key of something of this release."""
        return Key(SERVICE, self.release.key, name)

    def through_nadc(self, method: str, *args: Any, **options: Any) -> Any:
        """What astroquery's own module answers; UnfitError where we must ask ourselves.

        It is not given the token: how it treats one is not ours to promise.
        """
        if nadc.lamost_class() is None:
            raise nadc.UnfitError(nadc.MODULE)
        release = self.release
        if self.token_for(release) is not None or not release.has_queries:
            raise nadc.UnfitError("with a token we ask ourselves")
        return nadc.ask(release, method, *args, **options)


class _NotKept(Exception):
    """Carries a table past the cache."""

    def __init__(self, table: Table) -> None:
        super().__init__("not kept")
        self.table = table


def _without(token: Token, work: Callable[[], _T]) -> _T:
    """Run ``work``; an error leaves as one of the same kind that has never seen the token.

    A chained error of the network library holds the whole address, and frames of a traceback hold the parameters.
    """
    try:
        return work()
    except SpecvizError as error:
        clean = type(error).__new__(type(error))
        facts = {
            k: token.scrub_text(v) if isinstance(v, str) else v for k, v in vars(error).items() if k != "__notes__"
        }
        clean.__dict__.update(facts)
        clean.args = tuple(token.scrub_text(a) if isinstance(a, str) else a for a in error.args)
    raise clean  # outside the handler: without context


def question_id(kind: str, question: Any) -> str:
    """A cache name for a question that is a JSON value."""
    return f"{kind}:{json.dumps(question, sort_keys=True, separators=(',', ':'))}"


def _list_of(value: Any) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _no_queries(release: Release) -> QueryError:
    table = VIZIER.get(release.number)
    return QueryError(
        f"LAMOST {release.label} has no query service",
        service=SERVICE,
        expected="DR4 or later",
        remedy=f"Use its table {table} at VizieR" if table else "",
    )
