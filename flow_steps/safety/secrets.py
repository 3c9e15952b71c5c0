"""Secrets of the environment: which values are secret, and their masking in all that is printed."""

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
# A name that contains one of these words, unless it ends in one that is only about a secret (its file, its type).
_NAME = re.compile(
    r"(?!(OLD)?PWD$)(?!.*_(FILE|PATH|DIR|HOME|TYPE|URL|ID|NAME|DAYS|SECONDS?|COUNT|LIMIT|SIZE|LENGTH|ALGORITHM)$)"
    r"(.*_)?(API|ACCESS|PG|DB)?"
    r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|PAT|CREDENTIAL|CONNECTION_STRING)S?\d*(_.*)?",
    re.IGNORECASE,
)
_PASSWORD = re.compile(r"(://[^/:@\s]*):([^/@\s]+)@")
# Code hosts accept a token as the user name.
_WEB_USER = re.compile(r"(https?://)[^/@\s]+@")


def values() -> dict[str, str]:
    """Return the secrets of the environment with the names of their variables, longest first.

    These are the values of variables with names such as API_KEY, and the passwords within URLs.
    """
    variables: dict[str, str] = {}
    for name, value in dict(os.environ).items():
        passwords = [password for _, password in _PASSWORD.findall(value)]
        named = [value, *value.splitlines()] if _NAME.fullmatch(name) else []
        variables |= dict.fromkeys([*named, *passwords, *map(unquote, passwords)], name)
    return {
        secret: variables[secret] for secret in sorted(variables, key=len, reverse=True) if len(secret) >= _SHORTEST
    }


def masked(text: str) -> str:
    """Return the text without secrets, in whatever encoding, and without passwords in URLs."""
    for secret in values():
        for form in _forms(secret):
            text = text.replace(form, MASK)
    return _WEB_USER.sub(rf"\1{MASK}@", _PASSWORD.sub(rf"\1:{MASK}@", text))


def variable_of(text: str) -> str | None:
    """Return the name of the variable whose secret a text contains, None for a text without secrets."""
    return next((name for secret, name in values().items() if any(form in text for form in _forms(secret))), None)


def mask_output() -> None:
    """Mask secrets in log records, warnings and tracebacks of this process."""
    logging.setLogRecordFactory(_Record)
    logging.captureWarnings(True)
    sys.excepthook = _print_masked
    threading.excepthook = lambda args: _print_masked(args.exc_type, args.exc_value, args.exc_traceback)


def _forms(secret: str) -> list[str]:
    """Return the encodings of a secret, longest first: plain, in JSON or a repr, in a URL, in base64."""
    raw = secret.encode("utf-8", "surrogateescape")
    encoded = base64.b64encode(raw).decode("ascii").rstrip("=")
    addresses = {quote(raw), quote(raw, safe=""), quote_plus(raw)}
    return sorted(
        {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], *addresses, encoded}, key=len, reverse=True
    )


class _Record(logging.LogRecord):
    """A log record of any library, with its message and traceback masked."""

    _exc_text: str | None = None

    def getMessage(self) -> str:  # noqa: N802 - logging's name
        return masked(super().getMessage())

    @property
    def exc_text(self) -> str | None:
        """The traceback, once a formatter has rendered it."""
        return self._exc_text

    @exc_text.setter
    def exc_text(self, text: str | None) -> None:
        self._exc_text = text and masked(text)


def _print_masked(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> Any:
    sys.stderr.write(masked("".join(traceback.format_exception(kind, error, trace))))
