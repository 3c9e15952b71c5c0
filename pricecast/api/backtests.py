"""The walk through the past, in one call."""

import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from pricecast import models as catalog
from pricecast.api.arguments import check_units, count_of, horizon_of, models_of
from pricecast.api.bars import Bars, daily_bars
from pricecast.dataset.dataset import Dataset, build
from pricecast.defaults import FOLDS, HORIZON, REFIT_EVERY
from pricecast.errors import InputError
from pricecast.failures import Failure, ModelError
from pricecast.forecasting import walk_plan
from pricecast.forecasting.executors import local
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.walk_forward import calibrated_forecasts, fold_data
from pricecast.forecasting.walk_plan import Candidate, Plan
from pricecast.schema import QUANTILE_COLUMNS

_log = logging.getLogger(__name__)


def backtest(
    bars: Bars, models: str | Sequence[str] = ("naive", "har"), folds: int = FOLDS, refit_every: int = REFIT_EVERY,
    horizon: int = HORIZON, units: str = "price",
) -> pd.DataFrame:  # fmt: skip
    """Forecast the newest three fifths of the past, fold by fold, by models that know nothing of it.

    Args:
        bars: a table, file or folder of daily bars, as `read_bars` takes it.
        models: file names in pricecast/models, families ("classical", "trees", "neural") or "all".
        folds: number of parts; before each, models and intervals are fitted anew on all that is known by then.
        refit_every: number of folds that one fit of a model that stops early (networks, boosted trees) forecasts.
        horizon: number of trading days ahead.
        units: "price" (of the cutoff's quoted close: later splits and dividends are taken out) or "return" (log
            returns from the cutoff's close).

    Returns:
        A row per ticker, cutoff, horizon and model: ticker, cutoff, horizon, date, model, last_close (always a
        price), forecast (median), q05, q10, q25, q50, q75, q90, q95, actual (missing where the day has not come),
        fold.

    Raises:
        InputError: the bars, a model or another argument is a mistake, or the history is too short for the folds.
        ModelError: a model fails.

    >>> from pricecast.data.sources import Request, load
    >>> table = backtest(load(Request("sample", ("AAPL",))), models=("naive",), folds=2, horizon=1)
    >>> table.groupby("fold", as_index=False)["cutoff"].agg(["min", "max"])
       fold        min        max
    0     1 2005-05-13 2009-04-06
    1     2 2009-04-07 2013-03-01
    """
    check_units(units)
    plan = Plan(count_of("folds", folds), refit_every=count_of("refit_every", refit_every))
    ahead = horizon_of(horizon)
    chosen, lacking = catalog.choose(models_of(models))
    reasons = [catalog.lacks(name) for name in lacking]
    if not chosen:
        raise InputError(f"expected a model whose packages are installed, but {'; '.join(reasons)}")
    data = build(daily_bars(bars), horizon=ahead)
    for reason in (*data.spec.dropped.values(), *reasons):
        _log.warning("left out: %s", reason)
    return _in_units(_walk([Candidate(name, {}) for name in chosen], data, plan), data, units)


def _walk(candidates: Sequence[Candidate], data: Dataset, plan: Plan) -> pd.DataFrame:
    walked = walk_plan.newest_folds(data, plan.folds, plan.share)
    wanted = [fit for candidate in candidates for fit in walk_plan.fits(candidate, data, walked, plan)]
    results: dict[int, OutOfFold] = {}
    for number, result in local.results(wanted, data):
        if isinstance(result, Failure):
            raise ModelError(result)
        results[number] = result
    parts = fold_data(data, walked)
    tables: list[pd.DataFrame] = []
    for candidate in candidates:
        own = [results[number] for number, fit in enumerate(wanted) if fit.candidate is candidate]
        tables.append(calibrated_forecasts(candidate, parts, own, plan))
    return pd.concat(tables, ignore_index=True)


def _in_units(forecasts: pd.DataFrame, data: Dataset, units: str) -> pd.DataFrame:
    """Return forecasts in units of the adjusted close in those of the quoted one, or as log returns."""
    values = ["forecast", *QUANTILE_COLUMNS, "actual"]
    quoted = data.bars[["ticker", "date", "quote"]].rename(columns={"date": "cutoff"})
    quote = forecasts[["ticker", "cutoff"]].merge(quoted, on=["ticker", "cutoff"], how="left")["quote"].to_numpy()
    ratios = forecasts[values].to_numpy() / forecasts[["last_close"]].to_numpy()
    found = np.log(ratios) if units == "return" else ratios * quote[:, None]
    return forecasts.assign(**dict(zip(values, found.T, strict=True)), last_close=quote)
