import pytest

from pricecast.evaluation import scores
from pricecast.evaluation.evaluate import evaluate
from pricecast.evaluation.findings import claims
from pricecast.forecasting.fitting import fit
from tests.reliability.nulls import LIMIT, noise, null_walk, ours, planted

LOSSES = tuple(scores.LOSSES)


@pytest.mark.parametrize("loss", LOSSES)
def test_fast_models_claim_next_to_nothing_on_a_few_random_walks(loss):
    told, left = ours(6, loss, {"drift": {}})
    assert told.tried == left.tried == 6
    assert len(told.bad) <= 1, told.bad
    assert len(left.bad) <= 1, left.bad


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_at_most_three_of_twenty_random_walks_show_any_skill(loss):
    told, left = ours(20, loss)
    assert len(told.bad) <= LIMIT, told.bad
    assert len(left.bad) <= LIMIT, left.bad


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_over_many_walks_claims_are_as_rare_as_the_tests_promise(loss):
    # Two-sided at 5 % and only one side is a claim; five horizons that overlap are a few more tests, not five.
    told, left = ours(100, loss)
    assert len(told.bad) <= 10, told.bad
    assert len(left.bad) <= 5, left.bad


def test_an_opinion_of_pure_noise_is_never_called_better():
    better, neither, worse = noise(4)
    assert better == 0
    assert worse > neither


@pytest.mark.slow
def test_an_opinion_of_pure_noise_is_not_called_better_on_twenty_walks_either():
    better, neither, worse = noise(20)
    assert better == 0
    assert worse > 4 * neither


@pytest.mark.slow
def test_a_planted_signal_is_found():
    missed = planted(6).bad
    assert len(missed) <= 1, missed


def test_a_signal_planted_in_one_market_is_found():
    assert planted(1).bad == []


@pytest.mark.parametrize("loss", LOSSES)
def test_claims_are_what_the_verdict_says(loss):
    data = null_walk(0, loss)
    judged = evaluate([fit("drift", {}, data)], data)
    table = claims(judged.scores)
    assert set(table["loss"]) == set(LOSSES)
    assert set(table["horizon"]) == {1, 2, 3, 4, 5}
    itself = table[table["model"] == table["reference"]]
    assert itself["p"].isna().all()
    assert set(itself["sign"]) == {0}
    first = table[(table["horizon"] == 1) & (table["model"] == "drift")].set_index("loss")
    said = judged.verdict["models"]["drift"]
    assert first.loc["point", ["skill", "p"]].tolist() == [said["point"]["skill_rmse"], said["point"]["p"]]
    assert first.loc["crps", ["skill", "p"]].tolist() == [said["intervals"]["skill_crps"], said["intervals"]["p"]]
    assert all(("better" in said["sentence"].split(";")[0]) for sign in first["sign"] if sign > 0)
