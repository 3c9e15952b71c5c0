"""A gallery of tiny tables, and the array rules against a plain loop."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricecast.data import quality
from pricecast.errors import InputError
from pricecast.schema import DATE_DTYPE, PRICES
from pricecast.table_checks import check_prices

AS_OF = pd.Timestamp("2024-12-31 12:00")
NAN = math.nan


def table(closes, ticker="A", start="2024-01-02", **columns):
    """Sound bars around the closes on consecutive weekdays; columns given replace the sound ones."""
    closes = np.asarray(closes, dtype=float)
    frame = pd.DataFrame(
        {
            "date": pd.bdate_range(start, periods=len(closes)).astype(DATE_DTYPE), "ticker": ticker,
            "open": closes, "high": closes * 1.01, "low": closes * 0.99, "close": closes, "adj_close": closes,
            "volume": 1000.0,
        }
    )  # fmt: skip
    return frame.assign(**columns)


RISING = [10.0, 11.0, 12.0, 13.0]


def clean(raw, strict=False, allow_splits=False, as_of=AS_OF):
    before = raw.copy(deep=True)
    try:
        prices, report = quality.clean(raw, as_of=as_of, strict=strict, allow_splits=allow_splits)
    finally:
        pd.testing.assert_frame_equal(raw, before)
    json.dumps(report, allow_nan=False)
    check_prices(prices)
    assert report["rows_out"] == len(prices)
    assert report["rows_in"] == len(raw)
    return prices, report


def kinds(report):
    return {finding["kind"]: finding["count"] for finding in report["findings"]}


def refused(raw, **settings):
    with pytest.raises(InputError) as caught:
        clean(raw, **settings)
    message = str(caught.value)
    assert "\n" not in message
    return message


def changed(column, row, value, closes=RISING):
    raw = table(closes)
    raw.loc[row, column] = value
    return raw


def test_a_sound_table_passes_unchanged():
    raw = table(RISING)
    prices, report = clean(raw, strict=True)
    pd.testing.assert_frame_equal(prices, raw)
    assert report == {
        "rows_in": 4,
        "rows_out": 4,
        "tickers": {"A": {"rows_in": 4, "rows_out": 4, "first": "2024-01-02", "last": "2024-01-05"}},
        "findings": [],
    }


def test_rows_that_run_backwards_are_sorted():
    raw = table(RISING).iloc[::-1].reset_index(drop=True)
    prices, report = clean(raw)
    pd.testing.assert_frame_equal(prices, table(RISING))
    assert kinds(report) == {"unsorted": 3}


def test_tickers_may_come_mixed_and_in_any_order():
    raw = pd.concat([table(RISING, "B"), table(RISING, "A")]).sort_values("date", kind="stable")
    prices, report = clean(raw.reset_index(drop=True), strict=True)
    assert list(prices["ticker"]) == ["A"] * 4 + ["B"] * 4
    assert kinds(report) == {}


def test_a_repeated_row_is_dropped_even_with_holes():
    raw = table(RISING, adj_close=NAN, open=[10, NAN, 12, 13])
    prices, report = clean(pd.concat([raw, raw.iloc[[1, 1]]], ignore_index=True))
    assert len(prices) == 4
    assert kinds(report) == {"unsorted": 1, "duplicate": 2, "missing_price": 1, "unadjusted": 1}


def test_two_values_for_one_day_are_fatal():
    raw = pd.concat([table(RISING), table([99.0])], ignore_index=True)
    message = refused(raw)
    assert "1 x conflicting_duplicate" in message
    assert "A 2024-01-02: close 99, before it 10" in message
    assert "keep one row" in message


def test_bars_of_the_future_are_dropped():
    prices, report = clean(table(RISING), as_of=pd.Timestamp("2024-01-03 22:00", tz="America/New_York"))
    assert len(prices) == 3
    # It is 4 January in UTC by then, but that session has not even begun.
    assert kinds(report) == {"future": 1, "unfinished": 1}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (NAN, "missing_close"),
        (np.inf, "missing_close"),
        (0.0, "non_positive_close"),
        (-1.0, "non_positive_close"),
    ],
)
def test_a_row_without_a_close_is_dropped(value, kind):
    prices, report = clean(changed("close", 1, value))
    assert list(prices["close"]) == [10, 12, 13]
    assert kinds(report) == {kind: 1}
    assert report["findings"][0]["action"] == "dropped"


@pytest.mark.parametrize(
    ("value", "kind"), [(NAN, "missing_price"), (0.0, "non_positive_price"), (-5.0, "non_positive_price")]
)
def test_a_missing_open_becomes_the_previous_close_within_the_range(value, kind):
    raw = changed("open", 2, value).assign(low=[9, 10, 11.5, 12])
    prices, report = clean(raw)
    assert prices.loc[2, "open"] == 11.5  # the close before it, 11, is below the day's low
    assert kinds(report) == {kind: 1}


def test_a_missing_open_without_a_sound_range_or_a_day_before_becomes_the_close():
    prices, _ = clean(changed("open", 0, 0.0))
    assert prices.loc[0, "open"] == 10
    raw = changed("open", 2, 0.0)
    raw.loc[2, ["high", "low"]] = 0.0
    prices, report = clean(raw)
    assert list(prices.loc[2, ["open", "high", "low", "close"]]) == [12, 12, 12, 12]
    assert kinds(report) == {"non_positive_price": 1}


def test_a_missing_high_or_low_spans_open_and_close():
    raw = table(RISING, open=[10, 11.5, 11.5, 13], high=[11, NAN, 13, 14], low=[9, 9, 0.0, 12])
    prices, report = clean(raw)
    assert prices.loc[1, "high"] == 11.5
    assert prices.loc[2, "low"] == 11.5
    assert kinds(report) == {"missing_price": 1, "non_positive_price": 1}


def test_ranges_are_swapped_and_widened():
    raw = table(RISING, high=[9, 10.5, 12.5, 13], low=[11, 10, 11, 13], open=[10, 10.2, 14, 13])
    prices, report = clean(raw)
    assert list(prices["high"]) == [11, 11, 12.5, 13]
    assert list(prices["open"]) == [10, 10.2, 12.5, 13]
    assert list(prices["low"]) == [9, 10, 11, 13]
    assert kinds(report) == {"high_below_low": 1, "close_outside_range": 1, "open_outside_range": 1}


def test_rounding_of_adjusted_prices_is_no_finding():
    raw = table(RISING)
    raw["high"] = raw["close"] * (1 - 1e-15)
    prices, report = clean(raw, strict=True)
    assert (prices["high"] >= prices["close"]).all()
    assert kinds(report) == {}


def test_volume_is_filled_and_zeros_are_told_apart():
    prices, report = clean(table(RISING, volume=[NAN, -1, 0, 5]))
    assert list(prices["volume"]) == [0, 0, 0, 5]
    assert kinds(report) == {"missing_volume": 2, "zero_volume": 1}


def test_holes_in_adj_close_drop_the_row_only_where_the_ticker_has_it():
    raw = pd.concat([table(RISING, "A", adj_close=[1, NAN, 0, 1.1]), table(RISING, "B", adj_close=NAN)])
    prices, report = clean(raw.reset_index(drop=True))
    assert list(prices["ticker"]) == ["A"] * 2 + ["B"] * 4
    assert kinds(report)["missing_adjustment"] == 2
    assert report["findings"][1]["tickers"] == {"B": 1}
    assert report["tickers"]["A"] == {
        "rows_in": 4,
        "rows_out": 2,
        "first": "2024-01-02",
        "last": "2024-01-05",
    }


SPLIT = [70.0, 71.0, 10.2, 10.3]  # 7:1 overnight


def test_a_split_that_adj_close_takes_away_is_only_told():
    raw = table(SPLIT, adj_close=[10, 10.14, 10.2, 10.3])
    _, report = clean(raw, strict=True)
    assert kinds(report) == {"split": 1}


def test_a_spin_off_is_no_split():
    _, report = clean(table([73.8, 22.2], adj_close=[22.8, 22.2]))
    assert kinds(report) == {"distribution": 1}


@pytest.mark.parametrize("adjusted", [NAN, SPLIT])
def test_an_unadjusted_split_is_fatal_unless_allowed(adjusted):
    raw = table(SPLIT, adj_close=adjusted)
    message = refused(raw)
    assert "1 x unadjusted_split" in message
    assert "A 2024-01-04" in message
    assert "--allow-splits true" in message
    prices, report = clean(raw, allow_splits=True)
    assert len(prices) == 4
    finding = next(f for f in report["findings"] if f["kind"] == "unadjusted_split")
    assert finding["action"] == "reported"
    assert "jump" not in kinds(report)
    assert "1 x unadjusted_split" in refused(raw, strict=True, allow_splits=True)


def test_a_reverse_split_is_seen_too():
    assert "unadjusted_split" in refused(table([1.0, 1.1, 11.2, 11.0], adj_close=NAN))


@pytest.mark.parametrize(
    "opens",
    [
        [70, 71, 71, 10],  # opens at the close before and falls within the day: a crash, not a split
        [70, 71, 9.5, 10],  # the night is 7 % away from 7:1
        [70, 71, 0, 10],  # the open is not known
    ],
)
def test_a_fall_without_the_split_overnight_is_a_jump(opens):
    _, report = clean(table([70, 71, 10.2, 10.3], open=opens))
    assert kinds(report)["jump"] == 1
    assert "unadjusted_split" not in kinds(report)


def test_a_jump_of_adj_close_alone_is_told_twice():
    _, report = clean(table([10, 10.1, 10, 10.5], adj_close=[10, 10.1, 4, 4.2]))
    assert kinds(report) == {"distribution": 1, "jump": 1}


def test_gaps_and_tickers_that_stop_early():
    long = table([10, 11] * 15, "A")
    holey = table([10.0, 11.0, 12.0], "B").assign(date=pd.to_datetime(["2024-01-02", "2024-01-12", "2024-01-23"]))
    _, report = clean(pd.concat([long, holey], ignore_index=True))
    assert kinds(report) == {"gap": 1, "stale": 1}
    assert report["findings"][0]["examples"] == ["B 2024-01-23: 11 days after the bar before it"]
    assert "1 x gap, 1 x stale" in refused(pd.concat([long, holey], ignore_index=True), strict=True)


def test_a_flat_series_and_one_without_a_usable_row_are_fatal():
    assert "1 x constant" in refused(pd.concat([table(RISING, "A"), table([5, 5, 5], "B")], ignore_index=True))
    message = refused(pd.concat([table(RISING, "A"), table([NAN, NAN], "B")], ignore_index=True))
    assert "1 x empty" in message
    assert "B 2024-01-02: 2 rows, none usable" in message


def test_one_bar_is_a_table():
    _, report = clean(table([5.0]), strict=True)
    assert report["tickers"]["A"]["first"] == report["tickers"]["A"]["last"] == "2024-01-02"


def test_strict_names_kinds_and_counts():
    raw = table(RISING, volume=[NAN, 1, 1, 1], open=[10, 0, 0, 13])
    message = refused(raw, strict=True)
    assert "2 x non_positive_price, 1 x missing_volume" in message
    assert "--strict false" in message


def test_odd_dtypes_are_understood():
    raw = table(RISING).astype({"close": "float32", "open": "float32", "volume": "int64", "ticker": "category"})
    raw["date"] = raw["date"].dt.tz_localize("America/New_York")
    prices, _ = clean(raw)
    assert dict(prices.dtypes.astype(str)) == dict(table(RISING).dtypes.astype(str))


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (table([]), "got none"),
        (table(RISING).drop(columns="open"), "missing: open"),
        (table(RISING, ticker=["A", None, "A", "A"]), "row 2"),
        (table(RISING, date=pd.to_datetime(["2024-01-02", None, "2024-01-04", "2024-01-05"])), "row 2"),
        (table(RISING, close=["1", "x", "2", "3"]), "got 'x' in row 2"),
    ],
)
def test_what_is_no_table_of_bars_is_refused_in_one_line(raw, part):
    assert part in refused(raw)


def test_the_docs_hold_the_same_table():
    text = (Path(__file__).parents[2] / "docs" / "data-quality.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", text, flags=re.MULTILINE)
    expected = [(kind, action, meaning) for kind, (action, meaning) in quality.KINDS.items()]
    assert rows == expected, "\n".join(f"| `{k}` | {a} | {m} |" for k, a, m in expected)


# --- the array rules against a plain loop -------------------------------------------------------------------


def by_hand(rows):
    """The repairs of one ticker's rows (open, high, low, close), one after the other."""
    done = []
    for open_, high, low, close in rows:
        if math.isnan(close) or close <= 0:
            continue
        if high > 0 and low > 0 and high < low:
            high, low = low, high
        if not open_ > 0:
            sound = high > 0 and low > 0 and done
            open_ = min(max(done[-1][3], low), high) if sound else close
        high = high if high > 0 else max(open_, close)
        low = low if low > 0 else min(open_, close)
        high, low = max(high, close), min(low, close)
        done.append((min(max(open_, low), high), high, low, close))
    return done


CELL = st.sampled_from([NAN, -1.0, 0.0, 1.0, 2.0, 3.0, 4.5])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(CELL, CELL, CELL, CELL), min_size=1, max_size=12))
def test_repairs_equal_a_plain_loop(rows):
    expected = by_hand(rows)
    raw = table([1.0] * len(rows), adj_close=NAN, volume=np.arange(1.0, len(rows) + 1))  # so none is a copy
    raw[["open", "high", "low", "close"]] = rows
    # A second ticker, so that nothing leaks over the border between two.
    raw = pd.concat([raw, table(RISING, "B")], ignore_index=True)
    closes = {row[3] for row in expected}
    if not expected or (len(expected) > 1 and len(closes) == 1):
        refused(raw, allow_splits=True)
        return
    prices, report = clean(raw, allow_splits=True)
    got = prices.loc[prices["ticker"].eq("A"), ["open", "high", "low", "close"]]
    assert [tuple(row) for row in got.to_numpy()] == expected
    again, second = clean(prices, allow_splits=True)
    pd.testing.assert_frame_equal(again, prices)
    assert not {f["kind"] for f in second["findings"] if f["action"] in ("dropped", "repaired")}
    dropped = sum(f["count"] for f in report["findings"] if f["action"] == "dropped")
    assert report["rows_in"] - report["rows_out"] == dropped


def test_columns_keep_their_order():
    prices, _ = clean(table(RISING)[list(reversed(PRICES))])
    assert list(prices.columns) == list(PRICES)


def test_a_series_that_ended_long_before_the_end_asked_for_is_stale():
    until = pd.Timestamp("2024-02-01")
    _, report = quality.clean(table(RISING), as_of=AS_OF, strict=False, allow_splits=False, until=until)
    assert kinds(report) == {"stale": 1}
    with pytest.raises(InputError, match="stale"):
        quality.clean(table(RISING), as_of=AS_OF, strict=True, allow_splits=False, until=until)


def test_a_change_of_the_currency_unit_is_fatal_unless_allowed():
    raw = table([1020.0, 1031.0, 10.2, 10.3])
    message = refused(raw)
    assert "1 x currency_unit" in message
    assert "bring the history to one unit" in message
    _, report = clean(raw, allow_splits=True)
    assert kinds(report) == {"currency_unit": 1}
    assert report["findings"][0]["action"] == "reported"


def test_a_crash_to_a_hundredth_within_the_day_is_no_change_of_unit():
    _, report = clean(
        table([1020.0, 1031.0, 10.2, 10.3], open=[1020, 1030, 1031, 10.2], high=[1030, 1035, 1031, 11])
    )
    assert kinds(report) == {"jump": 1}


@pytest.mark.parametrize("factor", [1 / 2, 4, 1 / 20])
def test_an_adj_close_that_adjusts_once_more_is_told_from_a_split(factor):
    closes = np.array([70.0, 71.0, 70.2, 70.3])
    _, report = clean(table(closes, adj_close=closes * [factor, factor, 1, 1]))
    assert kinds(report) == {"double_adjustment": 1}
    assert "double_adjustment" in refused(table(closes, adj_close=closes * [factor, factor, 1, 1]), strict=True)


@pytest.mark.parametrize(("dates", "count"), [("B", 1), ("D", 0), ("C", 0)])
def test_a_weekend_is_odd_only_where_it_is_rare(dates, count):
    # Every weekday and one Saturday, every day, and Sunday to Thursday.
    days = pd.bdate_range(
        "2024-01-01", periods=60, freq=dates, weekmask="Sun Mon Tue Wed Thu" if dates == "C" else None
    )
    days = days.append(pd.DatetimeIndex(["2024-02-10"])).unique().sort_values() if dates == "B" else days
    raw = table(np.linspace(10, 12, len(days)), date=days.astype(DATE_DTYPE))
    _, report = clean(raw)
    assert kinds(report) == ({"weekend": 1} if count else {})


def test_a_session_that_still_trades_is_no_close_yet():
    raw = table(RISING, start="2024-12-26").assign(date=pd.to_datetime(
        ["2024-12-26", "2024-12-27", "2024-12-30", "2024-12-31"]).astype(DATE_DTYPE))  # fmt: skip
    for hour, expected in (("20:59", {"unfinished": 1}), ("21:00", {})):
        _, report = clean(raw, as_of=pd.Timestamp(f"2024-12-31 {hour}"))
        assert kinds(report) == expected
    assert "unfinished" in refused(raw, strict=True)
