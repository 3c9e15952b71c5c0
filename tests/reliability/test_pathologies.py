"""One odd ticker beside four ordinary ones: it does not spoil the forecasts of these, whatever the model."""

import numpy as np
import pytest

from pricecast.evaluation.evaluate import forecast_test_span
from pricecast.forecasting.fitting import fit
from tests.support import pathologies
from tests.support.pathologies import KINDS
from tests.support.pathology_moves import INSTALLED, dataset, move

QUICK = [("naive", "sticky"), ("har", "sticky"), ("har", "halted"), ("har", "print"), ("knn", "spikes")]


@pytest.mark.parametrize(("model", "kind"), QUICK)
def test_an_odd_ticker_does_not_spoil_the_others(model, kind):
    assert move(model, kind).is_small, move(model, kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model", INSTALLED)
def test_no_odd_ticker_spoils_any_model(model, kind):
    assert move(model, kind).is_small, move(model, kind)


@pytest.mark.parametrize("model", ["naive", "har"])
def test_a_sticky_ticker_has_intervals_of_its_own_that_hold(model):
    forecaster = fit(model, {}, dataset("sticky"))
    assert forecaster.calibration is not None
    assert list(forecaster.calibration.own) == [pathologies.FIFTH]
    table = forecast_test_span(model, forecaster, dataset("sticky"))
    own = table[(table["ticker"] == pathologies.FIFTH) & table["actual"].notna()]
    for _, rows in own.groupby("horizon"):
        inside = rows["actual"].between(rows["q05"], rows["q95"]).mean()
        assert inside > 0.9 - 2 * np.sqrt(0.09 / len(rows))
        # A tick either way is the most that ever happens.
        assert (rows["q95"] / rows["q05"]).max() < np.exp(4 * 0.4)
