"""The judgement of anybody's forecasts beside naive, in one call."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pricecast.api.arguments import check_table, check_units
from pricecast.api.bars import Bars
from pricecast.api.completion import completed, dataset_of, long_enough
from pricecast.api.foreign import as_forecasts, keys
from pricecast.dataset.dataset import Dataset
from pricecast.errors import InputError
from pricecast.evaluation.leaderboard import leaderboard
from pricecast.evaluation.scores import NAIVES, score
from pricecast.evaluation.verdict import verdict
from pricecast.forecasting.fitting import fit
from pricecast.forecasting.parity import quantile_returns
from pricecast.report.leaderboard import leaderboard_table
from pricecast.report.summary import LEFT_OUT, markdown
from pricecast.schema import NAIVE, QUANTILE_COLUMNS

_ROW = ["ticker", "cutoff", "horizon"]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, repr=False)
class Judgement:
    """Judgement of forecasts; printed, it says how far to trust them, then the verdict and the leaderboard.

    Attributes:
        leaderboard: one row per model, naive first, then by CRPS.
        verdict: the outcome in words and figures: `sentence`, `recommended` (label of the model to use), `trust`
            (plain sentences on how far to trust it), `models`.
        scores: all metrics and tests by model and horizon.
        forecasts: the rows that were judged, those of naive among them.
    """

    leaderboard: pd.DataFrame
    verdict: dict[str, Any]
    scores: pd.DataFrame
    forecasts: pd.DataFrame

    def __repr__(self) -> str:
        table = leaderboard_table(self.leaderboard, self.verdict)
        trust = "\n".join(self.verdict["trust"])
        return f"{trust}\n\n{self.verdict['sentence']}\n\n{markdown(table, LEFT_OUT)}"


def judge(forecasts: pd.DataFrame, bars: Bars | None = None, units: str = "price") -> Judgement:
    """Judge forecasts of any origin beside naive, on the rows that all models have.

    Args:
        forecasts: a row per ticker, cutoff, horizon and model. `cutoff`: date of the last close that the forecast
            knew; `horizon`: trading days ahead; `forecast` or `q50`: the median; its spread: quantiles `q05`,
            `q95`, ..., or ends of central intervals `lower_90`, `upper_90`, ..., or `sigma`, the standard deviation
            of the log return up to that day. Where there are several: `ticker` and `model`. `actual` and, for
            prices, `last_close` are made of the bars where they are missing, `actual` in the units of `last_close`.
            Rows of `naive` are the reference.
        bars: daily bars, as `read_bars` takes them, if the table has no rows of `naive`; naive and ewma are
            fitted on those up to the first cutoff (two years or more) and forecast from the same cutoffs.
        units: "price" (in units of the cutoff's close) or "return" (log returns from it, as fractions).

    Returns:
        Leaderboard, verdict, scores and the forecasts that they rest on.

    Raises:
        InputError: a column is missing or makes no sense, there is neither naive nor bars, or no row is common.

    >>> from pricecast import backtest
    >>> from pricecast.data.sources import Request, load
    >>> table = backtest(load(Request("sample", ("AAPL",))), models=("naive", "ewma"), folds=2, horizon=1)
    >>> judged = judge(table)
    >>> judged.leaderboard["model"].tolist(), judged.verdict["recommended"]
    (['naive', 'ewma'], 'naive')
    """
    check_units(units)
    check_table(forecasts)
    own = forecasts.reset_index(drop=True)
    has_naive = "model" in own and own["model"].astype(str).eq(NAIVE).any()
    if bars is None and not has_naive:
        raise InputError(
            f"expected rows of the model {NAIVE} among the forecasts, or bars to make them of, got neither: give "
            "judge(forecasts, bars)"
        )
    data = None if bars is None else dataset_of(keys(own), bars)
    table = as_forecasts(own if data is None else completed(long_enough(own, data), data, units), units)
    table = table[table["actual"].notna()]
    if table.empty:
        raise InputError("expected forecasts whose actual is known, got none: forecast from earlier cutoffs")
    if data is not None:
        missing = [name for name in NAIVES if not table["model"].eq(name).any()]
        table = pd.concat([table, *(_naive(name, data, table) for name in missing)], ignore_index=True)
    common = _common(table)
    scores = score(common)
    return Judgement(leaderboard(scores), verdict(scores), scores, common)


def _naive(name: str, data: Dataset, table: pd.DataFrame) -> pd.DataFrame:
    """Return the forecasts of a naive model from the same cutoffs over the same horizons, in the same units."""
    wanted = table.drop_duplicates(_ROW)
    dates = pd.MultiIndex.from_frame(data.features[["ticker", "date"]])
    cutoffs = pd.MultiIndex.from_frame(wanted[["ticker", "cutoff"]]).unique()
    inside = dates.isin(cutoffs) & (data.features["split"] == "test").to_numpy()
    origins = np.flatnonzero(inside)
    made = fit(name, {}, data).table(data.panel(), origins, data.panel().quote[origins])
    made = made.assign(**dict(zip(QUANTILE_COLUMNS, np.exp(quantile_returns(made)).T, strict=True)))
    rows = wanted[[*_ROW, "date", "last_close", "actual"]].merge(made[[*_ROW, *QUANTILE_COLUMNS]], on=_ROW)
    prices = rows[list(QUANTILE_COLUMNS)].mul(rows["last_close"], axis=0)
    return rows.assign(**prices, forecast=prices["q50"], model=name)[list(table.columns)]


def _common(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of tickers, cutoffs and horizons that every model has; the number of others is logged."""
    if table.duplicated([*_ROW, "model"]).any():
        raise InputError("expected one forecast per ticker, cutoff, horizon and model, got several: drop some")
    models = table.groupby(_ROW)["model"].transform("nunique")
    common = table[models == table["model"].nunique()].reset_index(drop=True)
    if common.empty:
        raise InputError(
            f"expected rows that all models have ({', '.join(_names(table))}), got none: forecast with all of them "
            "from the same cutoffs"
        )
    if left := table.groupby(_ROW).ngroups - common.groupby(_ROW).ngroups:
        _log.warning("left out: %d of %d forecasts that not every model has", left, table.groupby(_ROW).ngroups)
    return common


def _names(table: pd.DataFrame) -> Sequence[str]:
    return [str(name) for name in table["model"].unique()]
