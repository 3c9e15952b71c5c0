"""Checks of a model: its fit, its forecasts, how they are scored, and that a live forecast is the same."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from pricecast import models
from pricecast.audit import checks, protocol, results, subjects
from pricecast.audit.perturb import VALID_GARBAGE, cuts, replace_rows
from pricecast.audit.results import Check, left_out, run_check
from pricecast.audit.subjects import Subject
from pricecast.audit.violations import Violation
from pricecast.dataset import subsets
from pricecast.dataset.dataset import Dataset
from pricecast.dataset.ordinary import repeats_itself
from pricecast.forecasting.fitting import check_belongs, fit
from pricecast.forecasting.forecaster import Forecaster

Backtest = Callable[[], pd.DataFrame]
WAYS = "noise, shuffled, times a million"
# Dates from which a fixed model forecasts: what it does there, it does elsewhere.
DATES = 250
# A fit that knows the future knows it from the first epoch and tree on.
CAPS = {"epochs": 2, "trees": 20}
CAPPED = "with at most " + ", ".join(f"{most} {name}" for name, most in CAPS.items())
# Beyond this many rows, no model is trained once more only to be compared.
MOST_ROWS = 200_000
_ELSEWHERE = "training it again gives another model: other rows, other code, other libraries or another machine"


def model_checks(subject: Subject, dataset: Dataset, part: Dataset, n: int, seed: int = 0) -> Iterator[Check]:
    """Run all checks of one model.

    Args:
        subject: model to check.
        dataset: dataset that it learned from, or would.
        part: a part of the dataset to fit on.
        n: number of random cuts before the end of the fit, and after it.
        seed: seed of cuts and garbage.

    Raises:
        InputError: the forecaster of the subject does not belong to the dataset.
    """
    yield _fits(subject, part)
    forecaster = subject.forecaster
    if forecaster is None:
        try:
            forecaster = fit(subject.name, _capped(subject), part, settings=subject.settings)
        except Exception as error:
            reason = f"it cannot be fitted: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
            yield from (left_out(name, subject.label, reason) for name in (results.PREFIX, results.LAG))
            return
        bars = part.bars
    else:
        check_belongs(subject.label, forecaster, dataset)
        yield _as_trained(subject, forecaster, dataset)
        most, about = subsets.length(dataset.spec), forecaster.about
        tickers = dataset.spec.tickers if about.across else part.spec.tickers
        bars = subsets.around(dataset, tickers, forecaster.fitted_until, most, about.whole_history)
    yield from _forecasts(subject.label, forecaster, bars, n, seed)
    yield from _scores(subject.label, forecaster, bars, dataset)


def _capped(subject: Subject) -> dict[str, Any]:
    known = models.parameters(subject.name)
    params = {**known, **subject.params}
    return {**subject.params, **{name: min(params[name], most) for name, most in CAPS.items() if name in known}}


def _fits(subject: Subject, part: Dataset) -> Check:
    start = pd.Timestamp(part.spec.test_start)
    where = f"{len(part.bars):,} bars of {', '.join(part.spec.tickers)}"
    how = f"{len(VALID_GARBAGE)} refits on {where}, {CAPPED}: {WAYS}"

    def look() -> list[Violation]:
        state = subjects.refitting(subject.name, _capped(subject), subject.settings, part)
        return protocol.fits(state, part.bars, start)

    return run_check(results.FITS, subject.label, how, look)


def _as_trained(subject: Subject, forecaster: Forecaster, dataset: Dataset) -> Check:
    """Check that a forecaster is what a training that cannot know the test span gives."""
    spec = dataset.spec
    if pd.Timestamp(forecaster.fitted_until) >= pd.Timestamp(spec.test_start):
        reason = f"it was fitted once more on all rows up to {forecaster.fitted_until}, for use and not for judging"
        return left_out(results.AS_TRAINED, subject.label, reason, matters=False)
    if len(dataset.bars) > MOST_ROWS:
        reason = f"{len(dataset.bars):,} rows, and beyond {MOST_ROWS:,} the training takes too long"
        return left_out(results.AS_TRAINED, subject.label, reason)
    later = (dataset.bars["date"] >= pd.Timestamp(spec.test_start)).to_numpy()
    state = subjects.refitting(subject.name, subject.params, subject.settings, dataset)

    def look() -> list[Violation]:
        expected = subjects.digest(forecaster)
        if state(replace_rows(dataset.bars, later, "scaled")) == expected:
            return []
        if state(dataset.bars) == expected:
            return [Violation("fit", "(state)", how=f"rows from {spec.test_start} on scaled: another state")]
        return [Violation("computes", "(all)", how=_ELSEWHERE)]

    return run_check(results.AS_TRAINED, subject.label, f"trained again on all {len(dataset.bars):,} rows", look)


def _forecasts(label: str, forecaster: Forecaster, bars: pd.DataFrame, n: int, seed: int) -> Iterator[Check]:
    prices = subsets.prices(bars)
    since = np.sort(prices["date"].unique())[-DATES:][0]
    compute = subjects.forecasting(forecaster, pd.Timestamp(since))
    recent = prices[prices["date"] >= since]
    after = recent[recent["date"] >= pd.Timestamp(forecaster.fitted_until)]
    dates = sorted({*cuts(recent, n, seed), *(cuts(after, n, seed) if len(after) else [])})
    where = f"{len(dates)} cuts of {len(bars):,} bars, the model fixed"
    yield run_check(results.PREFIX, label, where, lambda: checks.prefix(compute, prices, dates))
    yield run_check(
        results.FUTURE, label, f"{where}: {WAYS}",
        lambda: checks.future(compute, prices, dates, VALID_GARBAGE, seed),
    )  # fmt: skip
    if forecaster.about.across:
        yield left_out(results.ISOLATION, label, "it says that it looks at other tickers' past", matters=False)
    elif prices["ticker"].nunique() == 1:
        yield left_out(results.ISOLATION, label, "there is one ticker only", matters=False)
    else:
        how = f"{', '.join(prices['ticker'].unique())} alone, and with the others: {WAYS}"
        yield run_check(
            results.ISOLATION, label, how, lambda: checks.isolation(compute, prices, VALID_GARBAGE, seed)
        )


def _scores(label: str, forecaster: Forecaster, bars: pd.DataFrame, dataset: Dataset) -> Iterator[Check]:
    """Check forecasts from the last dates: how the evaluator scores them, and that live ones are the same."""
    part = subsets.unspanned(dataset, bars)
    table = cache(lambda: backtest(forecaster, part))
    yield lag(label, f"all forecasts of {DATES} dates", table, part.features)
    yield parity(label, forecaster, bars, table)


def lag(label: str, how: str, table: Backtest, closes: pd.DataFrame) -> Check:
    """Check that forecasts are scored on later closes of their own ticker."""
    known = closes[["date", "ticker", "close"]]
    return run_check(results.LAG, label, how, lambda: protocol.scoring(table(), known))


def parity(label: str, forecaster: Forecaster, bars: pd.DataFrame, table: Backtest, n: int = 3) -> Check:
    """Check that a forecast from as few bars as it needs is the backtest's."""
    needed = forecaster.context.bars_needed
    closes = bars.groupby("ticker")["close"]
    regular = {str(ticker) for ticker, close in closes if repeats_itself(close.to_numpy())}
    if regular >= set(bars["ticker"]):
        reason = "its prices repeat themselves, and rounding decides which of two equal values is the larger"
        return left_out(results.START, label, reason, matters=False)
    how = f"{n} cutoff{'s' if n > 1 else ''}, from {needed} bars a ticker and those since the fit"
    prices = subsets.prices(bars)
    return run_check(
        results.START, label, how,
        lambda: protocol.parity(
            forecaster.predict_bars, prices, table()[~table()["ticker"].isin(regular)], forecaster.context.needed, n
        ),
    )  # fmt: skip


def backtest(forecaster: Forecaster, part: Dataset) -> pd.DataFrame:
    """Return the forecasts table of a fixed forecaster over the last dates of a dataset."""
    panel = part.panel(forecaster.scalers)
    dates = np.sort(part.features["date"].unique())
    origins = np.flatnonzero(part.usable & (part.features["date"] >= dates[-DATES:][0]))
    return forecaster.table(panel, origins, panel.close[origins])
