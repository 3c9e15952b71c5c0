"""Split and dividend adjustment: from the prices table to adjusted bars."""

import pandas as pd

from pricecast.schema import BARS, PRICE_COLUMNS


def adjust(prices: pd.DataFrame) -> pd.DataFrame:
    """Scale OHLC to `adj_close`, and volume by the inverse factor, so that price times volume stays.

    The factor of a row is its own `adj_close / close`, so ratios and returns do not depend on later rows;
    levels do, since a source rescales past `adj_close` with every later split and dividend. A ticker without
    `adj_close` is taken as it is. `quote` keeps the close as the market quoted it.

    Args:
        prices: a table that passes `table_checks.check_prices`.

    Returns:
        The bars table, same rows in the same order.

    >>> day = dict(date=pd.Timestamp("2024-06-07"), ticker="NVDA", open=1198, high=1217, low=1180, close=1209)
    >>> bars = adjust(pd.DataFrame([day | dict(adj_close=120.9, volume=41_000_000)]))  # before a split of 10 to 1
    >>> bars[["close", "volume", "quote"]].round(2).to_dict("records")
    [{'close': 120.9, 'volume': 410000000.0, 'quote': 1209}]
    """
    factor = (prices["adj_close"] / prices["close"]).fillna(1.0)
    adjusted = prices[list(PRICE_COLUMNS)].mul(factor, axis=0)
    return prices.assign(
        **adjusted, volume=prices["volume"] / factor, quote=prices["close"]
    )[list(BARS)]  # fmt: skip
