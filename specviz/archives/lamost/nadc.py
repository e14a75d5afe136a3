"""``astroquery.nadc.lamost``, where it is installed: China-VO is writing it (services.md 1.4), and no released
astroquery has it yet. What it can do is asked through it, on our session; what it cannot, or does not do as expected,
we do ourselves.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from specviz.archives.lamost.releases import Release
from specviz.archives.lamost.replies import SERVICE, login_required
from specviz.archives.transport import session
from specviz.errors import QueryError, SpecvizError

MODULE = "astroquery.nadc.lamost"
_log = logging.getLogger(__name__)


class UnfitError(Exception):
    """The module is absent, lacks the method, or did something else than expected; we ask ourselves then."""


def lamost_class() -> Any:
    """The module's client class; None where there is none. Imports astroquery only if it holds such a module."""
    module = sys.modules.get(MODULE)
    if module is None:
        spec = find_spec("astroquery")
        folders = [] if spec is None else [Path(p) for p in spec.submodule_search_locations or ()]
        if not any((folder / "nadc" / "lamost").is_dir() for folder in folders):
            return None
        try:
            module = importlib.import_module(MODULE)
        except ImportError as error:  # it may need what this machine does not have
            _log.info("%s cannot be imported: %s", MODULE, error)
            return None
    found = getattr(module, "LamostClass", None)
    return found if inspect.isclass(found) else None


def ask(release: Release, method: str, *args: Any, **options: Any) -> Any:
    """What a method of the module's client returns, asked on our session without its own cache and without a token.

    Parameters
    ----------
    release : Release
    method : str
        For example "query_region".
    args, options
        Handed on; options that the method does not know make it unfit.

    Raises
    ------
    UnfitError
    QueryError, LoginRequiredError
        The service's answer, as the module understood it.
    SpecvizError
        What our session raised.
    """
    client = _client(release)
    call = getattr(client, method, None)
    if not callable(call):
        raise UnfitError(method)
    try:
        known = inspect.signature(call).parameters
    except (TypeError, ValueError) as error:
        raise UnfitError(method) from error
    if "cache" in known:
        options["cache"] = False  # our own cache keeps it, by release and id
    if not set(options) <= set(known) and not any(p.kind is p.VAR_KEYWORD for p in known.values()):
        raise UnfitError(f"{method} does not know {sorted(set(options) - set(known))}")
    try:
        return call(*args, **options)
    except SpecvizError:
        raise
    except Exception as error:
        raise _sorted(error, method) from error


def _client(release: Release) -> Any:
    kind = lamost_class()
    if kind is None:
        raise UnfitError(MODULE)
    given = dict(token="", data_release=f"dr{release.number}", sub_version=release.version)
    try:
        known = inspect.signature(kind).parameters
        client = kind(**{name: value for name, value in given.items() if name in known})
    except (TypeError, ValueError) as error:
        raise UnfitError("its client is made differently") from error
    asks = (getattr(client, "data_release", None), getattr(client, "sub_version", None))
    if asks != (given["data_release"], given["sub_version"]):
        raise UnfitError(f"it asks {asks}")  # another release than the wanted one must not pass unnoticed
    client._session = session()
    return client


def _sorted(error: Exception, method: str) -> Exception:
    from astroquery.exceptions import InvalidQueryError, LoginError, RemoteServiceError

    words = " ".join(str(error).split())[:300]
    if isinstance(error, LoginError):
        return login_required(method)
    if isinstance(error, InvalidQueryError | RemoteServiceError):
        return QueryError(f"LAMOST refuses the question ({method}): {words}", service=SERVICE)
    _log.info("%s.%s failed with %s; asking without it", MODULE, method, type(error).__name__)
    return UnfitError(f"{method}: {type(error).__name__}")
