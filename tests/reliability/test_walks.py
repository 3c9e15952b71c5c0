"""The backtest's verdict on walks without anything to find, and on markets with a planted signal."""

import numpy as np
import pytest

from pricecast.evaluation import scores
from pricecast.evaluation.evaluate import evaluate_forecasts
from pricecast.evaluation.findings import claims
from tests.reliability.nulls import LIMIT, null_walk
from tests.reliability.walks import MODELS, ours, picked, planted, told, walk

LOSSES = tuple(scores.LOSSES)


@pytest.mark.parametrize("loss", LOSSES)
def test_no_part_of_a_verdict_tells_of_skill_on_a_few_walks(loss):
    said, selected = ours(2, loss, {"drift": {}})
    assert said.tried == 2
    assert said.bad == []
    assert selected.bad == []


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_at_most_three_of_twenty_backtests_of_walks_tell_of_skill(loss):
    said, selected = ours(20, loss, MODELS)
    assert len(said.bad) <= LIMIT, said.bad
    # One test of a procedure that is fixed beforehand, on two losses: a twentieth may pass each.
    assert len(selected.bad) <= LIMIT, selected.bad


@pytest.mark.slow
def test_a_planted_signal_is_found_through_the_folds():
    assert planted(3).bad == []


def test_the_stress_test_sees_every_place_where_skill_is_told():
    """A model that knows a little of tomorrow is told of in all of them."""
    data = null_walk(0, "crps")
    judged = walk(data, {"drift": {}})
    table = judged.forecasts.copy()
    knows = table["model"] == "drift"
    columns = ["forecast", "q05", "q10", "q25", "q50", "q75", "q90", "q95"]
    shift = 0.3 * np.log(table["actual"] / table["last_close"]).fillna(0)
    table.loc[knows, columns] = table.loc[knows, columns].mul(np.exp(shift[knows]), axis=0)
    found = evaluate_forecasts(table, data, judged.models, table["cutoff"].min())
    said = told(found, "crps")
    assert sum(text.startswith("drift crps h") for text in said) == 5
    assert sum(text.startswith("drift point h") for text in said) == 5
    assert said[-5:] == [
        "Is the point forecast better than naive?", "Is the distribution sharper?", "sentence",
        "over all horizons: drift.", "the confidence set leaves naive and ewma out",
    ]  # fmt: skip
    assert {text.partition(" ")[0] for text in picked(found)} == {"crps", "winkler"}
    assert told(found, "point") == [text for text in said if "point" in text]
    assert set(found.verdict["selected"]["choice"].values()) == {"drift"}
    assert claims(found.scores)["sign"].max() == 1
