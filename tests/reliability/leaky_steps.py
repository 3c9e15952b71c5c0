"""Mistakes behind the features, planted one at a time in splits, fits, forecasts and scoring: is each one seen?"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from pricecast import models
from pricecast.audit import checks, protocol, subjects
from pricecast.audit.violations import Violation
from pricecast.dataset import splits
from pricecast.dataset.checks import has_context
from pricecast.dataset.dataset import Dataset, build
from pricecast.dataset.panel import targets
from pricecast.dataset.scalers import Scalers
from pricecast.evaluation import evaluate
from pricecast.forecasting import fitting
from pricecast.forecasting.calibration import calibrate
from pricecast.forecasting.forecaster import Forecaster
from pricecast.models import Forecast, naive
from tests.support.market_samples import SMALL, market
from tests.support.stress import Count, answer, one_text

BUILD = {"horizon": 3, "max_lookback": 20}
LENGTHS = {"AAA": 420, "BBB": 360}
FEW = 3

Found = list[Violation]


def ours(n: int) -> Count:
    """Plants every mistake in `n` markets; a bad one is missed."""
    missed = [
        f"{name}, market {seed}"
        for seed in range(n)
        for name, (check, plant) in MISTAKES.items()
        if check not in {violation.check for violation in plant(seed)}
    ]
    return Count(n * len(MISTAKES), missed)


MARKETS = 5


def alarms(n: int) -> Count:
    """Checks every honest model and split in `n` markets; a bad one is flagged."""
    watched = [(f"{name}, market {seed}", found) for seed in range(n) for name, found in honest(seed)]
    return Count(len(watched), [text for name, found in watched for text in one_text(name, list(map(str, found)))])


def honest(seed: int) -> Iterator[tuple[str, Found]]:
    """Violations found in the splits and windows, and of a fifth of the models: five markets see them all."""
    for target in ("return", "price"):
        data, prices = dataset(seed, target), market(LENGTHS, seed=seed)
        panel = data.panel()
        yield f"spans, {target}", protocol.spans(data.features, BUILD["horizon"])
        for split in ("train", "valid", "test"):
            found = protocol.windows(panel.tickers, data.origins(split), BUILD["max_lookback"])
            yield f"windows of {split}, {target}", found
        for name in models.names()[seed % MARKETS :: MARKETS]:
            params = models.settle(name, {}, SMALL)
            fit = subjects.fitting(name, params, target=target, **BUILD)
            yield f"fit of {name}, {target}", protocol.fits(fit, prices, test_start(data))
            fitted = fitting.fit(name, params, data)
            compute = subjects.forecasting(fitted)
            yield (
                f"forecasts of {name}, {target}",
                checks.forecasts(compute, prices, FEW, seed, fitted.about.across),
            )
            table = evaluate.forecast_test_span(name, fitted, data)
            yield f"scoring of {name}, {target}", protocol.scoring(table, data.features)


@cache
def dataset(seed: int, target: str = "return") -> Dataset:
    return build(market(LENGTHS, seed=seed), target=target, **BUILD)


def test_start(data: Dataset) -> pd.Timestamp:
    return pd.Timestamp(data.spec.test_start)


def purge_off_by_one(seed: int) -> Found:
    data = dataset(seed)
    bounds = splits.Bounds(pd.Timestamp(data.spec.valid_start), test_start(data))
    usable = has_context(data.features, data.spec.features, data.spec.max_lookback)
    return _spans(data, splits.assign(data.features, bounds, BUILD["horizon"] - 1, usable))


def split_by_row(seed: int) -> Found:
    """The last 15 % of each ticker's rows are its test rows, purged well, but the tickers differ in length."""
    rows = dataset(seed).features.groupby("ticker")["date"]
    share, gap = rows.cumcount() / rows.transform("size"), 0.02
    spans = [share < 0.7 - gap, share.between(0.7, 0.85 - gap), share >= 0.85]
    return _spans(dataset(seed), pd.Series(np.select(spans, ["train", "valid", "test"], "")))


def shuffled_split(seed: int) -> Found:
    data = dataset(seed)
    rng = np.random.default_rng(seed)
    return _spans(data, pd.Series(rng.permutation(data.features["split"])))


def windows_across_tickers(seed: int) -> Found:
    panel = dataset(seed).panel()
    lookback = BUILD["max_lookback"]
    return protocol.windows(panel.tickers, np.arange(lookback - 1, len(panel.tickers)), lookback)


def scaler_of_all_rows(seed: int) -> Found:
    def fit(data: Dataset) -> Forecaster:
        known = np.flatnonzero(data.panel().ahead >= BUILD["horizon"])
        known = known[data.features["split"].to_numpy()[known] != ""]
        X = data.features[list(data.spec.features)].to_numpy()[known]
        y = targets(data.features, known, BUILD["horizon"], "return")
        return fitting.fit("naive", {}, replace(data, scalers=Scalers.fit("standard", X, y)))

    return _fits(fit, seed)


def calibration_on_test_rows(seed: int) -> Found:
    def fit(data: Dataset) -> Forecaster:
        panel, origins = data.panel(), data.origins("test")
        origins = origins[panel.ahead[origins] >= BUILD["horizon"]]
        fitted = fitting.fit("naive", {}, data)
        forecast = fitted.model.predict(panel, origins)
        return replace(fitted, calibration=calibrate(forecast, panel, origins, mondrian=True, online=True))

    return _fits(fit, seed)


def drift_of_all_rows(seed: int) -> Found:
    def fit(data: Dataset) -> Forecaster:
        panel = data.panel()
        known = np.flatnonzero(panel.ahead >= BUILD["horizon"])
        fitted = fitting.fit("drift", {}, data)
        return replace(fitted, model=models.create("drift", {}).fit(panel, known, known[:0]))

    return _fits(fit, seed)


def early_stopping_on_test_rows(seed: int) -> Found:
    def fit(data: Dataset) -> Forecaster:
        return fitting.fit("lstm", models.settle("lstm", {}, SMALL), Hasty(**vars(data)))

    return _fits(fit, seed)


class Hasty(Dataset):
    """Stops early on the test span."""

    def fold(self) -> splits.Fold:
        fold = super().fold()
        return replace(fold, valid=fold.origins[self.panel().ahead[fold.origins] >= self.spec.horizon])


class Peek(naive.Model):
    """Knows a hundredth of what comes."""

    def predict(self, panel, origins):
        return Forecast(center=0.01 * np.nan_to_num(panel.returns(origins)))


class Batch(naive.Model):
    """Centres its opinion on all origins that it is asked about."""

    def predict(self, panel, origins):
        opinion = 0.1 * panel.X[origins, :1] * panel.unit(origins)
        return Forecast(center=opinion - opinion.mean(axis=0))


class Neighbour(naive.Model):
    """Takes the row above for yesterday's, even if it is another ticker's."""

    def predict(self, panel, origins):
        return Forecast(center=0.1 * panel.unit(origins) * np.nan_to_num(panel.X[origins - 100, :1]))


def model_that(model: type[naive.Model]) -> Callable[[int], Found]:
    def plant(seed: int) -> Found:
        fitted = replace(fitting.fit("naive", {}, dataset(seed)), model=model())
        return checks.forecasts(subjects.forecasting(fitted), market(LENGTHS, seed=seed), 1, seed)

    return plant


def scored_with(**columns: Callable[[pd.DataFrame], object]) -> Callable[[int], Found]:
    """A backtest whose table has some columns wrong."""

    def plant(seed: int) -> Found:
        data = dataset(seed)
        table = evaluate.forecast_test_span("naive", fitting.fit("naive", {}, data), data)
        return protocol.scoring(table.assign(**columns), data.features)

    return plant


def too_short_a_warm_up(seed: int) -> Found:
    prices = market({"AAA": 800, "BBB": 700}, seed=seed)
    data = build(prices, **BUILD)
    fitted = fitting.fit("naive", {}, data)
    hasty = replace(fitted, spec=replace(data.spec, warmup=100))
    walked = evaluate.forecast_test_span("naive", fitted, data)
    return protocol.parity(hasty.predict_bars, prices, walked, hasty.context.needed)


def _spans(data: Dataset, split: pd.Series) -> Found:
    return protocol.spans(data.features.assign(split=split), BUILD["horizon"])


def _fits(fit: Callable[[Dataset], Forecaster], seed: int) -> Found:
    prices = market(LENGTHS, seed=seed)
    state = lambda prices: subjects.digest(fit(build(prices, **BUILD)))  # noqa: E731
    return protocol.fits(state, prices, test_start(dataset(seed)))


# What is planted, and the check that has to see it.
MISTAKES: dict[str, tuple[str, Callable[[int], Found]]] = {
    "purge off by one": ("purge", purge_off_by_one),
    "split by row": ("purge", split_by_row),
    "shuffled split": ("purge", shuffled_split),
    "windows across tickers": ("window", windows_across_tickers),
    "scaler fitted on all rows": ("fit", scaler_of_all_rows),
    "calibration on test rows": ("fit", calibration_on_test_rows),
    "drift of all rows": ("fit", drift_of_all_rows),
    "early stopping on test rows": ("fit", early_stopping_on_test_rows),
    "a model that peeks": ("future", model_that(Peek)),
    "a model that centres on its batch": ("prefix", model_that(Batch)),
    "a model that reads another ticker": ("isolation", model_that(Neighbour)),
    "scored on close t": ("scoring", scored_with(actual=lambda x: x["last_close"])),
    "scored on day t": ("scoring", scored_with(date=lambda x: x["cutoff"])),
    "scored one close too early": ("scoring", scored_with(horizon=lambda x: x["horizon"] + 1)),
    "forecast from tomorrow's close": ("scoring", scored_with(last_close=lambda x: x["actual"])),
    "too short a warm-up": ("parity", too_short_a_warm_up),
}


if __name__ == "__main__":
    answer(ours=lambda n, _: ours(n), alarms=lambda n, _: alarms(n))
