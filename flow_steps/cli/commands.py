"""All commands with their options and help; a step is imported only once its command line is parsed."""

import importlib
from collections.abc import Callable
from typing import Any

import click

from flow_steps.cli import options
from flow_steps.cli.click_classes import Command


def _command(
    *stack: options.Decorator, examples: tuple[str, ...]
) -> Callable[[Callable[..., None]], click.Command]:
    """Return a decorator that turns a function with a command's help into the command of that name."""

    def decorate(function: Callable[..., None]) -> click.Command:
        def run(**params: Any) -> None:
            importlib.import_module(f"flow_steps.{function.__name__}").run(params)

        command = click.command(function.__name__, cls=Command, examples=examples, help=function.__doc__)
        return command(options.stack(*stack)(run))

    return decorate


@_command(
    options.source, options.tickers, options.start, options.end, options.path, options.strict,
    options.allow_splits, options.seed,
    examples=(
        "--tickers AAPL,MSFT",
        "--source csv --path prices.csv --strict",
        "--source yahoo --tickers ^GSPC,BTC-USD --start 2010-01-01 --end 2024-12-31",
    ),
)  # fmt: skip
def download() -> None:
    """Load daily bars, repair or name what is wrong with them, and write prices.parquet."""


@_command(
    options.prices, options.horizon, options.max_lookback, options.valid_size, options.test_size,
    options.valid_start, options.test_start, options.scaler, options.target,
    examples=(
        "--prices runs:/<id>/prices.parquet",
        "--prices prices.parquet --horizon 10",
        "--prices prices.parquet --valid-start 2021-01-01 --test-start 2023-01-01",
    ),
)  # fmt: skip
def transform() -> None:
    """Compute features, split the dates and fit the scalers on the training rows."""


@_command(
    options.dataset, options.model, options.model_params, options.lookback, options.epochs, options.lstm_units,
    options.per_ticker, options.mondrian, options.online, options.early_stopping, options.seed, options.refit,
    examples=(
        "--dataset runs:/<id>/dataset --model har",
        "--dataset runs:/<id>/dataset --model lstm --epochs 20 --refit",
        '--dataset runs:/<id>/dataset --model lstm --model-params \'{"dropout": 0.1}\'',
    ),
)  # fmt: skip
def train() -> None:
    """Fit one model, calibrate it out of fold and log it as one bundle."""


@_command(
    options.dataset, options.trained_models, options.left_out, options.trials, options.headline_horizon,
    options.vis,
    examples=(
        "--dataset runs:/<id>/dataset --models models:/<id>",
        "--dataset runs:/<id>/dataset --models models:/<id>,models:/<id2>",
        "--dataset runs:/<id>/dataset --models models:/<id> --vis false",
    ),
)  # fmt: skip
def evaluate() -> None:
    """Forecast the test span with every model and judge each beside the naive forecast."""


@_command(
    options.dataset, options.models, options.all_params, options.folds, options.share, options.window,
    options.refit_every, options.lookback, options.epochs, options.lstm_units, options.per_ticker,
    options.mondrian, options.online, options.early_stopping, options.seed, options.headline_horizon, options.vis,
    examples=(
        "--dataset runs:/<id>/dataset --models naive,har",
        "--dataset runs:/<id>/dataset --models classical --folds 12",
        "--dataset runs:/<id>/dataset --models lstm --window rolling --refit-every 4",
    ),
)  # fmt: skip
def backtest() -> None:
    """Walk through the past: every model in every fold, judged together beside the naive forecast."""


@_command(
    options.dataset, options.audited_models, options.all_params, options.forecasts, options.quick,
    examples=(
        "--dataset runs:/<id>/dataset --models models:/<id>",
        "--dataset runs:/<id>/dataset --models classical",
        "--dataset runs:/<id>/dataset --models models:/<id> --quick",
    ),
)  # fmt: skip
def audit() -> None:
    """Look for leaks in a dataset, in the features and in models; fail where there is one."""


@_command(
    options.experiments, options.seeds, options.metric, *options.DATA, options.lookback, options.epochs,
    options.lstm_units, options.per_ticker, options.mondrian, options.online, options.early_stopping, options.seed,
    options.headline_horizon, options.vis, options.reuse,
    examples=(
        "--experiments experiments/quick.yaml --tickers AAPL,MSFT",
        "--experiments experiments/abc.yaml --seeds 5",
        "--experiments experiments/abc.yaml --epochs 5",
    ),
)  # fmt: skip
def compare() -> None:
    """Compare named experiments on the same data, with several seeds, and recommend one, or none.

    A file names them: each a model and what differs from its defaults. Data are downloaded and transformed once;
    what was trained before is not trained again. Results go to the MLflow experiment
    Financial-forecasting-pipeline, unless MLFLOW_EXPERIMENT_NAME says otherwise; those of mlflow run to the one of
    its own --experiment-name.
    """


@_command(
    options.tuned_models, options.n_trials, options.timeout, options.metric, options.timesteps,
    options.walk_forward, options.storage, *options.DATA, options.all_params, options.lookback, options.epochs,
    options.lstm_units, options.per_ticker, options.mondrian, options.online, options.seed, options.refit,
    options.headline_horizon, options.vis, options.reuse,
    examples=(
        "--models har,mlp --n-trials 12 --horizon 1",
        "--models lstm --timesteps 30 --walk-forward --timeout 3600",
        "--models har --metric rmse --tickers IBM",
    ),
)  # fmt: skip
def tune() -> None:
    """Tune models with Optuna on the past before the test span, then judge the best once.

    Each trial is a run with its curves and its score on the validation span, or on every fold of the past with
    --walk-forward. The same command goes on with a study that was stopped; with a database server as --storage,
    several can work at one. The best of each model is trained anew on training and validation rows for as many
    epochs as were best, and judged on the test span beside naive.
    """


@_command(
    options.forecast_model, options.model_params, options.forecast_source, options.tickers, options.path,
    options.start, options.date_end, options.strict, options.allow_splits, options.previous_time_window,
    options.next_time_window, options.above, options.output_format, options.vis, options.seed, options.reuse,
    examples=(
        "--tickers MSFT",
        "--source csv --path prices.csv --model garch --next-time-window 10 --above 250",
        "--model runs:/<id>/har_refit --format csv",
    ),
)  # fmt: skip
def predict() -> None:
    """Forecast the days after the last bar: with a model that is fitted now, or with a saved one.

    A model that is fitted now was judged on nothing yet: run main or backtest to know how far to trust it.
    """


# In the order in which `--help` shows them: single steps, then flows, which are made of steps.
STEPS = {step.name: step for step in (download, transform, train, evaluate, backtest, audit)}
FLOWS = {flow.name: flow for flow in (predict, compare, tune)}
