"""The forecast of the next trading days, in one call."""

import logging
from collections.abc import Sequence

import pandas as pd

from pricecast.api.arguments import horizon_of, model_of
from pricecast.api.bars import Bars, daily_bars
from pricecast.dataset.dataset import build
from pricecast.defaults import HORIZON
from pricecast.failures import one_model
from pricecast.forecasting.intervals import check_levels, with_intervals
from pricecast.forecasting.upcoming import fitted_on_all, upcoming
from pricecast.forecasting.walk_plan import Candidate

_log = logging.getLogger(__name__)


def forecast(
    bars: Bars, horizon: int = HORIZON, model: str = "har", levels: Sequence[float] = (50, 80, 90)
) -> pd.DataFrame:
    """Forecast the next trading days after each ticker's last bar, in units of its last quoted close.

    The model learns from all bars; its intervals are calibrated on forecasts that did not know their outcome. They
    are fitted now and judged on nothing yet: `backtest` and `judge` tell how far to trust them.

    Args:
        bars: a table, file or folder of daily bars, as `read_bars` takes it.
        horizon: number of trading days.
        model: a file name in pricecast/models.
        levels: coverages of central intervals in percent.

    Returns:
        A row per ticker and day: ticker, cutoff (date of the last close), horizon (days ahead), date, model,
        last_close, forecast (median), `lower_<level>` and `upper_<level>` for each level, p_rise (chance of a close
        above the last one, 0 to 1). Tickers with too few bars, or whose last days lack what the model looks at, are
        left out with a warning.

    Raises:
        InputError: the bars or another argument is a mistake, or no ticker can be forecast.

    >>> from pricecast.data.sources import Request, load
    >>> table = forecast(load(Request("sample", ("AAPL",))), horizon=2, levels=(90,))
    >>> table[["ticker", "cutoff", "horizon", "date", "last_close"]]
      ticker     cutoff  horizon       date  last_close
    0   AAPL 2013-03-01        1 2013-03-04      430.47
    1   AAPL 2013-03-01        2 2013-03-05      430.47
    >>> bool((table["lower_90"] < table["forecast"]).all() and table["p_rise"].between(0.4, 0.6).all())
    True
    """
    percents, ahead, name = check_levels(levels), horizon_of(horizon), model_of(model)
    data = build(daily_bars(bars), horizon=ahead)
    for reason in data.spec.dropped.values():
        _log.warning("left out: %s", reason)
    with one_model(name, "be fitted"):
        table = upcoming(fitted_on_all(Candidate(name, {}), data), data)
    return with_intervals(table, percents)
