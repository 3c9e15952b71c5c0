"""The tables: their columns, quantile levels and limits; `table_checks` holds tables against them.

Every column name that two modules share is declared here and nowhere else.
"""

RANGE_COLUMNS = ("open", "high", "low")
PRICE_COLUMNS = (*RANGE_COLUMNS, "close")
PRICES = ("date", "ticker", *PRICE_COLUMNS, "adj_close", "volume")
# Adjusted bars: OHLC in units of adj_close, `quote` the close as the market quoted it on the day.
BARS = ("date", "ticker", *PRICE_COLUMNS, "volume", "quote")

QUANTILE_LEVELS = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)
QUANTILE_COLUMNS = tuple(f"q{round(100 * level):02d}" for level in QUANTILE_LEVELS)
MEDIAN = QUANTILE_LEVELS.index(0.50)
# Central intervals as (coverage in percent, lower column, upper column).
INTERVALS = ((50, "q25", "q75"), (80, "q10", "q90"), (90, "q05", "q95"))
# The columns of the forecasts table that hold prices, and all of them.
PRICE_FIELDS = ("last_close", "forecast", *QUANTILE_COLUMNS, "actual")
FORECASTS = ("ticker", "cutoff", "horizon", "date", "model", *PRICE_FIELDS)

# What a saved forecaster says of itself.
FORECASTER_FILE = "forecaster.json"

# The forecast to beat: a model by this name is in every leaderboard.
NAIVE = "naive"

SPLITS = ("train", "valid", "test")
DATE_DTYPE = "datetime64[us]"
# No market quotes beyond these, and nothing computed within them overflows.
TINY, HUGE, HUGE_VOLUME = 1e-12, 1e15, 1e20
