import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricecast.audit import protocol
from pricecast.dataset.splits import Bounds, assign, bounds_by_date, bounds_by_share
from pricecast.errors import InputError
from pricecast.schema import DATE_DTYPE


def calendar(n, start="2015-01-01"):
    return pd.Series(pd.bdate_range(start, periods=n).astype(DATE_DTYPE))


def table_of(**spans):
    """Date and ticker; each ticker holds the given slice of 100 dates."""
    dates = calendar(100)
    tables = [pd.DataFrame({"date": dates[span], "ticker": ticker}) for ticker, span in spans.items()]
    return pd.concat(tables, ignore_index=True)


def everywhere(table):
    return pd.Series(True, index=table.index)


def slow_assign(table, bounds, horizon, usable):
    """Row by row: the dates that an origin forecasts decide."""
    tickers, dates = table["ticker"].tolist(), table["date"].tolist()
    names = []
    for i, (ticker, date) in enumerate(zip(tickers, dates, strict=True)):
        ahead = [dates[j] for j in range(i + 1, min(i + 1 + horizon, len(table))) if tickers[j] == ticker]
        if not usable[i]:
            names.append("")
        elif (ahead[0] if ahead else date) >= bounds.test_start:
            names.append("test")
        elif len(ahead) == horizon and ahead[0] >= bounds.valid_start and ahead[-1] < bounds.test_start:
            names.append("valid")
        elif len(ahead) == horizon and ahead[-1] < bounds.valid_start:
            names.append("train")
        else:
            names.append("")
    return names


# --- the bounds --------------------------------------------------------------------------------------------


def test_shares_round_up_to_whole_dates():
    dates = calendar(5031)
    bounds = bounds_by_share(dates, 0.1, 0.2)
    assert (dates >= bounds.test_start).sum() == 1007
    assert ((dates >= bounds.valid_start) & (dates < bounds.test_start)).sum() == 504


def test_shares_that_come_out_whole_stay_as_they_are():
    # .07 * 100 and .29 * 100 are 7.000000000000001 and 28.999999999999996 to a computer.
    dates = calendar(100)
    bounds = bounds_by_share(dates, 0.29, 0.07)
    assert (dates >= bounds.test_start).sum() == 7
    assert (dates >= bounds.valid_start).sum() == 36


def test_shares_count_distinct_dates_of_all_tickers():
    table = table_of(AAA=slice(0, 100), BBB=slice(50, 100), CCC=slice(90, 100))
    alone = bounds_by_share(calendar(100), 0.2, 0.1)
    assert bounds_by_share(table["date"], 0.2, 0.1) == alone
    assert bounds_by_share(table["date"].sample(frac=1, random_state=0), 0.2, 0.1) == alone


@pytest.mark.parametrize(
    ("valid", "test"),
    [(0.5, 0.5), (0.9, 0.2), (0, 0.2), (0.2, 0), (-0.1, 0.2), (1, 0.1), (0.1, 1.5), (0.495, 0.5), (np.nan, 0.2)],
)
def test_shares_that_leave_nothing_are_refused(valid, test):
    with pytest.raises(InputError, match="shares of the 100 dates"):
        bounds_by_share(calendar(100), valid, test)


def test_given_dates_are_taken():
    dates = calendar(100)
    assert bounds_by_date(dates, dates[50], dates[99]) == Bounds(dates[50], dates[99])


@pytest.mark.parametrize(("valid", "test"), [(0, 50), (50, 50), (60, 50), (50, 100)])
def test_given_dates_have_to_lie_in_order_inside_the_table(valid, test):
    dates = calendar(101)
    with pytest.raises(InputError, match=r"expected 2015-01-01 < valid-start < test-start <= 2015-05-20"):
        bounds_by_date(dates[:100], dates[valid], dates[test])


# --- the spans ---------------------------------------------------------------------------------------------


def test_spans_are_named_by_the_dates_that_are_forecast():
    table = table_of(AAA=slice(0, 100))
    bounds = Bounds(table["date"][60], table["date"][80])
    split = assign(table, bounds, 3, everywhere(table)).tolist()
    # Row 56 forecasts rows 57 to 59; row 59 is the last close before the validation span.
    assert split[:57] == ["train"] * 57
    assert split[57:59] == ["", ""]
    assert split[59:77] == ["valid"] * 18
    assert split[77:79] == ["", ""]
    assert split[79:] == ["test"] * 21


@settings(max_examples=60, deadline=None)
@given(
    horizon=st.integers(1, 8),
    starts=st.tuples(st.integers(0, 70), st.integers(0, 95)),
    ends=st.tuples(st.integers(72, 100), st.integers(97, 100)),
    valid=st.integers(1, 70),
    test=st.integers(1, 28),
    off=st.integers(0, 3),
    seed=st.integers(0, 9),
)
def test_spans_equal_a_loop_for_tickers_that_come_and_go(horizon, starts, ends, valid, test, off, seed):
    table = table_of(AAA=slice(starts[0], ends[0]), BBB=slice(starts[1], ends[1]))
    dates = calendar(100)
    # A bound need not be a trading day.
    bounds = Bounds(dates[valid] + datetime.timedelta(days=off), dates[valid + test] + datetime.timedelta(days=off))
    usable = pd.Series(np.random.default_rng(seed).random(len(table)) < 0.9)
    split = assign(table, bounds, horizon, usable)
    assert split.tolist() == slow_assign(table, bounds, horizon, usable)
    assert protocol.spans(table.assign(split=split), horizon) == []


@pytest.mark.parametrize("horizon", [1, 5])
def test_one_bound_cuts_every_ticker(horizon):
    table = table_of(AAA=slice(0, 100), BBB=slice(40, 100), CCC=slice(55, 100))
    bounds = Bounds(table["date"][60], table["date"][80])
    table["split"] = assign(table, bounds, horizon, everywhere(table))
    for name in ("valid", "test"):
        spans = {tuple(group["date"][group["split"] == name]) for _, group in table.groupby("ticker")}
        assert len(spans) == 1


def test_without_a_horizon_to_purge_no_row_is_lost():
    table = table_of(AAA=slice(0, 100))
    split = assign(table, Bounds(table["date"][60], table["date"][80]), 1, everywhere(table))
    assert (split != "").all()


def test_the_newest_close_belongs_to_the_test_span_though_its_outcome_is_unknown():
    table = table_of(AAA=slice(0, 100), GONE=slice(0, 70))
    bounds = Bounds(table["date"][60], table["date"][80])
    split = assign(table, bounds, 5, everywhere(table))
    assert split[99] == "test"
    # A ticker that ended before the test span has no origin there, and its last closes teach nothing.
    assert "test" not in set(split[100:])
    assert split[165:].tolist() == [""] * 5


def test_rows_without_context_belong_to_no_span():
    table = table_of(AAA=slice(0, 100))
    bounds = Bounds(table["date"][60], table["date"][80])
    assert (assign(table, bounds, 5, ~everywhere(table)) == "").all()
