"""The features: a named expression each, computed within one ticker from a row and earlier ones.

Price moves are in units of `scale` (the volatility known at that close), so that one model can learn from tickers
of low and of high volatility.
"""

import math
from collections.abc import Mapping

import pandas as pd
import polars as pl

from pricecast.schema import DATE_DTYPE

EWMA_DECAY = 0.94
# A halted or pegged series has no volatility; a hundredth of a basis point keeps the divisions finite.
SCALE_FLOOR = 1e-6
TICK_DAYS = 30
RSI_DAYS = 14
ATR_DAYS = 14
MACD_DAYS = (12, 26, 9)

_open, _high, _low, _close, _volume = (pl.col(name) for name in ("open", "high", "low", "close", "volume"))
_last = _close.shift(1)
_scale = pl.col("scale")
_return = (_close / _last).log()
# The second and every further day without a move.
_is_flat = (_return == 0) & (_return.shift(1) == 0)


def _span_return(days: int) -> pl.Expr:
    return (_close / _close.shift(days)).log() / (_scale * math.sqrt(days))


def _log_ratio(volatility: pl.Expr) -> pl.Expr:
    return (volatility.clip(lower_bound=SCALE_FLOOR) / _scale).log()


def _rolling_root(variance: pl.Expr, days: int) -> pl.Expr:
    # A running sum of zeros may stand a rounding error below zero.
    return variance.rolling_mean(days).clip(lower_bound=0).sqrt()


def _ewm(expression: pl.Expr, decay: float) -> pl.Expr:
    return expression.ewm_mean(alpha=1 - decay, adjust=True, ignore_nulls=True)


def _span_decay(days: int) -> float:
    return 1 - 2 / (days + 1)


def _wilder_decay(days: int) -> float:
    return 1 - 1 / days


def ewma_volatility() -> pl.Expr:
    """Return the RiskMetrics volatility of daily log returns, known at each close (Longerstaey & Spencer 1996).

    Where the close stands still for days, it does not say that nothing will happen: the stock is halted, or its
    tick is larger than its moves. A move of up to half a tick is rounded away, which leaves a variance of
    tick^2 / 12 (Sheppard 1898); the tick is taken to be the mean move of the last `TICK_DAYS`. The first day
    without a move counts as it is, since any price may close unchanged once.
    """
    variance = pl.when(_is_flat).then(_mean_move(TICK_DAYS) ** 2 / 12).otherwise(_return**2)
    return _ewm(variance, EWMA_DECAY).sqrt().clip(lower_bound=SCALE_FLOOR)


def _mean_move(days: int) -> pl.Expr:
    """Return the mean size of the days' moves, days without one left out; 0 where there was none."""
    # A running sum may stand a rounding error beside zero.
    total = _return.abs().rolling_sum(days, min_samples=1).clip(lower_bound=0)
    moves = (_return != 0).cast(pl.Int32).rolling_sum(days, min_samples=1)
    return pl.when(moves > 0).then(total / moves).otherwise(0.0)


def _garman_klass(days: int) -> pl.Expr:
    """Return the volatility by Garman & Klass (1980), from the days' ranges and open-to-close moves."""
    daily = 0.5 * (_high / _low).log() ** 2 - (2 * math.log(2) - 1) * (_close / _open).log() ** 2
    return _log_ratio(_rolling_root(daily, days))


def _parkinson(days: int) -> pl.Expr:
    """Return the volatility by Parkinson (1980), from the days' ranges alone."""
    return _log_ratio(_rolling_root((_high / _low).log() ** 2 / (4 * math.log(2)), days))


def _rsi(days: int) -> pl.Expr:
    """Return Wilder's relative strength index, from -1 (only falls) to 1 (only rises)."""
    decay = _wilder_decay(days)
    total = _ewm(_return.abs(), decay)
    return pl.when(total > 0).then(_ewm(_return, decay) / total).otherwise(pl.when(total == 0).then(0.0))


def _macd() -> pl.Expr:
    """Return the histogram of the moving average convergence divergence of the log close, in units of `scale`."""
    fast, slow, signal = (_span_decay(days) for days in MACD_DAYS)
    line = _ewm(_close.log(), fast) - _ewm(_close.log(), slow)
    return (line - _ewm(line, signal)) / _scale


def _bollinger(days: int) -> pl.Expr:
    deviation = _close.rolling_std(days)
    position = (_close - _close.rolling_mean(days)) / (2 * deviation)
    return pl.when(deviation > 0).then(position).otherwise(pl.when(deviation == 0).then(0.0))


def _atr(days: int) -> pl.Expr:
    """Return the average true range (Wilder 1978) as a share of the close, against `scale`."""
    true_range = pl.max_horizontal(_high, _last) - pl.min_horizontal(_low, _last)
    return _log_ratio(_ewm(pl.when(_last.is_not_null()).then(true_range / _close), _wilder_decay(days)))


def _volume_z(days: int) -> pl.Expr:
    # Relative to its own mean first, so that the unit (shares before or after a split) does not matter;
    # the offset stands in for a day without volume.
    relative = pl.when(_volume > 0).then(_volume / _volume.rolling_mean(days)).otherwise(0.0)
    volume = (relative + 0.01).log()
    deviation = volume.rolling_std(days)
    z = (volume - volume.rolling_mean(days)) / deviation
    # A volume that hardly moves (or is not known at all) says nothing.
    return pl.when(deviation > 1e-6).then(z).otherwise(pl.when(deviation.is_not_null()).then(0.0))


def _distance(level: pl.Expr, days: int) -> pl.Expr:
    return (_close / level).log() / (_scale * math.sqrt(days))


def _cycle(position: pl.Expr, period: int) -> pl.Expr:
    return 2 * math.pi * position / period


RETURN_FEATURES: Mapping[str, pl.Expr] = {
    **{f"ret_{days}": _span_return(days) for days in (1, 2, 5, 10, 20)},
    "gap": (_open / _last).log() / _scale,
    "intraday": (_close / _open).log() / _scale,
    "vol_ewma": _scale.log(),
    "vol_ratio": _log_ratio(_rolling_root(_return**2, 5)),
    "garman_klass_10": _garman_klass(10),
    "parkinson_10": _parkinson(10),
    f"atr_{ATR_DAYS}": _atr(ATR_DAYS),
    f"rsi_{RSI_DAYS}": _rsi(RSI_DAYS),
    "macd": _macd(),
    "bollinger_20": _bollinger(20),
    "volume_z_20": _volume_z(20),
    "ma_10": _distance(_close.rolling_mean(10), 10),
    "ma_50": _distance(_close.rolling_mean(50), 50),
    "high_60": _distance(_high.rolling_max(60), 60),
    "low_60": _distance(_low.rolling_min(60), 60),
    "weekday_sin": _cycle(pl.col("date").dt.weekday(), 7).sin(),
    "weekday_cos": _cycle(pl.col("date").dt.weekday(), 7).cos(),
    "month_sin": _cycle(pl.col("date").dt.month(), 12).sin(),
    "month_cos": _cycle(pl.col("date").dt.month(), 12).cos(),
}
# The textbook recipe: price levels in, price level out.
PRICE_FEATURES: Mapping[str, pl.Expr] = {
    f"price_{name}": pl.col(name) for name in ("open", "high", "low", "close", "volume")
}
FEATURES: Mapping[str, Mapping[str, pl.Expr]] = {"return": RETURN_FEATURES, "price": PRICE_FEATURES}

# What bars may lack, and the features that say nothing without it; others that use high or low take closes then.
RANGE, VOLUME = "open, high and low", "volume"
NEEDS: Mapping[str, tuple[str, ...]] = {
    RANGE: ("gap", "intraday", "garman_klass_10", "parkinson_10", "price_open", "price_high", "price_low"),
    VOLUME: ("volume_z_20", "price_volume"),
}

_LONGEST_WINDOW = 60
_DECAYS = (EWMA_DECAY, _wilder_decay(RSI_DAYS), _wilder_decay(ATR_DAYS))


def warmup(tolerance: float = 1e-9) -> int:
    """Return the bars after which a recursive feature is within `tolerance` of its full-history value.

    The past before n bars has the weight decay**n. Its variance may have been a hundred times today's, hence the
    margin; a signal line is smoothed twice, so its past fades after the sum of both memories, and a volatility's
    after the days that a tick is taken from, too.

    >>> warmup()
    443
    """
    memory = {decay: math.log(tolerance / 100) / math.log(decay) for decay in _DECAYS}
    _, slow, signal = (math.log(tolerance / 100) / math.log(_span_decay(days)) for days in MACD_DAYS)
    return math.ceil(max(*memory.values(), memory[EWMA_DECAY] + TICK_DAYS, slow + signal))


def compute(bars: pd.DataFrame, target: str = "return") -> pd.DataFrame:
    """Compute `scale` and the features of a target.

    Args:
        bars: adjusted bars, sorted by ticker and date.
        target: "return" or "price".

    Returns:
        date, ticker, the features, close, scale: one row per bar, NaN where the past is too short.

    >>> bars = pd.DataFrame({"date": pd.bdate_range("2024-01-02", periods=3), "ticker": "A", "volume": 1.0})
    >>> bars[["open", "high", "low", "close"]] = [[100.0] * 4, [101.0] * 4, [99.0] * 4]
    >>> compute(bars)["scale"].round(4).tolist()  # log(1.01); then the root of the mean of two squares
    [nan, 0.01, 0.0159]
    """
    frame = pl.from_pandas(bars).lazy().with_columns(scale=ewma_volatility().over("ticker"))
    columns = [expression.over("ticker").alias(name) for name, expression in FEATURES[target].items()]
    warm = pl.int_range(pl.len()).over("ticker") >= _LONGEST_WINDOW
    features = [pl.when(warm).then(pl.col(name)).cast(pl.Float64).alias(name) for name in FEATURES[target]]
    table = frame.with_columns(columns).select("date", "ticker", *features, "close", "scale").collect()
    return table.to_pandas().astype({"date": DATE_DTYPE, "ticker": object})
