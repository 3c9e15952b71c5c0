"""The name of a run says no more than its verdict."""

from flow_steps.runs.headline import headline


def about(crps, point, sharper=0.02, nearer=0.03):
    return {
        "intervals": {"skill_crps": sharper, "p": 0.01, "sign": crps},
        "point": {"skill_rmse": nearer, "p": 0.01, "sign": point},
    }


def named(taken="naive", **models):
    verdict = {"recommended": taken, "reference": "naive", "horizon": 1, "models": {"naive": about(0, 0), **models}}
    return headline("AAPL h=5", verdict)


def test_a_small_p_alone_claims_nothing():
    # The verdict has other conditions besides, such as test and metric on one side.
    assert named(lstm=about(0, 0)) == "AAPL h=5: naive, nothing beats it one day ahead"


def test_who_is_worse_in_the_other_loss_beats_nobody():
    assert named(lstm=about(1, -1)) == "AAPL h=5: naive, nothing beats it one day ahead"


def test_a_better_point_forecast_is_named_as_such():
    assert named("lstm", lstm=about(0, 1)) == "AAPL h=5: lstm point forecast 3 % better one day ahead"
