"""Failures of single models: each becomes a reason in one line, and the other models are judged without it."""

import traceback
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from pricecast.errors import InputError, is_full_disk

# Reasons of all models together have to fit into one parameter of a run.
_LONGEST = 240


@dataclass(frozen=True)
class Failure:
    """Reason why a model was left out, in one line, and the traceback of the error behind it, if there was one."""

    reason: str
    trace: str = ""


class ModelError(InputError):
    """One model cannot be fitted, kept or forecast with; others may well be."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


@contextmanager
def one_model(name: str, deed: str, passed: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn whatever a model raises in the block into a `ModelError`; a full disk is no model's failure.

    Args:
        name: label of the model.
        deed: what it cannot do, such as "be fitted".
        passed: errors of others, such as a store, which go on as they are.

    Raises:
        ModelError: the model failed.
    """
    try:
        yield
    # Whatever somebody's model raises, it is the failure of that model alone.
    except Exception as error:
        if isinstance(error, (ModelError, *passed)) or is_full_disk(error):
            raise
        trace = "".join(traceback.format_exception(error))
        reason = str(InputError(f"{name} cannot {deed}: {_line(error)}"))  # in printable characters
        raise ModelError(Failure(reason, trace)) from error


def check_left(failures: Mapping[str, Failure], names: Collection[str]) -> None:
    """Refuse a judgement in which every model that was asked for failed.

    Args:
        failures: by label of the model.
        names: labels of the models that were asked for.

    Raises:
        InputError: none of them is left; the message gives the reasons.
    """
    if names and failures.keys() >= set(names):
        reasons = "; ".join(failures[name].reason for name in names)
        raise InputError(f"expected a model that can be judged, got none of {len(names)}: {reasons}")


def _line(error: Exception) -> str:
    """Return the message of an error in one line without its end sign, its kind before it where it is not ours."""
    message = " ".join(str(error).split()).rstrip(".")
    kind = type(error).__name__
    line = message if message and isinstance(error, InputError) else f"{kind}: {message}" if message else kind
    half = _LONGEST // 2
    return line if len(line) <= _LONGEST else f"{line[:half]} ... {line[-half:]}"
