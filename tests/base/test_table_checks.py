import pandas as pd
import pytest

from pricecast.errors import InputError
from pricecast.table_checks import check_prices
from tests.support.market_samples import market


def test_a_sound_table_comes_back_as_it_is():
    prices = market((("AAA", 5),))
    assert check_prices(prices) is prices


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"date": lambda t: t["date"].dt.strftime("%Y-%m-%d")}, "naive timestamps"),
        ({"date": lambda t: t["date"].dt.tz_localize("UTC")}, "naive timestamps"),
        ({"close": lambda t: t["close"].astype(str)}, "in close"),
        ({"date": lambda t: t["date"] + pd.Timedelta(hours=9)}, "time of day"),
        ({"date": lambda t: t["date"].iloc[0]}, "sorted"),
        ({"open": 0.0}, "above zero"),
        ({"close": lambda t: t["high"] * 2}, "low <= open, close <= high"),
        ({"volume": -1.0}, "volume"),
        ({"adj_close": [1.0, float("nan"), 1.0, 1.0, 1.0]}, "adj_close"),
    ],
)
def test_a_broken_rule_is_named(change, message):
    with pytest.raises(InputError, match=message):
        check_prices(market((("AAA", 5),)).assign(**change))


def test_missing_columns_and_no_rows_are_refused():
    prices = market((("AAA", 5),))
    with pytest.raises(InputError, match="expected the columns date, ticker"):
        check_prices(prices.drop(columns="open"))
    with pytest.raises(InputError, match="at least one row"):
        check_prices(prices.head(0))
