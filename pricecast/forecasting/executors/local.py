"""Run the fits of a walk-forward in parallel processes, one thread each."""

import os
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import cache

import psutil
from joblib import Parallel, cpu_count, delayed
from threadpoolctl import threadpool_limits

from pricecast import models
from pricecast.dataset.dataset import Dataset
from pricecast.errors import InputError
from pricecast.failures import Failure, ModelError, one_model
from pricecast.forecasting import walk_forward
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.walk_plan import Fit

Result = OutOfFold | Failure
_EVERY = 1.0  # seconds


def results(fits: Sequence[Fit], dataset: Dataset, jobs: int | None = None) -> Iterator[tuple[int, Result]]:
    """Run all fits, and yield the number of each with its forecasts as they come; the same bits whatever `jobs`.

    A fit that fails yields the reason instead; further fits of its model are not begun.

    Args:
        fits: fits to run.
        dataset: dataset that they learn from.
        jobs: number of processes, by default one for each usable core; 1 stays in this one.
    """
    failed: set[str] = set()
    left = ((number, fit) for number, fit in enumerate(fits) if fit.candidate.name not in failed)
    for number, result in _run(left, fits, dataset, min(jobs or cpu_count(), len(fits))):
        if isinstance(result, Failure):
            failed.add(fits[number].candidate.name)
        yield number, result


def _run(
    left: Iterator[tuple[int, Fit]], fits: Sequence[Fit], dataset: Dataset, jobs: int
) -> Iterator[tuple[int, Result]]:
    """Run the fits that are left, in this process or in others, which import the models of all fits."""
    if jobs <= 1:
        yield from ((number, _alone(fit, dataset)) for number, fit in left)
        return
    names = {part for fit in fits for part in models.parts(fit.candidate.name, dict(fit.candidate.params))}
    parallel = Parallel(
        jobs,
        backend="loky",
        return_as="generator_unordered",
        batch_size=1,
        initializer=_load,
        initargs=(sorted(names),),
    )
    with warnings.catch_warnings():
        # loky replaces a process that has grown, and no fit is lost. Where a warning is an error, its thread would
        # die of it, and nobody would hand out the fits that are left.
        warnings.filterwarnings("ignore", "A worker stopped", UserWarning)
        try:
            yield from parallel(delayed(_child)(os.getpid(), number, fit, dataset) for number, fit in left)
        except BrokenProcessPool as error:
            raise InputError(
                f"expected {jobs} processes that fit models to live, got one that was killed, as the system does "
                "where memory runs out: name fewer models or tickers, or leave fewer cores (taskset)"
            ) from error


def _load(names: Sequence[str]) -> None:
    """Import the models at the start: a process that grows after its first fit is taken for one that leaks."""
    for name in names:
        with suppress(ModelError):  # the fit itself tells
            models.load(name)


def _child(parent: int, number: int, fit: Fit, dataset: Dataset) -> tuple[int, Result]:
    _follow(parent)
    return number, _alone(fit, dataset)


def _alone(fit: Fit, dataset: Dataset) -> Result:
    try:
        with threadpool_limits(1), one_model(fit.candidate.name, f"be fitted ({fit.name})"):
            return walk_forward.run_fit(fit, dataset)
    except ModelError as error:
        return error.failure


@cache
def _follow(parent: int) -> None:
    """End this process once its parent is gone: a fit may take minutes that nobody waits for."""

    def watch() -> None:
        while os.getppid() == parent and psutil.pid_exists(parent):
            time.sleep(_EVERY)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
