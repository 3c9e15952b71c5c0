"""Numbers as text: one format for a whole table, or a refusal that shows both readings."""

import numpy as np
import pandas as pd
import pytest

from pricecast.data.texts.number_columns import numbers
from pricecast.errors import InputError


def read(*cells, plain=True, rows=None, **others):
    table = pd.DataFrame({"close": list(cells), **others})
    return {name: values.tolist() for name, values in numbers(table, "a.csv", rows, plain).items()}


def refused(*cells, **more):
    with pytest.raises(InputError) as caught:
        read(*cells, **more)
    return str(caught.value)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        # A leading zero groups nothing.
        (["0,845", "0,850"], [0.845, 0.85]),
        (["0,845", "1,234"], [0.845, 1.234]),
        (["1,234", "12,5"], [1.234, 12.5]),
        (["1,234", "1.234,56"], [1.234, 1234.56]),
        (["1234,567", "1,234"], [1234.567, 1.234]),
        (["1,2E+05", "1,234"], [120000.0, 1.234]),
        (["1,234", "1,234.56"], [1234.0, 1234.56]),
        (["1,234", "1,234,567"], [1234.0, 1234567.0]),
        (["1,234", "1.5"], [1234.0, 1.5]),
        (["1.234", "1.234.567"], [1234.0, 1234567.0]),
        (["1.234", "1,5"], [1234.0, 1.5]),
        (["1.234", "9.876"], [1.234, 9.876]),
        (["1'234.50", "12.5"], [1234.5, 12.5]),
        (["1\u2019234,50", "12,5"], [1234.5, 12.5]),
        (["1 234,50", "1 234 567"], [1234.5, 1234567.0]),
        (["1\u00a0234,5", "1\u202f234"], [1234.5, 1234.0]),
        (["1,23,456.78", "12,345"], [123456.78, 12345.0]),
        (["12,34,567", "1,234"], [1234567.0, 1234.0]),
        (["-1,5", "+2,5", ",5", "7,"], [-1.5, 2.5, 0.5, 7.0]),
        ([" 11.5 ", "1e5", "+.5", "7."], [11.5, 1e5, 0.5, 7.0]),
        (["12", "345"], [12.0, 345.0]),
    ],
)
def test_the_cells_of_a_column_settle_its_format(cells, values):
    assert read(*cells)["close"] == values


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (["1,234"], "'1,234' in row 1 of close, which is 1234 or 1.234"),
        (["5", "12,345", "1,234"], "'12,345' in row 2 of close, which is 12345 or 12.345"),
        (["12.345", "1,234"], "'12.345' in row 1 of close, which is 12.345 or 12345"),
        (["-1,234"], "which is -1234 or -1.234"),
    ],
)
def test_what_nothing_settles_is_refused_with_both_readings(cells, says):
    assert says in refused(*cells)


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (["12.34", "12.5", "1.234,5"], "'1.234,5' in row 3 of close beside '12.34' in row 1 of close"),
        (["1.234.567", "1,234,567"], "beside"),
        (["1,23,456", "1,234,567"], "beside"),
        (["1'234", "1 234"], "beside"),
    ],
)
def test_two_formats_in_one_table_are_refused(cells, says):
    message = refused(*cells)
    assert "expected numbers of one format in a.csv" in message
    assert says in message


@pytest.mark.parametrize(
    "cell",
    ["12.5 USD", "5%", "1_000", "0x10", "1,2,3", "1.2.3", "01,234.5", "1,234e5.0", "(5)",
     "5-", "--5", "1 2", "1''234", "\uff11", "\u0663", "\u221215", "ten", "1,234 567", "True"],
)  # fmt: skip
def test_what_is_no_number_in_any_format_is_refused(cell):
    assert f"column close of a.csv, got {cell!r} in row 2" in refused("1", cell)


def test_prices_and_volume_have_one_format():
    assert read("12.34", volume=["1,234"]) == {"close": [12.34], "volume": [1234.0]}
    assert read("12,34", volume=["1.234"]) == {"close": [12.34], "volume": [1234.0]}
    assert read("12,34", volume=["1234567"]) == {"close": [12.34], "volume": [1234567.0]}
    assert "'12.34' in row 1 of close beside '1.234.567' in row 1 of volume" in refused(
        "12.34", volume=["1.234.567"]
    )


def test_numbers_that_are_no_text_stand_for_a_decimal_point():
    assert read("1,234", volume=[1.5])["close"] == [1234.0]
    assert "which is 1234 or 1.234" in refused("1,234", volume=[150])
    assert read("1,234", 1.5)["close"] == [1234.0, 1.5]
    assert "of one format" in refused("1,2", 1.5)


def test_cells_without_a_number_settle_nothing():
    found = read("1,5", None, "n/a", "-", " ", "inf", "1,234")["close"]
    np.testing.assert_array_equal(found, [1.5, *[np.nan] * 4, np.inf, 1.234])


def test_a_point_before_three_digits_is_open_where_the_decimal_comma_is_usual():
    assert read("1.234", plain=True)["close"] == [1.234]
    assert "which is 1.234 or 1234" in refused("1.234", plain=False)
    assert read("1.234", "1.5", plain=False)["close"] == [1.234, 1.5]


def test_other_rows_settle_the_format_and_are_never_wrong():
    first = np.array([True, False, False])
    assert read("1,234", "12,5", "ten", rows=first)["close"] == [1.234]
    assert read("1,234", "1,234,567", "ten", rows=first)["close"] == [1234.0]
    # Others that contradict each other say nothing.
    assert "which is 1234 or 1.234" in refused("1,234", "12,5", "12.5", rows=first)
    assert "in row 3" in refused("1", "2", "ten", rows=np.array([False, True, True]))


def test_a_float_comes_back_to_the_last_bit():
    values = np.random.default_rng(0).lognormal(0, 20, 2000)
    assert read(*map(str, values))["close"] == values.tolist()
    assert read(*(str(value).replace(".", ",") for value in values))["close"] == values.tolist()
