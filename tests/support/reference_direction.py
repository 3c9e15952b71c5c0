"""The test of direction as its authors wrote it, for calls that are independent of one another."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from pricecast.evaluation.direction import PTResult


def pesaran_timmermann(forecast_up: ArrayLike, actual_up: ArrayLike) -> PTResult:
    """Tests whether calls and outcomes are independent (Pesaran & Timmermann 1992), normal, one-sided.

    Args:
        forecast_up: Whether each call is up, (n,).
        actual_up: Whether the price rose, (n,).

    Returns:
        NaN where calls or outcomes are all alike: then P is P* and has no variance.

    Raises:
        ValueError: the two are not of one length.
    """
    f, a = np.asarray(forecast_up, bool), np.asarray(actual_up, bool)
    if f.ndim != 1 or f.shape != a.shape:
        raise ValueError(f"expected two series of one length, got {f.shape}, {a.shape}")
    n = len(f)
    if len(np.unique(f)) < 2 or len(np.unique(a)) < 2:
        return PTResult(float("nan"), float("nan"))
    p_f, p_a = f.mean(), a.mean()
    expected = p_f * p_a + (1 - p_f) * (1 - p_a)
    spread_f, spread_a = p_f * (1 - p_f), p_a * (1 - p_a)
    variance = expected * (1 - expected) / n
    variance_expected = (
        (2 * p_a - 1) ** 2 * spread_f / n + (2 * p_f - 1) ** 2 * spread_a / n + 4 * spread_f * spread_a / n**2
    )
    statistic = float(((f == a).mean() - expected) / np.sqrt(variance - variance_expected))
    return PTResult(statistic, float(stats.norm.sf(statistic)))
