"""Secrets come from the environment alone: which values are secret, and how they stay out of what is printed."""

import base64
import json
import logging
import os
import re
import sys
import threading
import traceback
from types import TracebackType
from typing import Any
from urllib.parse import quote, quote_plus, unquote

MASK = "***"
# Shorter values ("1", "true", "gbm") are parts of ordinary words: masking them would garble every message.
_SHORTEST = 6
# A name with one of these words in it, unless it ends in a word that makes it the name of something about a secret.
_NAME = re.compile(
    r"(?!(OLD)?PWD$)(?!.*_(FILE|PATH|DIR|HOME|TYPE|URL|ID|NAME|DAYS|SECONDS?|COUNT|LIMIT|SIZE|LENGTH|ALGORITHM)$)"
    r"(.*_)?(API|ACCESS|PG|DB)?"
    r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|PAT|CREDENTIAL|CONNECTION_STRING)S?\d*(_.*)?",
    re.IGNORECASE,
)
_PASSWORD = re.compile(r"(://[^/:@\s]*):([^/@\s]+)@")
# Hosts of code take a token in place of the user's name.
_WEB_USER = re.compile(r"(https?://)[^/@\s]+@")


def values() -> dict[str, str]:
    """Return the secrets of the environment with their variables: values of telling names, passwords within addresses."""
    found: dict[str, str] = {}
    for name, value in dict(os.environ).items():
        passwords = [password for _, password in _PASSWORD.findall(value)]
        named = [value, *value.splitlines()] if _NAME.fullmatch(name) else []
        found |= dict.fromkeys([*named, *passwords, *map(unquote, passwords)], name)
    return {secret: found[secret] for secret in sorted(found, key=len, reverse=True) if len(secret) >= _SHORTEST}


def masked(text: str) -> str:
    """Return the text without secrets, in whatever spelling, and without passwords in addresses."""
    for secret in values():
        for form in _forms(secret):
            text = text.replace(form, MASK)
    return _WEB_USER.sub(rf"\1{MASK}@", _PASSWORD.sub(rf"\1:{MASK}@", text))


def source(text: str) -> str | None:
    """Return the variable whose secret a text holds, if it holds one."""
    return next((name for secret, name in values().items() if any(form in text for form in _forms(secret))), None)


def guard() -> None:
    """Mask secrets in whatever this process logs, warns of, or dies of."""
    logging.setLogRecordFactory(_Record)
    logging.captureWarnings(True)
    sys.excepthook = _report
    threading.excepthook = lambda died: _report(died.exc_type, died.exc_value, died.exc_traceback)


def _forms(secret: str) -> list[str]:
    """Return a secret's spellings, longest first: plain, within JSON or a repr, within an address, and in base64."""
    raw = secret.encode("utf-8", "surrogateescape")
    encoded = base64.b64encode(raw).decode("ascii").rstrip("=")
    addresses = {quote(raw), quote(raw, safe=""), quote_plus(raw)}
    return sorted(
        {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], *addresses, encoded}, key=len, reverse=True
    )


class _Record(logging.LogRecord):
    """A log record of any library; its message and its traceback come masked."""

    _exc_text: str | None = None

    def getMessage(self) -> str:  # noqa: N802 - logging's name
        return masked(super().getMessage())

    @property
    def exc_text(self) -> str | None:
        """The traceback, once a formatter has written it."""
        return self._exc_text

    @exc_text.setter
    def exc_text(self, text: str | None) -> None:
        self._exc_text = text and masked(text)


def _report(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> Any:
    sys.stderr.write(masked("".join(traceback.format_exception(kind, error, trace))))
