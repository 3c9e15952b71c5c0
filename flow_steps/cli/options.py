"""All click options of the project. MLproject repeats them; a test holds the two equal."""

from collections.abc import Callable
from typing import Any

import click

from flow_steps.cli import click_classes
from flow_steps.cli.names import Addresses, ModelNames, Name
from flow_steps.cli.types import Address, Date, Params, Tickers, Url
from pricecast import defaults
from pricecast import models as registry
from pricecast.data import sources

FORMATS = ("table", "csv", "json")  # of a printed forecast
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
# By default those of them whose packages are installed; whoever names others wants each of them.
MODELS = ("naive", "ewma", "drift", "lstm")


def _switch(name: str, default: bool, text: str) -> Decorator:
    # No flag, as a command template of MLproject cannot leave an option out; bare, it means true.
    return click.option(
        f"--{name}", cls=click_classes.Option, type=click.BOOL, is_flag=False, flag_value="true",
        default=str(default).lower(), show_default=True, metavar="[true|false]", help=text,
    )  # fmt: skip


def _option(flag: str, kind: Any, default: Any, text: str) -> Decorator:
    return click.option(
        f"--{flag}", cls=click_classes.Option, type=kind, default=default, show_default=default != "", help=text
    )


def _required(flag: str, kind: Any, text: str) -> Decorator:
    return click.option(f"--{flag}", cls=click_classes.Option, type=kind, required=True, help=text)


source = _option(
    "source",
    Name("source", sources.check_name),
    "sample",
    f"Where the bars come from: {', '.join(sources.names())}; with --path alone, csv.",
)
tickers = _option(
    "tickers", Tickers(), "", "Tickers, such as AAPL,MSFT; empty: all of a csv source, AAPL of the sample."
)
start = _option("start", Date(), "", "First date, YYYY-MM-DD; empty: as far back as there is.")
end = _option("end", Date(), "", "Last date, YYYY-MM-DD; empty: as late as there is.")
path = _option("path", Address(), "", "The file or folder to read (source csv). synthetic: gbm, ewma or planted.")
strict = _switch("strict", False, "Refuse bars that would need a repair.")
allow_splits = _switch("allow-splits", False, "Accept jumps that look like splits nobody adjusted for.")
prices = _required("prices", Address(), "Prices table: runs:/<id>/prices.parquet or a file.")
dataset = _required("dataset", Address(), "Dataset: runs:/<id>/dataset or a folder.")
horizon = _option("horizon", click.IntRange(1, defaults.LONGEST_HORIZON), defaults.HORIZON, "Trading days ahead.")
max_lookback = _option(
    "max-lookback",
    click.IntRange(1, defaults.LONGEST_LOOKBACK),
    defaults.MAX_LOOKBACK,
    "Days of context behind every origin, at least any lookback.",
)
test_size = _option(
    "test-size", click.FloatRange(0, 1, True, True), defaults.TEST_SIZE, "Share of the dates to test on."
)
valid_size = _option(
    "valid-size",
    click.FloatRange(0, 1, True, True),
    defaults.VALID_SIZE,
    "Share of the dates to stop early and calibrate on.",
)
valid_start = _option("valid-start", Date(), "", "First validation date, instead of the shares.")
test_start = _option("test-start", Date(), "", "First test date, instead of the shares.")
scaler = _option("scaler", click.Choice(["standard", "minmax", "robust"]), defaults.SCALER, "Scaler of X and y.")
target = _option(
    "target", click.Choice(["return", "price"]), defaults.TARGET,
    "Learn returns, or price levels as the textbooks do (R2 flatters levels, and later dividends move them).",
)  # fmt: skip
model = _required(
    "model", Name("model", registry.check_name), "The model to train: a file name in pricecast/models."
)
models = _option(
    "models", ModelNames(), ",".join(MODELS),
    f"Models to train and compare: names, {', '.join(registry.FAMILIES)} or {registry.ALL}.",
)  # fmt: skip
left_out = _option(
    "left-out", Params(), "{}", 'Models that were left out before, with reasons: \'{"knn": "it has no data"}\'.'
)
headline_horizon = _option(
    "headline-horizon",
    click.IntRange(1, defaults.LONGEST_HORIZON),
    defaults.HEADLINE_HORIZON,
    "Trading days ahead that verdict, leaderboard and marks are about, of those that are forecast.",
)
trials = _option(
    "trials", click.IntRange(0, 1_000_000), 0, "Settings that were tried on earlier dates to choose the models."
)
folds = _option("folds", click.IntRange(1, 1000), defaults.FOLDS, "Folds to walk through.")
share = _option(
    "share", click.FloatRange(0, 1, True, True), defaults.SHARE, "Share of the dates to walk through, the newest."
)
window = _option(
    "window",
    click.Choice(defaults.WINDOWS),
    defaults.WINDOWS[0],
    "Learn from all of the past, or from as much as the first fold has.",
)
refit_every = _option(
    "refit-every", click.IntRange(1, 1000), defaults.REFIT_EVERY,
    "Folds that one fit of a model that stops early (networks, boosted trees) forecasts.",
)  # fmt: skip
trained_models = _required("models", Addresses(), "Models to judge: models:/<id>, separated by commas.")
audited_models = _required(
    "models", Addresses(),
    f"Models to audit: models:/<id>, names, {', '.join(registry.FAMILIES)} or {registry.ALL}, separated by commas.",
)  # fmt: skip
forecasts = _option(
    "forecasts", Address(), "", "Forecasts that were judged: runs:/<id>/forecasts.parquet; empty: made anew."
)
quick = _switch("quick", False, "Audit in seconds: features, spans, scores and live forecasts, no fits.")
model_params = _option("model-params", Params(), "{}", "The model's parameters: '{\"dropout\": 0.1}'.")
all_params = _option("model-params", Params(), "{}", 'Parameters by model: \'{"lstm": {"dropout": 0.1}}\'.')
lookback = _option(
    "lookback", click.IntRange(0, defaults.LONGEST_LOOKBACK), 0, "Days a model sees; 0: the model's own default."
)
epochs = _option(
    "epochs",
    click.IntRange(0, 100_000),
    0,
    "Most epochs, or boosting rounds, to train for; 0: the model's own default.",
)
lstm_units = _option(
    "lstm-units", click.IntRange(0, 4096), 0, "Hidden size of the networks; 0: each one's own default."
)
per_ticker = _switch("per-ticker", False, "Fit a model for each ticker instead of one for all.")
mondrian = _switch("mondrian", True, "Calibrate calm, middle and wild days of a ticker each by themselves.")
online = _switch("online", True, "Let the outcomes of earlier forecasts go on moving the quantiles after the fit.")
early_stopping = _switch(
    "early-stopping", True,
    "Stop a network or boosting at the lowest validation loss; false: all --epochs, on validation rows, too.",
)  # fmt: skip
seed = _option("seed", click.IntRange(0, 2**32 - 1), 0, "Seed of all that is random.")
refit = _switch("refit", False, "Also fit once more on all rows: the model that predicts tomorrow has seen today.")
vis = _switch("vis", True, "Draw the pictures of the report.")
reuse = _switch("reuse", True, "Reuse finished steps whose code, parameters and inputs are the same.")


metric = _option(
    "metric", click.Choice(defaults.METRICS), defaults.METRICS[0],
    "What the best is chosen by: the loss of the distribution, or an error of the point forecast.",
)  # fmt: skip
experiments = _required("experiments", Address(), "The file of experiments, such as experiments/abc.yaml.")
seeds = _option(
    "seeds", click.IntRange(1, 100), 3, "Trainings of each experiment, from --seed on: what seeds alone change."
)
tuned_models = _option(
    "models",
    ModelNames(empty=True),
    "",
    "Models to tune: names or families; empty: all that have something to tune.",
)
n_trials = _option(
    "n-trials", click.IntRange(1, 100_000), 20, "Trials of each model, those of earlier calls included."
)
timeout = _option("timeout", click.IntRange(0), 0, "Seconds after which no trial is begun; 0: no limit.")
timesteps = _option(
    "timesteps",
    click.IntRange(0, defaults.LONGEST_LOOKBACK),
    0,
    "Days a model sees; 0: the optimiser chooses them.",
)
walk_forward = _switch(
    "walk-forward", False, "Score a trial on all folds of the past instead of the validation span alone."
)
storage = _option(
    "storage", Url(), "sqlite:///optuna.db", "Where studies are kept: a URL of SQLAlchemy's without a password."
)
forecast_source = _option(
    "source", str, "",
    f"Where the bars come from: {', '.join(sources.names())}; empty: where those came from that the saved model "
    "learned from, else the sample.",
)  # fmt: skip
forecast_model = _option(
    "model", Address(), "har",
    "The model: a name, which is fitted now, or a saved one: runs:/<id>/<name>, models:/...",
)  # fmt: skip
date_end = _option("date-end", Date(), "", "Last known date, YYYY-MM-DD; empty: as late as there is.")
previous_time_window = _option(
    "previous-time-window", click.IntRange(1, 10_000), 60, "Days of the past in the picture and in history.csv."
)
next_time_window = _option(
    "next-time-window", click.IntRange(0, defaults.LONGEST_HORIZON), 0,
    f"Trading days ahead; 0: all that the saved model forecasts, {defaults.HORIZON} of one that is fitted now.",
)  # fmt: skip
above = _option(
    "above", click.FloatRange(min=0), 0.0, "A price: the chance of a close above it on each day; 0: none."
)
output_format = _option("format", click.Choice(FORMATS), FORMATS[0], "What is printed.")
# Options of download and transform in the flows main, compare and tune.
DATA = (
    source, tickers, start, end, path, strict, allow_splits, horizon, max_lookback, valid_size, test_size,
    valid_start, test_start, scaler, target,
)  # fmt: skip


def stack(*options: Decorator) -> Decorator:
    """Apply options in reading order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate
