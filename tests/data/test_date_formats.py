"""Dates as text: one form for a whole column, or a refusal that shows both readings."""

import numpy as np
import pandas as pd
import pytest

from pricecast.data.texts.date_formats import dates
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
        # Weekdays alone, where the other order has weekends.
        (["01/02/2024", "01/03/2024", "01/04/2024", "01/05/2024"],
         ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"]),
        # A year of two digits, where most dates are close to each other.
        (["01/12/24", "01/16/24", "03/01/24", "03/04/24"],
         ["2024-01-12", "2024-01-16", "2024-03-01", "2024-03-04"]),
        (["30.12.68", "31.12.68"], ["2068-12-30", "2068-12-31"]),
        (["30.12.69", "31.12.69"], ["1969-12-30", "1969-12-31"]),
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
        # Daily with weekends in one, monthly in the other.
        [f"{day:02d}/01/2024" for day in range(2, 13)],
        [f"01/{day:02d}/2024" for day in range(12, 1, -1)],
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
        (["01/02/23", "01/03/2023"], "of one form"),
        (["24-01-11", "24-01-12", "24-01-15"], "(a year of two digits)"),
        (["23-01-02"], "(a year of two digits)"),
        (["44927"], "(a serial number of Excel, perhaps)"),
        (["44927.5"], "(a serial number of Excel, perhaps)"),
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


def mangled(days, form):
    """Swap day and month up to the 12th, as a spreadsheet of another country does."""
    return [f"{day:{form if day.day > 12 else form.replace('%m', '%x').replace('%d', '%m').replace('%x', '%d')}}"
            for day in days]  # fmt: skip


FORMS = ["%m/%d/%Y", "%d.%m.%Y", "%Y-%m-%d", "%Y%m%d", "%Y-%m-%d 16:00:00", "%d-%m-%Y"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "days",
    [
        pd.DatetimeIndex(["2024-01-02", "2024-01-03", "2024-01-12", "2024-01-15", "2024-01-16"]),
        pd.date_range("2024-02-01", "2024-02-14"),
        pd.bdate_range("2021-03-05", "2023-09-29"),
        pd.bdate_range("2021-03-05", "2023-09-29")[::-1],
    ],
)
def test_dates_of_which_a_spreadsheet_swapped_some_are_refused_with_both_readings(form, days):
    cells = mangled(days, form)
    says = refused(*cells)
    row = next(i for i, day in enumerate(days) if day.day < 13 and day.day != day.month)
    other = f"{days[row].year}-{days[row].day:02}-{days[row].month:02}"
    assert f"got {cells[row]!r} in row {row + 1}, which is {other} by the form of the column and " in says
    assert f"and {days[row]:%Y-%m-%d} by the dates beside it" in says
    assert read(*days.strftime(form))[0][:10] == str(days[0].date())


def test_swapped_dates_are_seen_among_other_tickers_gaps_and_in_any_order():
    days = pd.bdate_range("2021-03-05", "2023-09-29")
    wrong = pd.to_datetime(mangled(days, "%Y-%m-%d"))
    tickers = np.repeat(["A", "B"], len(days))
    assert "in row 1," not in refused(*days, *wrong, tickers=tickers)
    assert "day and month seem swapped" in refused(*wrong.sort_values())
    assert "day and month seem swapped" in refused(*wrong.delete(range(200, 240)))
    assert len(read(*days, *days, tickers=tickers)) == 2 * len(days)


@pytest.mark.parametrize(
    "days",
    [
        pd.date_range("2015-01-01", "2023-12-31", freq="MS"),
        pd.date_range("2023-01-01", "2023-12-31", freq="MS"),
        pd.date_range("2015-01-01", "2023-12-31", freq="ME"),
        pd.date_range("2015-01-02", "2023-12-31", freq="W-FRI"),
        pd.date_range("2020-01-01", "2023-12-31"),
        pd.bdate_range("2020-01-01", "2023-12-31", freq="C", weekmask="Sun Mon Tue Wed Thu"),
        pd.DatetimeIndex(["2024-03-04", "2024-02-01", "2024-01-16"]),
        pd.DatetimeIndex(["2024-02-01", "2024-01-15"]),
    ],
)
def test_unusual_dates_are_not_taken_for_swapped(days):
    rng = np.random.default_rng(0)
    for order in (days, rng.permutation(days), np.sort(rng.permutation(days)[: len(days) // 3 + 1])):
        assert len(dates(pd.Series(order), "a.csv")) == len(order)
