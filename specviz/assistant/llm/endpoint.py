"""``Endpoint``: where a language model is asked, told by the environment or by a program; nowhere unless told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from specviz.errors import OptionError

#: Environment variables, the first that is set counts.
BASE_URL = ("SPECVIZ_LLM_BASE_URL", "OPENAI_BASE_URL")
API_KEY = ("SPECVIZ_LLM_API_KEY", "OPENAI_API_KEY")
MODEL = ("SPECVIZ_LLM_MODEL", "OPENAI_MODEL")


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible server: Ollama, vLLM, LM Studio, LiteLLM, or a service.

    Parameters
    ----------
    base_url : str
        Up to and with the version, such as ``http://localhost:11434/v1``.
    model : str
        Name of the language model there.
    key : str
        Sent as a bearer token, where one is needed; never shown.
    timeout : float
        Seconds that one answer may keep silent.

    Raises
    ------
    OptionError
        If the address is none, or no model is named.
    """

    base_url: str
    model: str
    key: str = field(default="", repr=False)
    timeout: float = 60.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise OptionError(
                f"{self.base_url[:80]!r} is no address of a language model", expected="http://localhost:11434/v1"
            )
        if parts.username or parts.password:
            raise OptionError("The address holds a password", remedy=f"Set {API_KEY[0]} instead")
        if not self.model.strip():
            raise OptionError("No language model is named", expected=f"a name in {MODEL[0]}")
        if not 0 < self.timeout <= 600:
            raise OptionError(f"timeout={self.timeout}", expected="seconds, at most 600")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Endpoint | None:
        """The endpoint that the environment names; None where it names no address: a key alone asks nobody."""
        told = os.environ if environment is None else environment
        base_url = _first(told, BASE_URL)
        if not base_url:
            return None
        return cls(base_url.rstrip("/"), _first(told, MODEL), _first(told, API_KEY))

    @property
    def host(self) -> str:
        """The machine that is asked."""
        return urlsplit(self.base_url).hostname or ""

    @classmethod
    def named(cls, remedy: str) -> Endpoint:
        """The endpoint that the environment names.

        Parameters
        ----------
        remedy : str
            What to do where it names none, as one does it there.

        Raises
        ------
        OptionError
            If it names none.
        """
        found = cls.from_environment()
        if found is None:
            raise OptionError("No language model is configured", expected=f"an address in {BASE_URL[0]}", remedy=remedy)
        return found

    @property
    def local(self) -> bool:
        """Whether it is on this machine."""
        return self.host in ("localhost", "127.0.0.1", "::1")


def _first(told: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((told[name].strip() for name in names if told.get(name, "").strip()), "")
