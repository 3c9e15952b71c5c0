"""Split and dividend adjustment: from the prices table to adjusted bars."""

import pandas as pd

from pricecast.schema import BARS, PRICE_COLUMNS


def adjust(prices: pd.DataFrame) -> pd.DataFrame:
    """Bring OHLC to the units of `adj_close`, and volume to the shares of that unit.

    The factor of a row is its own `adj_close / close`, so ratios and returns do not depend on later rows;
    levels do, since a source rescales past `adj_close` with every later split and dividend. A ticker without
    `adj_close` is taken as it is. `quote` keeps the close as the market quoted it.

    Args:
        prices: a table that passes `schema.check_prices`.

    Returns:
        The bars table, same rows in the same order.
    """
    factor = (prices["adj_close"] / prices["close"]).fillna(1.0)
    adjusted = prices[list(PRICE_COLUMNS)].mul(factor, axis=0)
    return prices.assign(
        **adjusted, volume=prices["volume"] / factor, quote=prices["close"]
    )[list(BARS)]  # fmt: skip
