"""Dates as text: one form for a whole column, or a refusal that shows both readings."""

import numpy as np
import pandas as pd
import pytest

from pricecast.data.date_formats import dates
from pricecast.errors import InputError


def read(*cells, **more):
    return dates(pd.Series(list(cells)), "a.csv", **more).astype(str).tolist()


def refused(*cells, **more):
    with pytest.raises(InputError) as caught:
        read(*cells, **more)
    return str(caught.value)


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        # A day after the 12th.
        (["03/04/2023", "13/04/2023"], ["2023-04-03", "2023-04-13"]),
        (["03/04/2023", "04/13/2023"], ["2023-03-04", "2023-04-13"]),
        (["3.4.2023", "31.3.2023"], ["2023-04-03", "2023-03-31"]),
        # The one order in which they are sorted and daily.
        (["03/04/2023", "04/04/2023", "05/04/2023"], ["2023-04-03", "2023-04-04", "2023-04-05"]),
        (["03/04/2023", "03/06/2023", "03/07/2023"], ["2023-03-04", "2023-03-06", "2023-03-07"]),
        (["05-04-2023", "04-04-2023"], ["2023-04-05", "2023-04-04"]),
        (["12/12/2022", "01/02/2023", "01/03/2023", "13/03/2023"],
         ["2022-12-12", "2023-02-01", "2023-03-01", "2023-03-13"]),
        # Both orders are one date.
        (["03/03/2023"], ["2023-03-03"]),
        (["1/2/2013 16:00:00", "1/3/2013 9:30"], ["2013-01-02 16:00:00", "2013-01-03 09:30:00"]),
        # The year is first.
        (["2023/1/2", "2023.01.03", "20230104"], ["2023-01-02", "2023-01-03", "2023-01-04"]),
    ],
)  # fmt: skip
def test_the_dates_of_a_column_settle_its_order(cells, found):
    assert read(*cells) == found


@pytest.mark.parametrize(
    "cells",
    [
        ["03/04/2023"],
        ["03/04/2023", "03/04/2023"],
        ["01/02/2023", "02/01/2023", "03/05/2023"],  # sorted in neither
        ["01/02/2023", "05/06/2023"],  # daily in neither
    ],
)
def test_what_nothing_settles_is_refused_with_both_readings(cells):
    day_first = pd.to_datetime(cells[0], format="%d/%m/%Y").date()
    month_first = pd.to_datetime(cells[0], format="%m/%d/%Y").date()
    assert f"{cells[0]!r} in row 1, which is {day_first} or {month_first}" in refused(*cells)


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (["13/04/2023", "04/13/2023"], "of one form in a.csv, got '13/04/2023' in row 1 and '04/13/2023' in row 2"),
        # What a spreadsheet leaves of month-first dates where the day is first.
        (["2023-02-01", "01/13/2023"], "of one form in a.csv, got '2023-02-01' in row 1 and '01/13/2023' in row 2"),
        (["13/02/2023", "14.02.2023"], "of one form"),
        (["01/02/23"], "got '01/02/23' in row 1 (a year of two digits)"),
        (["23-01-02"], "(a year of two digits)"),
        (["44927"], "(a serial number of Excel, perhaps)"),
        (["44927.5"], "(a serial number of Excel, perhaps)"),
        (["1672531200"], "(seconds since 1970, perhaps)"),
        (["31/02/2023"], "got '31/02/2023' in row 1:"),
        (["2023-13-01"], "got '2023-13-01' in row 1:"),
        (["13/13/2023"], "got '13/13/2023'"),
        (["01/02-2023"], "got '01/02-2023'"),
        (["03/04/1023"], "from 1800 to 2200"),
        (["\u0660\u0663/\u0660\u0664/2023"], "expected dates such as"),
    ],
)
def test_what_is_no_date_or_of_two_forms_is_refused(cells, says):
    assert says in refused(*cells)


def test_each_ticker_is_sorted_and_daily_by_itself():
    cells = ["03/04/2023", "04/04/2023"]
    assert read(*cells, *cells, tickers=np.array(["A", "A", "B", "B"]))[0] == "2023-04-03"
    assert read(*np.repeat(cells, 2), tickers=np.array(["A", "B", "A", "B"]))[0] == "2023-04-03"
    # A bar of each ticker says nothing.
    assert "2023-04-03 or 2023-03-04" in refused(*cells, tickers=np.array(["A", "B"]))


def test_other_rows_settle_the_order_and_are_never_wrong():
    first = np.array([True, False, False])
    assert read("03/04/2023", "13/04/2023", "soon", rows=first) == ["2023-04-03"]
    assert read("03/04/2023", "04/13/2023", "soon", rows=first) == ["2023-03-04"]
    assert "which is" in refused("03/04/2023", "13/04/2023", "04/13/2023", rows=first)
    assert "'soon' in row 3" in refused("03/04/2023", "13/04/2023", "soon", rows=~first)
