"""Claims about real series; skipped where the data are absent (PRICECAST_DATA names their folder)."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pricecast.data import sources
from pricecast.data.quality import clean
from pricecast.data.sources import Request
from pricecast.dataset.dataset import build
from pricecast.errors import InputError
from pricecast.evaluation.evaluate import evaluate

FOLDER = Path(os.environ.get("PRICECAST_DATA") or Path(__file__).parents[2] / "shared" / "data")
AS_OF = pd.Timestamp("2024-12-31")

pytestmark = pytest.mark.skipif(
    not (FOLDER / "kdd17_raw.parquet").exists(),
    reason=f"no market data in {FOLDER}: set PRICECAST_DATA to the folder that holds kdd17_raw.parquet",
)


@cache
def load(name):
    return sources.load(Request("csv", (), None, None, str(FOLDER / f"{name}.parquet"), AS_OF, 0))


@cache
def cleaned(name, allow_splits=False):
    return clean(load(name), as_of=AS_OF, strict=False, allow_splits=allow_splits)


def found(report):
    return {finding["kind"]: finding for finding in report["findings"]}


def test_kdd17_has_exactly_its_ten_splits():
    _, report = cleaned("kdd17_raw")
    split = found(report)["split"]
    names = ["AAPL", "BRK-B", "CMCSA", "D", "DUK", "GOOGL", "KO", "MA", "RIO", "VALE"]
    assert split["tickers"] == dict.fromkeys(names, 1)
    # Altria spun off Kraft and Philip Morris: adjusted, but no split.
    assert found(report)["distribution"]["tickers"] == {"MO": 2}
    assert not {"unadjusted_split", "jump"} & found(report).keys()


def test_kdd17_without_its_adjustment_shows_the_splits():
    raw = load("kdd17_raw").assign(adj_close=np.nan)
    with pytest.raises(InputError, match=r"got 10 x unadjusted_split .* first AAPL 2014-06-09"):
        clean(raw, as_of=AS_OF, strict=False, allow_splits=False)
    _, report = clean(raw, as_of=AS_OF, strict=False, allow_splits=True)
    _, adjusted = cleaned("kdd17_raw")
    assert found(report)["unadjusted_split"]["tickers"] == found(adjusted)["split"]["tickers"]


def test_us6_zero_opens_are_repaired():
    raw = load("us6_1987_2017")
    prices, report = cleaned("us6_1987_2017")
    zero = raw["open"].eq(0).to_numpy()
    assert zero.sum() == 18_307
    assert len(prices) == len(raw)
    assert found(report)["non_positive_price"]["count"] == 18_307
    assert found(report)["jump"]["tickers"] == {"AAPL": 1, "XOM": 2}
    inside = prices["open"].between(prices["low"], prices["high"])
    assert inside.all()
    # The previous close where the day's range allows it.
    before = prices.groupby("ticker")["close"].shift()
    free = zero & before.between(prices["low"], prices["high"])
    assert free.sum() > 10_000
    assert prices.loc[free, "open"].equals(before[free].rename("open"))


@pytest.mark.slow
def test_the_dirty_file_names_its_suspected_splits():
    with pytest.raises(InputError, match=r"got 22 x unadjusted_split .*--allow-splits true"):
        cleaned("us600_2008_2012_dirty")
    prices, report = cleaned("us600_2008_2012_dirty", allow_splits=True)
    assert report["rows_in"] - report["rows_out"] == 9
    assert "repeated" not in found(report)
    # A split taken back the day after, and closes that no day near them is near.
    expected = {"DHT": 1, "NCS": 1, "NMK-C": 1, "ZF": 1}
    expected = {"NASDAQ:PSDV": 3, "NASDAQ:SCKT": 1} | {f"NYSE:{name}": count for name, count in expected.items()}
    assert found(report)["misprint"]["tickers"] == expected
    assert found(report)["range"]["count"] == 17
    assert found(report)["non_positive_close"]["examples"] == ["NASDAQ:CVCY 2010-11-08: close 0"]
    assert found(report)["unadjusted_split"]["action"] == "reported"
    assert prices["ticker"].nunique() == 600
    assert prices["close"].dtype == "float64"


@pytest.mark.slow
def test_the_flash_crash_stays():
    day = pd.Timestamp("2010-05-06")
    raw, (prices, _) = load("us600_2008_2012_dirty"), cleaned("us600_2008_2012_dirty", allow_splits=True)
    before, after = (table[table["date"] == day].set_index("ticker")["low"] for table in (raw, prices))
    assert (before[after.index] == after)[["NASDAQ:DWAQ", "NASDAQ:ONEQ", "NASDAQ:PEZ", "NASDAQ:SORL"]].all()


def test_acl18_drops_three_rows():
    _, report = cleaned("acl18_raw")
    assert found(report)["missing_close"]["tickers"] == {"PTR": 1, "REX": 1, "SNP": 1}
    assert report["rows_in"] - report["rows_out"] == 3
    assert not {"unadjusted_split", "split"} & found(report).keys()


@pytest.mark.parametrize("adjusted", [True, False])
def test_crypto_has_no_splits(adjusted):
    raw = load("crypto_2014_2023_dev")
    raw = raw if adjusted else raw.assign(adj_close=np.nan)
    _, report = clean(raw, as_of=AS_OF, strict=True, allow_splits=False)
    assert found(report).keys() <= {"jump", "unadjusted"}
    assert found(report)["jump"]["count"] == 8


@pytest.mark.parametrize("name", ["etf4_2015_2023_dev", "mwoss_msft_2013_2017", "index_1999_2018"])
def test_clean_series_pass_a_strict_run(name):
    prices, report = clean(load(name), as_of=AS_OF, strict=True, allow_splits=False)
    assert len(prices) == len(load(name))
    assert found(report).keys() <= {"zero_volume"}


@pytest.mark.parametrize(
    ("file", "ticker", "days", "rmse"),
    [("index_1999_2018", "^GSPC", 1007, "19.98"), ("mwoss_msft_2013_2017", "MSFT", 218, "0.704")],
)
def test_naive_scores_the_published_rmse(file, ticker, days, rmse):
    # The last 20 % of the dates, one day ahead.
    prices, _ = cleaned(file)
    one = prices[prices["ticker"] == ticker].reset_index(drop=True)
    result = evaluate([], build(one, horizon=1, test_size=0.2))
    figures = result.metrics("naive")
    assert figures["test_n_days"] == days
    assert f"{figures['test_rmse']:.{len(rmse.partition('.')[2])}f}" == rmse


NAMES = ("acl18_raw", "crypto_2014_2023_dev", "etf4_2015_2023_dev", "index_1999_2018", "kdd17_raw", "us6_1987_2017")


@pytest.mark.parametrize("name", NAMES)
def test_rules_for_mixed_up_tables_raise_no_false_alarm(name):
    kinds = {"time_of_day", "double_adjustment", "currency_unit", "weekend", "unfinished"}
    assert not kinds & found(cleaned(name)[1]).keys()
