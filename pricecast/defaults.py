"""Defaults and limits of a dataset, a walk-forward and a search, for the library and the command line alike."""

# No market's bars are older, and tools that count nanoseconds end in 2262.
YEARS = (1800, 2200)
HORIZON, LONGEST_HORIZON = 5, 60
# What the verdict leads with, and the tables and marks with it.
HEADLINE_HORIZON = 1
MAX_LOOKBACK, LONGEST_LOOKBACK = 120, 1000
VALID_SIZE = 0.15
TEST_SIZE = 0.15
SCALER = "standard"
TARGET = "return"

FOLDS = 8
SHARE = 0.6
WINDOWS = ("expanding", "rolling")
REFIT_EVERY = 1

# What the best of several settings is chosen by.
METRICS = ("crps", "rmse", "mape")
