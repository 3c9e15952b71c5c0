"""Bad tables by the thousand: each is refused in one line, or mended and counted, never silently taken."""

import math
import tempfile
import warnings
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pricecast.data import quality
from pricecast.data.ingest import download
from pricecast.data.sources import Request
from pricecast.dataset import dataset
from pricecast.errors import InputError
from pricecast.forecasting import fitting
from pricecast.schema import PRICES
from pricecast.table_checks import check_prices
from tests.support import reference_quality
from tests.support.bad_tables import bad_table, damage
from tests.support.gallery import AS_OF, sound
from tests.support.reference_quality import RefusedError
from tests.support.stress import Count, answer

# Kinds whose count the plain rules know to the row; the moves are held by a bound.
EXACT = (
    "unsorted", "duplicate", "time_of_day", "future", "missing_close", "non_positive_close", "missing_adjustment",
    "missing_price", "non_positive_price", "high_below_low", "close_outside_range", "open_outside_range",
    "close_only", "no_volume", "missing_volume", "zero_volume", "repeated", "misprint", "range", "interpolated",
    "unadjusted", "weekend", "gap", "stale", "unfinished",
)  # fmt: skip
TOLD_MOVES = ("jump", "double_adjustment")
TOLD_APART = ("split", "double_adjustment", "distribution")
BEYOND_FORM = ("future", "repeated", "misprint", "range")
FATES = ("refused", "counted", "accepted")


class SilentError(Exception):
    """The outcome hides something."""


# --- doors ------------------------------------------------------------------------------------------------------


def _through_table(table, rng, folder):
    copy = table.copy(deep=True)
    found = quality.clean(table, as_of=AS_OF, strict=False, allow_splits=bool(rng.integers(2)))
    pd.testing.assert_frame_equal(table, copy)
    return found, lambda: reference_quality.expect(reference_quality.cells_of_table(table), AS_OF)


def _load(path, rng):
    request = Request("csv", (), None, None, str(path), AS_OF, 0)
    return download(request, strict=False, allow_splits=bool(rng.integers(2)))


def _through_csv(table, rng, folder):
    path = folder / f"AAA.{rng.choice(['csv', 'txt', 'CSV'])}"
    encoding = str(rng.choice(["utf-8"] * 8 + ["utf-8-sig", "utf-16", "latin-1", "utf-32"]))
    content = table.to_csv(index=bool(rng.integers(8) == 0)).encode(encoding, errors="replace")
    content = damage(content, rng) if rng.integers(4) == 0 else content
    path.write_bytes(content)
    return _load(path, rng), lambda: reference_quality.expect(reference_quality.cells_of_csv(content, "AAA"), AS_OF)


def _through_parquet(table, rng, folder):
    path = folder / "AAA.parquet"
    try:
        table.to_parquet(path)
    except Exception:
        return _through_table(table, rng, folder)
    if rng.integers(4) == 0:
        path.write_bytes(damage(path.read_bytes(), rng))
        return _load(path, rng), None  # a changed digit inside a page is a digit
    return _load(path, rng), lambda: reference_quality.expect(
        reference_quality.cells_of_parquet(pq.read_table(path), "AAA"), AS_OF
    )


def _through_check(table, rng, folder):
    """Hold a table that passes the check of later steps to be clean already."""
    prices = check_prices(table)
    report = quality.clean(prices, as_of=AS_OF, strict=False, allow_splits=True)[1]
    mended = [
        f for f in report["findings"] if f["action"] in ("dropped", "repaired") and f["kind"] not in BEYOND_FORM
    ]
    if mended:
        raise SilentError(f"check_prices took {mended}")
    return (prices, {"findings": []}), None


@cache
def _naive():
    return fitting.fit("naive", {}, dataset.build(sound(500), horizon=3, max_lookback=20))


def _through_forecaster(table, rng, folder):
    answer = _naive().predict_bars(table)
    expected = reference_quality.expect(reference_quality.cells_of_table(table.assign(
        adj_close=table.get("adj_close", math.nan))), None)  # fmt: skip
    last = {name: expected.rows[name, day]["close"] for name, day in sorted(expected.rows)}
    if dict(zip(answer["ticker"], answer["last_close"], strict=True)) != last:
        raise SilentError(f"forecast from {answer['last_close'].tolist()}, not from {last}")
    if not (np.isfinite(answer["forecast"]) & answer["forecast"].gt(0)).all():
        raise SilentError("a forecast that is no price")
    return (None, {"findings": []}), None


DOORS = (_through_table,) * 6 + (_through_csv,) * 6 + (_through_parquet,) * 4 + (_through_check,) * 3
LONG = 500  # bars for the forecaster


# --- the outcome ------------------------------------------------------------------------------------------------


def _compare(prices, report, expected):
    """Raises SilentError where the outcome is not what the plain rules expect."""
    found = {finding["kind"]: finding["tickers"] for finding in report["findings"]}
    for kind in EXACT:
        counts = {name: int(count) for name, count in expected.counts[kind].items() if count}
        if found.get(kind, {}) != counts:
            raise SilentError(f"{kind}: {found.get(kind, {})} instead of {counts}")
    told = Counter({name: 0 for name, _ in expected.rows})
    for kind in (*TOLD_MOVES, "unadjusted_split", "currency_unit"):
        told.update(found.get(kind, {}))
    apart = Counter()
    for kind in TOLD_APART:
        apart.update(found.get(kind, {}))
    if any(told[name] < count for name, count in expected.moves.items()):
        raise SilentError(f"moves {told} fewer than {expected.moves}")
    if any(apart[name] != count for name, count in expected.apart.items()):
        raise SilentError(f"adjustments {apart} other than {expected.apart}")
    rows = {
        (row.ticker, row.date.date()): {name: getattr(row, name) for name in PRICES[2:]}
        for row in prices.itertuples()
    }
    if rows.keys() != expected.rows.keys():
        raise SilentError("other rows")
    for key, row in rows.items():
        for name, value in row.items():
            other = expected.rows[key][name]
            if value != other and not (math.isnan(value) and math.isnan(other)):
                raise SilentError(f"{key} {name}: {value} instead of {other}")


def _fate(door, table, rng, folder):
    try:
        (prices, report), expect = door(table, rng, folder)
    except InputError as error:
        text = str(error)
        if not text.isprintable() or not 20 < len(text) <= 600:
            raise SilentError(f"a message of {len(text)} characters: {text[:80]!r}") from error
        if "break the rule" in text and door is not _through_check:
            raise SilentError(f"mended, and yet {text}") from error
        return "refused"
    if prices is not None:
        check_prices(prices)
    if expect:
        _compare(prices, report, expect())
    return "counted" if report["findings"] else "accepted"


def ours(n: int, seed: int = 0) -> tuple[Count, Counter]:
    """Sends n bad tables through their doors; also returns how often each fate was met."""
    fates, bad = Counter(), []
    _naive()
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("error")
        for i in range(n):
            rng = np.random.default_rng([seed, i])
            forecasts = rng.integers(20) == 0
            door = _through_forecaster if forecasts else DOORS[rng.integers(len(DOORS))]
            table, done = bad_table(rng, LONG if forecasts else int(rng.integers(60, 90)))
            try:
                fates[_fate(door, table, rng, Path(name))] += 1
            except (SilentError, RefusedError) as error:
                bad.append(f"{i} {door.__name__} {done}: silent: {error}")
            except Exception as error:
                bad.append(f"{i} {door.__name__} {done}: {type(error).__name__}: {error}")
    return Count(n, bad), fates


if __name__ == "__main__":
    answer(ours=lambda n, _: ours(n)[0])
