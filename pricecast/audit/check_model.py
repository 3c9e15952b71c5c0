"""The checks of a model: its fit, its forecasts, how they are scored, and whether a live one is the same."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from pricecast import models
from pricecast.audit import checks, protocol, results, subjects
from pricecast.audit.perturb import VALID_GARBAGE, cuts, replaced
from pricecast.audit.results import Check, left_out, tried
from pricecast.audit.violations import Violation
from pricecast.dataset import subsets
from pricecast.dataset.dataset import Dataset
from pricecast.forecasting.fitting import check_belongs, fit
from pricecast.forecasting.forecaster import Forecaster
from pricecast.forecasting.settings import Settings

Walked = Callable[[], pd.DataFrame]
WAYS = "noise, shuffled, times a million"
# Dates that a fixed model is asked about: what it does there, it does elsewhere.
DATES = 250
# A fit that knows the future knows it from the first epoch and tree on.
CAPS = {"epochs": 2, "trees": 20}
CAPPED = "with at most " + ", ".join(f"{most} {name}" for name, most in CAPS.items())
# Beyond as many rows, no model is trained once more only to be compared.
MOST_ROWS = 200_000
_ELSEWHERE = "training it again gives another model: other rows, other code, other libraries or another machine"


@dataclass(frozen=True, eq=False)
class Subject:
    """A model to audit.

    Attributes:
        label: what to call it.
        name: of the model.
        params: of the model.
        settings: how its forecaster is made.
        kept: the forecaster that is in use; None where a model is named only.
    """

    label: str
    name: str
    params: dict[str, Any]
    settings: Settings
    kept: Forecaster | None = None


def look_at_model(subject: Subject, dataset: Dataset, part: Dataset, n: int, seed: int = 0) -> Iterator[Check]:
    """All checks of one model.

    Args:
        subject: the model.
        dataset: that it learned from, or would.
        part: a part of it to fit on.
        n: how many random cuts, before the end of the fit and behind it.
        seed: of cuts and garbage.

    Raises:
        InputError: a forecaster that is kept does not belong to the dataset.
    """
    yield _fits(subject, part)
    made: Forecaster | None = subject.kept
    if made is None:
        try:
            made = fit(subject.name, _capped(subject), part, settings=subject.settings)
        except Exception as error:
            reason = f"it cannot be fitted: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
            yield from (left_out(name, subject.label, reason) for name in (results.PREFIX, results.LAG))
            return
        bars = part.bars
    else:
        check_belongs(subject.label, made, dataset)
        yield _as_trained(subject, made, dataset)
        most = subsets.length(dataset.spec)
        tickers = dataset.spec.tickers if made.about.across else part.spec.tickers
        bars = subsets.around(dataset, tickers, made.fitted_until, most, made.about.whole_history)
    yield from _forecasts(subject.label, made, bars, n, seed)
    yield from _scores(subject.label, made, bars, dataset)


def _capped(subject: Subject) -> dict[str, Any]:
    known = models.parameters(subject.name)
    own = {**known, **subject.params}
    return {**subject.params, **{name: min(own[name], most) for name, most in CAPS.items() if name in known}}


def _fits(subject: Subject, part: Dataset) -> Check:
    start = pd.Timestamp(part.spec.test_start)
    state = subjects.refitting(subject.name, _capped(subject), subject.settings, part)
    where = f"{len(part.bars):,} bars of {', '.join(part.spec.tickers)}"
    how = f"{len(VALID_GARBAGE)} refits on {where}, {CAPPED}: {WAYS}"
    return tried(results.FITS, subject.label, how, lambda: protocol.fits(state, part.bars, start))


def _as_trained(subject: Subject, kept: Forecaster, dataset: Dataset) -> Check:
    """Whether a kept forecaster is what a training that cannot know the test span gives."""
    spec = dataset.spec
    if pd.Timestamp(kept.fitted_until) >= pd.Timestamp(spec.test_start):
        reason = f"it was fitted once more on all rows up to {kept.fitted_until}, for use and not for judging"
        return left_out(results.AS_TRAINED, subject.label, reason, matters=False)
    if len(dataset.bars) > MOST_ROWS:
        reason = f"{len(dataset.bars):,} rows, and beyond {MOST_ROWS:,} the training takes too long"
        return left_out(results.AS_TRAINED, subject.label, reason)
    later = (dataset.bars["date"] >= pd.Timestamp(spec.test_start)).to_numpy()
    state = subjects.refitting(subject.name, subject.params, subject.settings, dataset)

    def look() -> list[Violation]:
        found = subjects.digest(kept)
        if state(replaced(dataset.bars, later, "scaled")) == found:
            return []
        if state(dataset.bars) == found:
            return [Violation("fit", "(state)", how=f"rows from {spec.test_start} on scaled: another state")]
        return [Violation("computes", "(all)", how=_ELSEWHERE)]

    return tried(results.AS_TRAINED, subject.label, f"trained again on all {len(dataset.bars):,} rows", look)


def _forecasts(label: str, made: Forecaster, bars: pd.DataFrame, n: int, seed: int) -> Iterator[Check]:
    prices = subsets.prices(bars)
    since = np.sort(prices["date"].unique())[-DATES:][0]
    compute = subjects.forecasting(made, pd.Timestamp(since))
    asked = prices[prices["date"] >= since]
    behind = asked[asked["date"] >= pd.Timestamp(made.fitted_until)]
    dates = sorted({*cuts(asked, n, seed), *(cuts(behind, n, seed) if len(behind) else [])})
    where = f"{len(dates)} cuts of {len(bars):,} bars, the model fixed"
    yield tried(results.PREFIX, label, where, lambda: checks.prefix(compute, prices, dates))
    yield tried(
        results.FUTURE, label, f"{where}: {WAYS}",
        lambda: checks.future(compute, prices, dates, VALID_GARBAGE, seed),
    )  # fmt: skip
    if made.about.across:
        yield left_out(results.ISOLATION, label, "it says that it looks at other tickers' past", matters=False)
    elif prices["ticker"].nunique() == 1:
        yield left_out(results.ISOLATION, label, "there is one ticker only", matters=False)
    else:
        how = f"{', '.join(prices['ticker'].unique())} alone, and with the others: {WAYS}"
        yield tried(results.ISOLATION, label, how, lambda: checks.isolation(compute, prices, VALID_GARBAGE, seed))


def _scores(label: str, made: Forecaster, bars: pd.DataFrame, dataset: Dataset) -> Iterator[Check]:
    """Score the last dates' origins as the evaluator does, and forecasts from some of them as a user does."""
    part = subsets.unspanned(dataset, bars)
    walked = cache(lambda: backtest(made, part))
    yield scored(label, f"all forecasts of {DATES} dates", walked, part.features)
    yield parity(label, made, bars, walked)


def scored(label: str, how: str, walked: Walked, closes: pd.DataFrame) -> Check:
    """Whether forecasts are scored on later closes of their own."""
    known = closes[["date", "ticker", "close"]]
    return tried(results.LAG, label, how, lambda: protocol.scoring(walked(), known))


def parity(label: str, made: Forecaster, bars: pd.DataFrame, walked: Walked, n: int = 3) -> Check:
    """Whether a forecast from as few bars as are needed is the backtest's."""
    how = f"{n} cutoff{'s' if n > 1 else ''}, from {made.context.bars_needed} bars a ticker and those since the fit"
    prices = subsets.prices(bars)
    return tried(
        results.START, label, how,
        lambda: protocol.parity(made.predict_bars, prices, walked(), made.context.needed, n),
    )  # fmt: skip


def backtest(made: Forecaster, part: Dataset) -> pd.DataFrame:
    """Return the forecasts table of a fixed forecaster over the last dates of a dataset."""
    panel = part.panel(made.scalers)
    dates = np.sort(part.features["date"].unique())
    origins = np.flatnonzero(part.usable & (part.features["date"] >= dates[-DATES:][0]))
    return made.table(panel, origins, panel.close[origins])


def of(label: str, made: Forecaster) -> Subject:
    """Return the subject of a forecaster that is kept."""
    return Subject(label, made.name, made.params, made.settings, made)
