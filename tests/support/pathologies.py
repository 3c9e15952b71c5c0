"""Four ordinary tickers, and tickers that are nothing of the kind, to be added to them as a fifth."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from pricecast.schema import DATE_DTYPE, PRICES
from pricecast.table_checks import check_prices

DAYS = 900
DATES = pd.bdate_range(end="2024-07-03", periods=DAYS).astype(DATE_DTYPE)
ORDINARY = ("AAA", "BBB", "CCC", "DDD")
FIFTH = "EEE"
STEPS = 16  # a day


def usual(rng: np.random.Generator, n: int = DAYS, sigma: float = 0.012) -> tuple[np.ndarray, np.ndarray]:
    """Daily log returns with fat tails, and their volatilities, which wander around `sigma` (Taylor 1982)."""
    log_volatility = np.zeros(n)
    for day in range(1, n):
        log_volatility[day] = 0.97 * log_volatility[day - 1] + 0.1 * rng.standard_normal()
    # The fat tails come from days that are wild as a whole: so do their ranges.
    volatility = sigma * np.exp(log_volatility) * np.sqrt(4 / rng.chisquare(6, n))
    return volatility * rng.standard_normal(n), volatility


def bars(ticker: str, rng: np.random.Generator, returns: np.ndarray, volatility: np.ndarray) -> pd.DataFrame:
    """The prices table of a ticker that moves in steps: one over night, the others while the market is open."""
    noise = rng.standard_normal((len(returns), STEPS)) * volatility[:, None] / np.sqrt(STEPS)
    steps = noise - noise.mean(axis=1, keepdims=True) + returns[:, None] / STEPS
    path = np.cumsum(returns)[:, None] - returns[:, None] + np.cumsum(steps, axis=1)
    # The close exactly, so that a price that stands still does.
    path[:, -1] = np.cumsum(returns)
    prices = 100 * np.exp(path)
    volume = np.where(volatility > 0, rng.integers(100_000, 2_000_000, len(returns)), 0).astype(float)
    columns = {
        "open": prices[:, 0], "high": prices.max(axis=1), "low": prices.min(axis=1), "close": prices[:, -1],
        "adj_close": prices[:, -1], "volume": volume,
    }  # fmt: skip
    table = pd.DataFrame({"date": DATES[-len(returns) :], "ticker": ticker, **columns})
    return table.astype({"ticker": object})[list(PRICES)]


def ordinary_market() -> list[pd.DataFrame]:
    """The prices of `ORDINARY`."""
    sizes = {ticker: 0.008 + 0.003 * number for number, ticker in enumerate(ORDINARY)}
    generators = {ticker: np.random.default_rng(number) for number, ticker in enumerate(ORDINARY)}
    return [bars(ticker, rng, *usual(rng, sigma=sizes[ticker])) for ticker, rng in generators.items()]


def _ordinary(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return usual(rng, sigma=0.014)


def _sticky(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Sub-penny: flat on 95 % of the days, else a tick of 40 % up or down."""
    return _ticks(rng, 0.95, 0.4)


def _half_sticky(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return _ticks(rng, 0.6, 0.02)


def _ticks(rng: np.random.Generator, flat: float, size: float) -> tuple[np.ndarray, np.ndarray]:
    # Up and down in turns, so that the price stays near where it began.
    moved = rng.random(DAYS) >= flat
    returns = np.where(moved, size * np.where(np.cumsum(moved) % 2, 1, -1), 0.0)
    return returns, np.abs(returns)


def _halted(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return _trading(np.arange(DAYS) < DAYS // 2, *usual(rng))


def _resumed(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return _trading((np.arange(DAYS) < DAYS // 3) | (np.arange(DAYS) > 2 * DAYS // 3), *usual(rng))


def _trading(days: np.ndarray, returns: np.ndarray, volatility: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return returns * days, volatility * days


def _sine(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return _around_a_level(np.log(100 + 10 * np.sin(np.arange(DAYS + 1) / 9)))


def _weekly(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Weekly closes, and the days between them on the line."""
    returns = np.repeat(0.006 * rng.standard_normal(DAYS // 5), 5)
    return returns, np.zeros(DAYS)


def _pegged(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return _around_a_level(1e-5 * rng.standard_normal(DAYS + 1))


def _around_a_level(level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    returns = np.diff(level)
    return returns, np.abs(returns)


def _print(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One close a thousand times too high."""
    returns, volatility = usual(rng)
    returns[DAYS // 2] += np.log(1000)
    returns[DAYS // 2 + 1] -= np.log(1000)
    return returns, volatility


def _short(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return usual(rng, 50)


def _constant(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(DAYS), np.zeros(DAYS)


def _line(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return np.full(DAYS, 0.001), np.zeros(DAYS)


def _bounce(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A close that is bid and ask in turns."""
    return _around_a_level(np.where(np.arange(DAYS + 1) % 2, 0.01, 0.0))


def _wild(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A third of its price up or down on most days."""
    return _around_a_level(0.3 * rng.standard_t(3, DAYS + 1))


def _spikes(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Bad prints: half or twice the price for a day, on one day in fifty."""
    level = np.where(rng.random(DAYS + 1) < 0.02, np.log(2) * np.sign(rng.standard_normal(DAYS + 1)), 0.0)
    returns, volatility = usual(rng)
    return returns + np.diff(level), volatility


def _broken_peg(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    size = np.where(np.arange(DAYS) < DAYS // 2, 1e-3, 1.0)
    returns, volatility = usual(rng)
    return returns * size, volatility * size


KINDS: dict[str, Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]] = {
    "sticky": _sticky, "half sticky": _half_sticky, "halted": _halted, "resumed": _resumed, "pegged": _pegged,
    "print": _print, "short": _short, "constant": _constant, "line": _line, "bounce": _bounce, "wild": _wild,
    "spikes": _spikes, "sine": _sine, "weekly": _weekly,
}  # fmt: skip
# What a market has now and then, and what teaches in part: from the end of the peg on it is like any other.
OTHERS = {"ordinary": _ordinary, "broken peg": _broken_peg}


def market(kind: str | None) -> pd.DataFrame:
    """The prices of the four ordinary tickers, and of a fifth: one of `KINDS` or of `OTHERS`, or none."""
    tables = ordinary_market()
    if kind is not None:
        rng = np.random.default_rng(99)
        tables.append(bars(FIFTH, rng, *{**OTHERS, **KINDS}[kind](rng)))
    return check_prices(pd.concat(tables, ignore_index=True))
