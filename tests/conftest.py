"""What holds for every test process: the imported libraries are no matter of the garbage collector's."""

import gc

import hypothesis  # noqa: F401 - its import looks for referrers, which are not found once they are frozen
import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Takes the millions of objects that stay for good, modules and tests, out of every later collection.

    A full collection walks over them in half a second, and statsmodels, Optuna and torch ask for one often.
    """
    gc.collect()
    gc.freeze()
