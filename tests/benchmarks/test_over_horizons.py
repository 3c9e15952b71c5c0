"""The benchmark of smoothing over horizons."""

import numpy as np

from benchmarks.over_horizons import HEADER, figures, rows
from tests.support.market_samples import small_dataset


def test_a_model_has_a_row_without_and_one_with_smoothing():
    rough, smooth = rows("naive", small_dataset())
    assert (rough[:2], smooth[:2]) == (["naive", "False"], ["naive", "True"])
    assert len(rough) == len(smooth) == len(HEADER)
    assert smooth[2] == "0.0 %"


def test_figures_are_shares_of_what_is_known():
    quantiles = np.array([[-3.0, -2, -1, 0, 1, 2, 3], [-2.5, -2, -1, 0, 1, 2, 3]])[None]
    cells = figures(quantiles, np.array([[[1.5], [np.nan]]]))
    assert cells[:4] == ["100.0 %", "0.00", "100.00", "100.00"]
