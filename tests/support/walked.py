"""Small backtests in a store of their own: what to call, and what a run of one left."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from click.testing import CliRunner, Result
from mlflow import MlflowClient
from mlflow.entities import Run

from flow_steps import backtest
from pricecast.forecasting import walk_forward
from pricecast.forecasting.executors import local
from tests.support.market_samples import small_dataset
from tests.support.stores import empty_database, fresh_store, inside

LONG = (("AAA", 700), ("BBB", 560))
SMALL = {"folds": "2", "share": "0.3", "models": "drift", "vis": "false"}


@contextmanager
def home(folder: Path) -> Iterator[Path]:
    """This process in a folder with an empty store; yields a dataset's folder."""
    with inside(folder):
        fresh_store(empty_database(), folder)
        yield small_dataset(LONG, horizon=2).save(folder / "dataset")


def words(dataset: Path | str, **params: str) -> list[str]:
    """The command line of a backtest."""
    given = {"dataset": str(dataset), **SMALL, **params}
    return [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", value)]


def call(dataset: Path | str, **params: str) -> tuple[Run, Result]:
    """A backtest that succeeds: its run, and what it printed."""
    done = CliRunner().invoke(backtest.main, words(dataset, **params))
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return backtests()[-1], done


def refusal(dataset: Path | str, **params: str) -> str:
    """A backtest that ends with one line for the user: that line."""
    done = CliRunner().invoke(backtest.main, words(dataset, **params))
    assert isinstance(done.exception, SystemExit), repr(done.exception)
    assert "Traceback" not in done.output
    (line,) = [line for line in done.output.splitlines() if line.startswith("Error: ")]
    assert done.output.rstrip().endswith(line)
    return line


def backtests(status: str = "") -> list[Run]:
    """The runs of backtests, oldest first."""
    runs = MlflowClient().search_runs(["0"], order_by=["start_time ASC"])
    return [run for run in runs if run.info.run_name.startswith("backtest") and status in run.info.status]


def place(run: Run) -> Path:
    """The folder of a run's artifacts."""
    return Path(run.info.artifact_uri.removeprefix("file://"))


def forecasts(run: Run) -> pd.DataFrame:
    """The forecasts table that a run left."""
    return pd.read_parquet(place(run) / "forecasts.parquet")


@contextmanager
def counted(patch) -> Iterator[list[str]]:
    """Within it fits stay in this process; yields the model and place of each, as they come."""
    made: list[str] = []
    run = walk_forward.run_fit

    def spy(fit, dataset):
        made.append(f"{fit.candidate.name}, {fit.name}")
        return run(fit, dataset)

    with patch.context() as within:
        within.setattr(local, "cpu_count", lambda: 1)
        within.setattr(walk_forward, "run_fit", spy)
        yield made
