"""What a person can do about a failure that is no bug of ours: one line each."""

import errno
from collections.abc import Iterator

import requests
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.tracking import get_tracking_uri

from flow_steps.safety import store
from pricecast.errors import InputError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_GONE = ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)
_NO_RIGHTS = {errno.EACCES, errno.EPERM, errno.EROFS}
_AGAIN = "and run the same command again: finished steps are reused"


def explain(error: BaseException) -> str | None:
    """One line for an error that its reader can mend; None for what is a bug."""
    line = store.first_line(error)
    if isinstance(error, InputError):
        return str(error)
    if full := next((cause for cause in _causes(error) if _is_full(cause)), None):
        return f"expected room on the disk, got: {store.first_line(full)}. Free some {_AGAIN}"
    if isinstance(error, OSError) and error.errno in _NO_RIGHTS:
        return f"expected a place that can be written to, got: {line}. Change it {_AGAIN}"
    if getattr(error, "error_code", "") == _GONE:
        return f"expected what earlier steps left at {get_tracking_uri()}, got: {line}. Bring it back {_AGAIN}"
    if isinstance(error, (*store.FAILURES, requests.RequestException)) and not _is_misuse(error):
        return f"expected the tracking store at {get_tracking_uri()} to answer, got: {line}. Bring it back {_AGAIN}"
    return None


def _is_misuse(error: BaseException) -> bool:
    """Whether the store answered, and what it did not like was the question."""
    return getattr(error, "error_code", "") == ErrorCode.Name(INVALID_PARAMETER_VALUE)


def _is_full(error: BaseException) -> bool:
    # SQLite's own words; its driver gives no number.
    return (isinstance(error, OSError) and error.errno in _NO_ROOM) or "database or disk is full" in str(error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
