"""Probability integral transform: where outcomes fell in their forecast distributions, flat if these were right."""

import numpy as np
import pandas as pd

from pricecast.evaluation.scored_rows import Slice, slices
from pricecast.statistics import density

BINS = 10
# Rounding must not decide on which side of an edge an outcome falls: that of a still price is often the median.
NUDGE = 1e-9


def pit(s: Slice) -> np.ndarray:
    """Return the probability that each row's forecast gave to less than the outcome, in [0, 1], (n,).

    The probability integral transform (Dawid 1984; Diebold, Gunther & Tay 1998) by the distribution of `density`:
    uniform for right forecasts, heaped at both ends for overconfident ones and in the middle for timid ones.
    """
    return density.cdf(s.quantile_returns, s.actual_return)


def pit_counts(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Count the outcomes of every model and horizon by tenth of their forecast distribution.

    Args:
        forecasts: the forecasts table; rows without an actual are left out.

    Returns:
        Columns `model` (in the table's order), `horizon`, `bin` (1 is the lowest tenth; an edge belongs to the
        upper one) and `share` in percent, 10 where the distributions were right.

    Raises:
        InputError: a price is not finite and above zero.
    """
    rows = [
        (model, horizon, number, share)
        for model, horizon, s in slices(forecasts)
        for number, share in enumerate(_shares(s), start=1)
    ]
    return pd.DataFrame(rows, columns=["model", "horizon", "bin", "share"])


def _shares(s: Slice) -> np.ndarray:
    """Return the percent of the outcomes in each bin, (bins,)."""
    number = np.minimum(BINS * pit(s) + NUDGE, BINS - 1).astype(int)
    return 100 * np.bincount(number, minlength=BINS) / len(number)
