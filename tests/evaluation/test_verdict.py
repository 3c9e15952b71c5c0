"""Consequences of the table of tests: whom to take, and how far to trust the forecast."""

import pytest

from pricecast.errors import InputError
from pricecast.evaluation.findings import Findings
from pricecast.evaluation.recommendation import recommend
from pricecast.evaluation.scores import score
from pricecast.evaluation.verdict import verdict
from tests.support.forecast_samples import sample_forecasts
from tests.support.score_samples import BETTER, NAIVES, POINT, WORSE, board, scores

# Many rows, so that no chance explains it.
NARROW = {"n_rows": 9e9, "coverage_90": 82.0}
PLAIN = "the plain forecast (the last price, give or take its usual swing)"


def taken(table, **more):
    return recommend(Findings.of(table), **more).model


# --- whose forecast to take --------------------------------------------------------------------------------


def test_the_best_of_those_that_beat_the_reference_is_taken():
    both = board(**NAIVES, lstm=BETTER, har={**BETTER, "crps": 0.9})
    assert taken(scores(h1=both)) == "har"
    assert verdict(scores(h1=both))["why"] == "har's, which beats naive one day ahead."
    # One that the Model Confidence Set rules out comes after those that it keeps.
    assert taken(scores(h1=board(**NAIVES, lstm=BETTER, har={**BETTER, "crps": 0.9, "mcs_p": 0.01}))) == "lstm"


@pytest.mark.parametrize("own", [{}, WORSE, {"crps": 0.9}, {**BETTER, "rmse": 1.2, "ref_dm_point": 3.0,
                                                            "ref_dm_p_point_holm": 0.01}])  # fmt: skip
def test_where_nothing_beats_the_reference_it_is_taken(own):
    table = scores(h1=board(**NAIVES, lstm=own))
    assert taken(table) == "naive"
    assert verdict(table)["why"] == "naive's, since nothing is shown to beat naive one day ahead."


def test_no_model_with_broken_intervals_is_taken_at_whatever_horizon_they_break():
    good, broken = board(**NAIVES, lstm=BETTER), board(**NAIVES, lstm={**BETTER, **NARROW})
    assert taken(scores(h1=good, h5=good)) == "lstm"
    for table in (scores(h1=broken, h5=good), scores(h1=good, h5=broken)):
        found = verdict(table)
        assert found["recommended"] == "naive"
        assert "But take naive's; lstm's 90 % interval at horizon " in found["sentence"]
        assert " held 82.0 %, less often than chance explains." in found["why"]
        assert (
            f"lstm did better, but with ranges that did not hold as promised, so what is shown is {PLAIN}."
            in (found["trust"])
        )


def test_the_other_naive_forecast_is_taken_where_the_reference_breaks_its_promise():
    table = scores(h1=board(naive={"crps": 1.02}, ewma=NARROW, lstm={}))
    found = verdict(table)
    assert (found["reference"], found["recommended"]) == ("ewma", "naive")
    assert found["sentence"] == (
        "Nothing beats ewma one day ahead on 250 days: use naive's intervals (the 90 % one held 90.0 % at horizon "
        "1), not anybody's point forecast; ewma's 90 % interval at horizon 1 held 82.0 %, less often than chance "
        "explains."
    )


def test_where_all_intervals_break_none_is_to_be_trusted():
    found = verdict(scores(h1=board(naive=NARROW, ewma={"crps": 1.02, **NARROW}, lstm=NARROW)))
    assert found["recommended"] == "naive"
    assert "take naive's forecast, but not all of its intervals (naive's 90 % interval" in found["sentence"]
    assert found["trust"][0].endswith("82 times in 100: too seldom, so expect more surprises than the range says.")
    assert found["trust"][-2] == (
        "Some of its ranges one trading day ahead held less often than promised: expect more surprises there."
    )


def test_ranges_that_are_too_wide_are_not_called_too_narrow():
    wide = {"coverage_50": 60.0}
    found = verdict(
        scores(h1=board(naive=wide, ewma={"crps": 1.02, **wide}, lstm=wide), h5=board(**NAIVES, lstm={}))
    )
    assert "90 times in 100, as promised" in found["trust"][0]
    assert found["trust"][-2] == (
        "Some of its ranges one trading day ahead held more often than promised: they are wider than they need be."
    )
    assert (
        "not all of its intervals (naive's 50 % interval at horizon 1 held 60.0 %, more often" in found["sentence"]
    )


def test_only_those_that_may_be_taken_are():
    table = scores(h1=board(**NAIVES, lstm=BETTER, har={**BETTER, "crps": 0.9}))
    assert taken(table, eligible=["lstm"]) == "lstm"
    assert taken(table, eligible=[]) == "naive"
    found = verdict(table, eligible=[])
    assert found["why"] == "naive's: har, lstm beat naive, but most trainings of the same kind do not."
    assert "har and lstm did better, but most others of the same kind did not" in found["trust"][1]


# --- the confidence set beside the tests -------------------------------------------------------------------


def test_a_reference_that_only_the_confidence_set_rules_out():
    out = {"mcs_p": 0.01}
    found = verdict(scores(h1=board(naive=out, ewma={"crps": 1.02, **out}, lstm={"crps": 0.97})))
    assert found["sentence"].startswith(
        "Nothing is shown to beat naive one day ahead on 250 days: use its intervals"
    )
    assert found["sentence"].endswith(
        " Yet the Model Confidence Set (90 %) rules naive out as the best distribution one day ahead and keeps "
        "lstm. No lead over naive is sure (5 %, corrected) and of 0.1 % or more, so which one is better cannot be "
        "claimed."
    )
    assert found["recommended"] == "naive"
    assert found["trust"][1].startswith("Some other model is probably better, but these days do not say which")


def test_a_model_that_is_better_in_one_loss_and_worse_in_the_other_beats_nobody():
    worse = {"rmse": 1.2, "ref_dm_point": 3.0, "ref_dm_p_point_holm": 0.01}
    found = verdict(scores(h1=board(**NAIVES, lstm={**BETTER, **worse})))
    assert found["sentence"].startswith(
        "Nothing beats naive in both losses (lstm is better in one and worse in the other) one day ahead on 250 "
    )


# --- trust -------------------------------------------------------------------------------------------------


def test_the_trust_in_a_better_model():
    nothing = board(**NAIVES, lstm={})
    found = verdict(scores(h1=board(**NAIVES, lstm={**BETTER, "coverage_90": 91.6}), h2=nothing, h5=nothing))
    assert found["trust"] == [
        "On 250 trading days that the model had not seen, the true price one trading day ahead ended inside the "
        "9-in-10 range 92 times in 100, and 90 were promised; a gap that small can be luck.",
        f"One trading day ahead, its ranges scored 5 percent better than {PLAIN}, counting how narrow they are and "
        "how well they hold the price; luck alone would seldom do that.",
        "No such advantage is shown 2 and 5 trading days ahead; 5 trading days ahead the 9-in-10 range held 90 "
        "times in 100.",
        "Do not use it to guess up or down: its middle value is not shown to come nearer to the true price than "
        "the last price does.",
    ]
    sure = verdict(scores(h1=board(**NAIVES, lstm={**BETTER, **POINT})))
    assert sure["trust"][-1].startswith(
        "Its middle value came 2 percent nearer to the true price than the last price"
    )


def test_the_trust_in_naive():
    found = verdict(scores(h1=board(**NAIVES, lstm={})))
    assert found["trust"] == [
        "On 250 trading days that the model had not seen, the true price one trading day ahead ended inside the "
        "9-in-10 range 90 times in 100, as promised.",
        f"No other model was shown to be better, so what is shown is {PLAIN}.",
        "Up or down is a coin toss: this forecast has no opinion on it.",
    ]
    alone = verdict(scores(h1=board(**NAIVES)))
    assert alone["trust"][1] == f"No other kind of model was tried: what is shown is {PLAIN}."


def test_few_days_say_so():
    few = {"n_days": 9.0, "n_rows": 9.0, "mcs_p": float("nan"), **{
        f"ref_dm_{name}": float("nan")
        for name in ("p_crps", "p_point", "p_crps_holm", "p_point_holm", "p_all", "p_all_holm")
    }}  # fmt: skip
    found = verdict(scores(h1=board(naive=few, ewma={"crps": 1.1, **few}, lstm={"crps": 0.5, **few})))
    assert found["recommended"] == "naive"
    assert found["trust"][0] == (
        "The forecast was tried on only 9 trading days, too few to say how often the true price one trading day "
        "ahead ends inside its 9-in-10 range."
    )
    assert found["trust"][1].startswith("There were too few days to tell whether any model does better")


# --- the headline horizon ----------------------------------------------------------------------------------


def test_the_headline_horizon_moves_words_set_and_recommendation_together():
    nothing, late = board(**NAIVES, lstm={}), board(**NAIVES, lstm=BETTER)
    table = scores(h1=nothing, h5=late)
    first, fifth = verdict(table), verdict(table, headline=5)
    assert (first["horizon"], first["recommended"]) == (1, "naive")
    assert first["sentence"].endswith("At horizon 5 lstm beats naive.")
    assert (fifth["horizon"], fifth["recommended"]) == (5, "lstm")
    assert fifth["sentence"].startswith("lstm beats naive 5 days ahead on 250 days: ")
    assert fifth["sentence"].endswith("At horizon 1 nothing beats naive.")
    assert fifth["trust"][-2] == (
        "No such advantage is shown one trading day ahead; there the 9-in-10 range held 90 times in 100."
    )


def test_the_confidence_set_and_the_test_over_all_horizons_stand_at_the_headline_horizon():
    found = score(sample_forecasts(days=150, horizons=3), headline=2)
    marked = found.dropna(subset="mcs_p").index.unique("horizon")
    assert list(marked) == [2]
    assert list(found.dropna(subset="ref_dm_p_all").index.unique("horizon")) == [2]
    with pytest.raises(InputError, match=r"headline horizon that is forecast \(1, 2, 3\), got 4"):
        score(sample_forecasts(days=60, horizons=3), headline=4)
