"""Models of the small dataset, evaluated once for all tests of what is made of that."""

from functools import cache

import pandas as pd

from pricecast import models
from pricecast.evaluation.evaluate import evaluate, evaluate_forecasts
from pricecast.forecasting import fitting
from tests.support.market_samples import SMALL, small_dataset


@cache
def made(name, seed=0):
    params = models.settle(name, {}, {**SMALL, "seed": seed, "epochs": 1})
    return fitting.fit(name, params, small_dataset())


@cache
def evaluated():
    return evaluate([made("drift"), made("lstm"), made("lstm", 1)], small_dataset())


def walked(plan):
    """The forecasts as if they came from a backtest, cut into folds by date."""
    table = evaluated().forecasts
    day = table["cutoff"].rank(method="dense").astype(int) - 1
    table = table.assign(fold=1 + day * plan.folds // (day.max() + 1))
    known = pd.Timestamp(small_dataset().spec.valid_start)
    return evaluate_forecasts(table, small_dataset(), evaluated().models, known, plan)
