"""The defaults of a dataset, for the library and the command line alike."""

HORIZON = 5
MAX_LOOKBACK = 120
VALID_SIZE = 0.15
TEST_SIZE = 0.15
SCALER = "standard"
TARGET = "return"
