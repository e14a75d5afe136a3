"""Keep tokens out of logs and messages."""

from __future__ import annotations

import logging
import re

_SECRET = re.compile(r"(?i)\b((?:access_?)?token|password|passwd|apikey|api_key)=([^&\s\"']+)")


def redact(text: str) -> str:
    """``text`` with the value of every ``token=`` and ``password=`` replaced by ``***``."""
    return _SECRET.sub(r"\1=***", text)


class Redact(logging.Filter):
    """Redacts what another library is about to log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always lets the record through, without its secrets."""
        record.msg, record.args = redact(record.getMessage()), ()
        return True
