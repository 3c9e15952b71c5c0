"""Figures of the report, with their captions."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pricecast.evaluation.metrics import METRICS
from pricecast.evaluation.scored_rows import Slice
from pricecast.forecasting.quotes import adjusted_until, quoted
from pricecast.report import plots
from pricecast.report.plots.style import PALETTE
from pricecast.report.tables import MINUS
from pricecast.schema import NAIVE

# With more models than colours and naive, figures show the first ones.
MOST = len(PALETTE)
# Tickers in one figure.
MOST_TICKERS = 12
Captioned = dict[str, tuple[Figure, str]]


def draw(
    forecasts: pd.DataFrame,
    curves: Mapping[str, pd.DataFrame | None],
    ranked: Sequence[str],
    folds: pd.DataFrame | None = None,
    recommended: str | None = None,
    bars: pd.DataFrame | None = None,
    headline: int = 1,
) -> Captioned:
    """Draw prices of the recommended model, the first model where a figure shows one, and the first few together.

    Args:
        forecasts: table with the columns of `schema.FORECASTS`, and `fold` where there are folds; it must hold the
            naive model.
        curves: losses by epoch of each model (see `plots.loss_curves`).
        ranked: models in the order of interest; the first is drawn where a figure shows one.
        folds: result of `by_fold.by_fold`, with rows where there is more than one fold.
        recommended: model whose prices to draw, by default the first one.
        bars: adjusted bars with the quotes that prices are shown in, by default as they are in the table.
        headline: horizon that the verdict leads with.

    Returns:
        By title the figure and its caption, in the order of the page.

    Raises:
        InputError: the table does not hold the first or the recommended model, or naive.
    """
    best, shown = ranked[0], str(forecasts["ticker"].iloc[0])
    others = [name for name in ranked if name != NAIVE]
    few = f" Of {len(others)} models the first {MOST} by CRPS are drawn." if len(others) > MOST else ""
    if few:
        forecasts = forecasts[forecasts["model"].isin([NAIVE, *others[:MOST], recommended])]
    figures = _prices(forecasts, recommended or best, bars)
    if folds is not None and len(folds):
        figures["Is it better in every fold?"] = (plots.skill_by_fold(folds, forecasts, ranked, headline), FOLDS)
    figures |= {
        "Does it beat naive, by horizon?": (plots.error_by_horizon(forecasts), ERRORS + few),
        "Do the intervals keep their promise?": (plots.coverage(forecasts), COVERAGE + few),
    }
    for model in _moving(forecasts, ranked)[:1]:
        caption = SCATTER + _r2_note(forecasts, model, shown)
        figures[f"Forecast against outcome: {model}"] = (plots.predicted_vs_actual(forecasts, model), caption)
    figures[f"What is left over: {best}"] = (plots.residuals(forecasts, best), RESIDUALS)
    losses = plots.loss_curves(curves, plots.styles(forecasts["model"].unique()))
    return figures if losses is None else figures | {"Training": (losses, LOSSES)}


FOLDS = (
    "How much lower than naive's the CRPS is in each fold, at the horizon of the verdict, forecast from its past "
    "alone; above the dashed line is better than naive. Thin lines mark where folds begin. A model with skill "
    "stays above zero; one that owes its lead to a single fold was lucky once."
)
FAN = (
    "First: the newest forecast of the test days for all horizons, the median with its 50, 80 and 90 % intervals. "
    "Second: each day's forecast from the close before, and what came. The dashed line is the naive median, the "
    "last known close. A median that trails the price by a day is what no skill looks like; look at the width of "
    "the bands. Prices are those that the market quoted{adjusted}."
)
ADJUSTED = ", but those before a split or dividend are adjusted for it, where the axis says so"
FANS = (
    "The newest forecast of the test days for each ticker: the median with its 50, 80 and 90 % intervals. Below a "
    "name stands the 90 % interval of the last horizon."
)
ERRORS = (
    "Loss divided by the naive forecast's at the same horizon, so the dashed line at 1 is naive. Below it is "
    "better. Small distances are often chance: the table's p-values say which are not. The mean pinball "
    "loss counts all seven levels alike, the CRPS of table and verdict weighs the outer ones less (each level by "
    "the probability that is nearest to it): one gain has two sizes."
)
COVERAGE = (
    "How much more (above zero) or less often than promised outcomes fell below each quantile. Flat on zero "
    "is calibrated; high on the left and low on the right means intervals too narrow, the reverse too wide. "
    "Lines inside the grey area may differ from zero by chance alone."
)
SCATTER = (
    "First: forecasts at the shortest horizon on equal scales; forecasts of returns are far smaller than "
    "returns. Second: tenths of the forecasts with the mean of what came and its 95 % interval. A model with "
    "skill follows the solid diagonal, one without stays on the dashed line. "
)
RESIDUALS = (
    "First: how often outcomes fell into each tenth of their forecast distribution (PIT), relative to the promise. "
    "Bars at 1 are calibrated, high outer bars mean intervals too narrow, a hill in the middle too wide; bars that "
    "end between the dotted lines may differ from 1 by chance alone. Second: residuals in units of the interval's "
    "half-width; the larger points lie outside. They should be rare, spread evenly over time and on both sides."
)
LOSSES = (
    "Loss after each epoch, dashed on the training rows and solid on the validation rows; the dot marks the "
    "lowest validation loss. A gap between the two that widens from there on is overfitting."
)


def _prices(forecasts: pd.DataFrame, model: str, bars: pd.DataFrame | None) -> Captioned:
    """Draw the first ticker, and beside it the first few where there are more."""
    tickers = [str(ticker) for ticker in forecasts["ticker"].unique()]
    first, shown = tickers[0], tickers[:MOST_TICKERS]
    rows, adjusted = forecasts[forecasts["ticker"].isin(shown)], {}
    if bars is not None:
        rows, adjusted = quoted(rows, bars), adjusted_until(rows, bars)
    caption = FAN.format(adjusted=ADJUSTED if first in adjusted else "")
    chart = plots.fan_chart(rows, model, first, adjusted=adjusted.get(first))
    figures = {f"Prices and intervals: {model}, {first}": (chart, caption)}
    if len(tickers) > 1:
        rest = (
            f" Of {len(tickers):,} tickers the first {MOST_TICKERS} are drawn." if len(tickers) > len(shown) else ""
        )
        title = f"Ticker by ticker: {model}"
        figures[title] = (plots.fans(rows, model, shown, adjusted), FANS + rest)
    return figures


def _moving(forecasts: pd.DataFrame, models: Sequence[str]) -> list[str]:
    """Return the models whose point forecast is not always the last close: of others there is nothing to draw."""
    moved = ~np.isclose(forecasts["forecast"], forecasts["last_close"], rtol=1e-9, atol=0)
    moving = set(forecasts.loc[moved, "model"])
    return [name for name in models if name in moving]


def _r2_note(forecasts: pd.DataFrame, model: str, ticker: str) -> str:
    """Return a note on why the figure shows returns: R2 of prices and of returns of one ticker, beside naive's."""
    one = forecasts[(forecasts["ticker"] == ticker) & forecasts["actual"].notna()]
    one = one[one["horizon"] == forecasts["horizon"].min()]
    if one["cutoff"].nunique() < 2:
        return ""
    parts = []
    for name in dict.fromkeys((NAIVE, model)):
        rows = Slice.of(one[one["model"] == name])
        prices, returns = METRICS["r2"](rows), METRICS["return_r2"](rows)
        parts.append(f"{name} R² = {prices:.3f} on prices but {returns:.3f} on returns".replace("-", MINUS))
    why = "Returns, not price levels, because a level flatters every forecast, even naive. "
    return f"{why}For {ticker}: {'; '.join(parts)} (against a forecast of no change)."
