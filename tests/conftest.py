"""Fast test processes: a garbage collector that skips the libraries, SQLite that does not wait."""

import gc

import hypothesis  # noqa: F401 - its import looks for referrers, which are not found once they are frozen
import pytest
import sqlalchemy

# Whatever is imported stays, so that nothing is to be collected before the first test.
gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Takes the millions of objects that stay for good, modules and tests, out of every later collection.

    A full collection walks over them in half a second, and statsmodels, Optuna and Keras ask for one often.
    """
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """Give all of it back, so that what has a finaliser is collected before the libraries are gone."""
    gc.unfreeze()


@pytest.fixture(autouse=True, scope="module")
def _take_out_what_stays() -> None:
    """The same for what earlier files have imported and kept."""
    gc.collect()
    gc.freeze()


@sqlalchemy.event.listens_for(sqlalchemy.Engine, "connect")
def _do_not_wait_for_the_disk(connection, _) -> None:
    """A test's store need not outlive a power cut; what commands write in processes of their own still does."""
    if type(connection).__module__ == "sqlite3":
        connection.execute("PRAGMA synchronous = OFF")
