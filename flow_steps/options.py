"""Every click option of the project, declared once. MLproject repeats them; a test holds the two equal."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from pricecast import defaults, sources
from pricecast.errors import InputError
from pricecast.schema import parse_ticker

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Date(click.ParamType):
    """A day as YYYY-MM-DD, or nothing."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the day as text, so that it logs and hashes as typed."""
        text = str(value).strip()
        try:
            return text and f"{datetime.strptime(text, '%Y-%m-%d'):%Y-%m-%d}"
        except ValueError:
            self.fail(f"expected a date as YYYY-MM-DD, got {text!r}", param, ctx)


class Tickers(click.ParamType):
    """Tickers, separated by commas; upper case, each once."""

    name = "tickers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the tickers as one text."""
        try:
            found = [parse_ticker(part) for part in str(value).split(",") if part.strip()]
        except InputError as error:
            self.fail(str(error), param, ctx)
        return ",".join(dict.fromkeys(found))


class Params(click.ParamType):
    """A JSON object."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the object in its canonical spelling."""
        try:
            parsed = json.loads(value or "{}")
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            self.fail(f"expected a JSON object such as '{{\"dropout\": 0.1}}', got {str(value)[:60]!r}", param, ctx)
        return json.dumps(parsed, sort_keys=True)


class Names(click.ParamType):
    """Names, separated by commas, each once."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the names as one text."""
        found = [part.strip() for part in str(value).split(",") if part.strip()]
        if not found:
            self.fail("expected at least one name, got none", param, ctx)
        return ",".join(dict.fromkeys(found))


def _switch(name: str, default: bool, text: str) -> Decorator:
    # No flags: a command template of MLproject cannot leave an option out.
    return click.option(f"--{name}", type=click.BOOL, default=default, show_default=True, help=text)


def _option(name: str, kind: Any, default: Any, text: str) -> Decorator:
    return click.option(f"--{name}", type=kind, default=default, show_default=default != "", help=text)


def _required(name: str, text: str) -> Decorator:
    return click.option(f"--{name}", required=True, help=text)


source = _option("source", str, "sample", f"Where the bars come from: {', '.join(sources.names())}.")
tickers = _option(
    "tickers", Tickers(), "", "Tickers, such as AAPL,MSFT; empty: all of a csv source, AAPL of the sample."
)
start = _option("start", Date(), "", "First date, YYYY-MM-DD; empty: as far back as there is.")
end = _option("end", Date(), "", "Last date, YYYY-MM-DD; empty: as late as there is.")
path = _option("path", str, "", "csv: the file or folder to read. synthetic: gbm, ewma or planted.")
strict = _switch("strict", False, "Refuse bars that would need a repair.")
allow_splits = _switch("allow-splits", False, "Accept jumps that look like splits nobody adjusted for.")
prices = _required("prices", "Prices table: runs:/<id>/prices.parquet or a file.")
dataset = _required("dataset", "Dataset: runs:/<id>/dataset or a folder.")
horizon = _option("horizon", click.IntRange(1, 60), defaults.HORIZON, "Trading days ahead.")
max_lookback = _option(
    "max-lookback",
    click.IntRange(1, 1000),
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
model = _required("model", "The model to train: a file name in pricecast/models.")
models = _option("models", Names(), "naive,ewma,drift,lstm", "Models to train and compare, by file name.")
bundles = click.option(
    "--models",
    "bundles",
    type=Names(),
    required=True,
    help="Models to judge: models:/<id>, separated by commas.",
)
model_params = _option("model-params", Params(), "{}", "The model's parameters: '{\"dropout\": 0.1}'.")
all_params = _option("model-params", Params(), "{}", 'Parameters by model: \'{"lstm": {"dropout": 0.1}}\'.')
lookback = _option("lookback", click.IntRange(0), 0, "Days a model sees; 0: the model's own default.")
epochs = _option("epochs", click.IntRange(0), 0, "Most epochs to train for; 0: the model's own default.")
lstm_units = _option("lstm-units", click.IntRange(0), 0, "Hidden size of the LSTM; 0: its default.")
seed = _option("seed", click.IntRange(0), 0, "Seed of all that is random.")
refit = _switch("refit", False, "Also fit once more on all rows: the model that predicts tomorrow has seen today.")
vis = _switch("vis", True, "Draw the pictures of the report.")
reuse = _switch("reuse", True, "Reuse finished steps whose code, parameters and inputs are the same.")


def stack(*options: Decorator) -> Decorator:
    """Applies options in reading order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate
