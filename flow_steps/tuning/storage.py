"""The storage of Optuna's studies: a database, opened or created, and one line where it cannot be used."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import optuna
from alembic.util import CommandError
from filelock import FileLock
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random

from flow_steps.safety import databases, remedies, secrets, store
from flow_steps.tuning import takeover
from pricecast.errors import InputError

# No trial is pruned before there are others to compare it with, nor in its first epochs.
PRUNER = {"n_startup_trials": 5, "n_warmup_steps": 2}
_HEARTBEAT_INTERVAL = 20  # seconds
_LONGEST_CREATION = 60.0  # seconds
_EXAMPLE = "such as sqlite:///optuna.db"
_FAILURES = (SQLAlchemyError, StorageInternalError, CommandError)


@contextmanager
def explained(url: str, *more: type[Exception]) -> Iterator[None]:
    """Explain in one line why a storage cannot be used.

    Args:
        url: of the storage.
        more: types of errors with this meaning, besides those of a database.

    Raises:
        InputError: in place of the error.
    """
    try:
        yield
    except (*_FAILURES, *more) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ else error
        mend = remedies.remedy(cause) or ("" if url.startswith("sqlite") else "Start its server")
        choose = f"{mend} or choose" if mend else "Choose"
        raise InputError(
            f"expected a storage for studies at {secrets.masked(url)}, got: {store.first_line(cause)}. {choose} "
            "another --storage; the same command goes on where it stopped"
        ) from error


def open_storage(url: str) -> RDBStorage:
    """Open or create a storage.

    Raises:
        InputError: there is no such database, or one that studies cannot be kept in.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with explained(url, ArgumentError, ImportError, OSError):
        if databases.is_in_memory(url):
            raise InputError(f"expected a storage that outlasts the command, got {url}: give a file, {_EXAMPLE}")
        databases.check_writable(url)
        if path := databases.file_of(url):
            with FileLock(f"{path}.lock", timeout=_LONGEST_CREATION):
                return _open(url)
        return _open(url)


def _check_owner(url: str) -> None:
    """Refuse MLflow's database, in which Optuna would make its tables before it fails."""
    tables, _ = databases.content_of(url)
    if databases.owner_of(tables) == "MLflow":
        raise InputError(
            f"expected a database of Optuna's own at {secrets.masked(url)}, got MLflow's store: choose another "
            f"--storage, {_EXAMPLE}"
        )


# Where two workers create the tables at once, the second one finds them at its next attempt.
@retry(retry=retry_if_exception_type(_FAILURES), stop=stop_after_attempt(4), wait=wait_random(0.1, 1), reraise=True)
def _open(url: str) -> RDBStorage:
    _check_owner(url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # the heartbeat is one since 2021
        try:
            return RDBStorage(
                url, heartbeat_interval=_HEARTBEAT_INTERVAL, grace_period=takeover.GRACE_PERIOD,
                heartbeat_stale_trial_callback=takeover.requeue, engine_kwargs={"pool_pre_ping": True},
            )  # fmt: skip
        except RuntimeError as error:
            raise _other_schema(url, error) from error


def _other_schema(url: str, error: RuntimeError) -> InputError:
    """Return the refusal of a storage of another schema, in place of Optuna's message, which names no storage."""
    shown = secrets.masked(url)
    is_older = "storage upgrade" in str(error)
    mend = f"back it up, then run `optuna storage upgrade --storage {shown}`" if is_older else "install that Optuna"
    return InputError(
        f"expected a storage as Optuna {optuna.__version__} keeps it at {shown}, got one of "
        f"{'an older' if is_older else 'a newer'} Optuna's: {mend}, or choose another --storage"
    )


def open_study(name: str, storage: RDBStorage) -> optuna.Study:
    """Open or create the study of a name."""
    return optuna.create_study(
        storage=storage, study_name=name, direction="minimize", load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(**PRUNER),
    )  # fmt: skip
