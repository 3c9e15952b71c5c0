"""One-line explanations of failures that are no bugs: what was expected, what came, what to do."""

from collections.abc import Iterator

import requests
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.tracking import get_tracking_uri

from flow_steps.safety import remedies, store
from pricecast.errors import InputError, is_full_disk

_MISSING = ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)
_RETRY = "and run the same command again: finished steps are reused"


def explain(error: BaseException) -> str | None:
    """Return a line for an error that its reader can correct, None for a bug."""
    line = store.first_line(error)
    if isinstance(error, InputError):
        return str(error)
    if full := next((cause for cause in _causes(error) if _is_full(cause)), None):
        return f"expected room on the disk, got: {store.first_line(full)}. Free some {_RETRY}"
    if isinstance(error, OSError) and error.errno in remedies.NOT_PERMITTED:
        return f"expected a place that can be written to, got: {line}. Change it {_RETRY}"
    if getattr(error, "error_code", "") == _MISSING:
        return f"expected what earlier steps left at {get_tracking_uri()}, got: {line}. Bring it back {_RETRY}"
    if (isinstance(error, ImportError) or remedies.status_of(error)) and (mend := remedies.remedy(error)):
        return f"expected the store at {get_tracking_uri()} to take this, got: {line}. {mend} {_RETRY}"
    if isinstance(error, (*store.FAILURES, requests.RequestException)) and not _is_misuse(error):
        return f"expected the tracking store at {get_tracking_uri()} to answer, got: {line}. Bring it back {_RETRY}"
    return None


def _is_misuse(error: BaseException) -> bool:
    """Return whether the store answered and refused the request itself."""
    return getattr(error, "error_code", "") == ErrorCode.Name(INVALID_PARAMETER_VALUE)


def _is_full(error: BaseException) -> bool:
    # SQLite's message; its driver gives no error number.
    return is_full_disk(error) or "database or disk is full" in str(error)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its chain of causes."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
