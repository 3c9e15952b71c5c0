"""One odd ticker beside four ordinary ones: what it does to the forecasts of these, model by model."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from pricecast import models
from pricecast.dataset.dataset import Dataset, build
from pricecast.evaluation.evaluate import forecast_test_span
from pricecast.evaluation.scored_rows import crps_losses
from pricecast.forecasting.fitting import fit
from tests.support import pathologies
from tests.support.pathologies import KINDS, ORDINARY

# Networks that learn in seconds, and as many seeds as it takes to know what a seed does.
SMALL = {"epochs": 3, "hidden_dim": 16, "lookback": 20, "season": 1}
SEEDS = 3
INSTALLED = [name for name in models.names() if not models.missing(name)]
NETWORKS = [name for name in INSTALLED if models.about(name).family == "neural"]
QUICK = [("naive", "sticky"), ("har", "sticky"), ("har", "halted"), ("har", "print"), ("knn", "spikes")]


@dataclass(frozen=True)
class Scores:
    """One day ahead, on the test rows of the ordinary tickers: their number, CRPS and 90 % coverage."""

    rows: int
    crps: float
    coverage: float


@cache
def dataset(kind: str | None) -> Dataset:
    return build(pathologies.market(kind), horizon=2, max_lookback=30)


@cache
def scores(model: str, kind: str | None, seed: int = 0) -> Scores:
    known = models.parameters(model)
    params = {key: value for key, value in {**SMALL, "seed": seed}.items() if key in known}
    table = forecast_test_span({model: fit(model, params, dataset(kind))}, dataset(kind))
    table = table[(table["horizon"] == 1) & table["actual"].notna() & table["ticker"].isin(ORDINARY)]
    inside = table["actual"].between(table["q05"], table["q95"])
    return Scores(len(table), float(crps_losses(table).mean()), float(inside.mean()))


def check(model: str, kind: str) -> None:
    """Hold what the odd ticker moves against what an ordinary fifth one moves: it may be hardly more."""
    alone, fifth, odd = (scores(model, company) for company in (None, "ordinary", kind))
    assert odd.rows == alone.rows
    error = np.sqrt(alone.coverage * (1 - alone.coverage) / alone.rows)
    share = 0.002 * alone.crps
    if model in NETWORKS:
        # Two standard deviations of what another seed does.
        seeds = [scores(model, None, seed) for seed in range(SEEDS)]
        error, share = (
            max(least, 2 * float(np.std(values, ddof=1)))
            for least, values in ((error, [s.coverage for s in seeds]), (share, [s.crps for s in seeds]))
        )
    assert abs(odd.coverage - alone.coverage) < error + abs(fifth.coverage - alone.coverage)
    assert odd.crps - alone.crps < share + abs(fifth.crps - alone.crps)


@pytest.mark.parametrize(("model", "kind"), QUICK)
def test_an_odd_ticker_does_not_spoil_the_others(model, kind):
    check(model, kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model", INSTALLED)
def test_no_odd_ticker_spoils_any_model(model, kind):
    check(model, kind)


def test_a_sticky_ticker_has_intervals_of_its_own_that_hold():
    for model in ("naive", "har"):
        forecaster = fit(model, {}, dataset("sticky"))
        assert forecaster.calibration is not None
        assert list(forecaster.calibration.own) == [pathologies.FIFTH]
        table = forecast_test_span({model: forecaster}, dataset("sticky"))
        own = table[(table["ticker"] == pathologies.FIFTH) & table["actual"].notna()]
        for _, rows in own.groupby("horizon"):
            inside = rows["actual"].between(rows["q05"], rows["q95"]).mean()
            assert inside > 0.9 - 2 * np.sqrt(0.09 / len(rows))
            # A tick either way is the most that ever happens.
            assert (rows["q95"] / rows["q05"]).max() < np.exp(4 * 0.4)
