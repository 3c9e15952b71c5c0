"""Seeded random series of known distribution, so that a forecast of them can be checked against the truth.

`path` names the kind: `gbm` (constant volatility), `ewma` (volatility follows the squared returns) or
`planted` (tomorrow's return is partly today's).
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from pricecast.data.sources import Request
from pricecast.errors import InputError

LIVE = False
BARS = 1500  # business days, about six years
LAST = pd.Timestamp("2024-12-31")
DECAY = 0.94
FLOOR = 0.001  # daily volatility: without it that of the ewma kind would decay to zero
PHI = 0.3


def gbm(rng: np.random.Generator, n: int, sigma: float = 0.012, drift: float = 0.0002) -> np.ndarray:
    """Return n daily log returns of a geometric Brownian motion: independent N(drift, sigma^2)."""
    return drift + sigma * rng.standard_normal(n)


def ewma(rng: np.random.Generator, n: int, sigma: float = 0.015) -> np.ndarray:
    """Return n daily log returns, each N(0, s^2) with s the EWMA(0.94) volatility of those before it.

    s_t^2 = 0.94 s_{t-1}^2 + 0.06 r_{t-1}^2, started at `sigma`; a return is drawn with max(s, FLOOR).
    """
    returns = np.empty(n)
    shocks = rng.standard_normal(n)
    variance = sigma**2
    for day in range(n):
        returns[day] = max(variance**0.5, FLOOR) * shocks[day]
        variance = DECAY * variance + (1 - DECAY) * returns[day] ** 2
    return returns


def planted(rng: np.random.Generator, n: int, phi: float = PHI, sigma: float = 0.012) -> np.ndarray:
    """Return n daily log returns of an AR(1): tomorrow's mean is phi times today's return."""
    returns = sigma * rng.standard_normal(n)
    for day in range(1, n):
        returns[day] += phi * returns[day - 1]
    return returns


KINDS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "gbm": gbm,
    "ewma": ewma,
    "planted": planted,
}


def stream(seed: int, ticker: str) -> np.random.Generator:
    """Return the random generator of a ticker, which does not depend on what other tickers there are."""
    return np.random.default_rng(np.random.SeedSequence([seed, *ticker.encode()]))


def bars(returns: np.ndarray, dates: pd.DatetimeIndex, ticker: str, rng: np.random.Generator) -> pd.DataFrame:
    """Return daily bars whose closes follow (n,) log returns from a price of 100.

    Open, high, low and volume come from draws of their own, so they say nothing of later closes.
    """
    n = len(returns)
    close = 100 * np.exp(np.cumsum(returns))
    previous = np.concatenate([[100.0], close[:-1]])
    open_ = previous * np.exp(0.002 * rng.standard_normal(n))
    high = np.maximum(open_, close) * np.exp(0.004 * np.abs(rng.standard_normal(n)))
    low = np.minimum(open_, close) * np.exp(-0.004 * np.abs(rng.standard_normal(n)))
    volume = rng.integers(100_000, 2_000_000, n)
    columns = {"open": open_, "high": high, "low": low, "close": close, "adj_close": close, "volume": volume}
    return pd.DataFrame({"date": dates, "ticker": ticker, **columns})


def fetch(request: Request) -> pd.DataFrame:
    """Return 1500 business days up to the request's end (2024-12-31 without one), of SYN1 if no ticker is named.

    Raises:
        InputError: unknown kind, or a negative seed.
    """
    kind = request.path or "gbm"
    if kind not in KINDS:
        raise InputError(f"expected a synthetic kind out of {', '.join(KINDS)}, got {kind!r}: choose one of these")
    if request.seed < 0:
        raise InputError(f"expected a seed of zero or more, got {request.seed}: give another seed")
    dates = pd.bdate_range(end=request.end if request.end is not None else LAST, periods=BARS)
    frames = []
    for ticker in request.tickers or ("SYN1",):
        rng = stream(request.seed, ticker)
        frames.append(bars(KINDS[kind](rng, BARS), dates, ticker, rng))
    return pd.concat(frames, ignore_index=True)
