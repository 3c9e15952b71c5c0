"""The answers to a sceptic: each from a table made by hand, so that words can be checked against figures."""

import numpy as np
import pandas as pd
import pytest

from pricecast.evaluation.by_fold import by_fold, score_selected
from pricecast.evaluation.coverage import ERRORS, KEPT, MISSED, TOLERANCE, UNKNOWN, coverage, judge
from pricecast.evaluation.findings import Findings
from pricecast.evaluation.questions import answer_questions, featured_model
from pricecast.evaluation.recommendation import recommend
from pricecast.evaluation.scores import score
from tests.support.forecast_samples import sample_forecasts
from tests.support.score_samples import BETTER, NAIVES, POINT, WORSE, board, covered, scores

MODELS = ("naive", "ewma", "drift", "lstm")
QUESTIONS = (
    "Whose forecast to take?", "Is the point forecast better than naive?", "Is the distribution sharper?",
    "Are the intervals honest?", "Over which horizons?", "In which regimes?", "In every fold?",
    "What is picking the best worth?", "How sure are we?",
)  # fmt: skip
WHOSE, POINTS, SHARPER, HONEST, OVER, REGIMES, FOLDS, PICKING, SURE = QUESTIONS


NO_FOLDS = pd.DataFrame(columns=["model", "horizon", "fold", "skill_crps"])


def judged(table):
    findings = Findings.of(table)
    return findings, recommend(findings)


def said(table, cover=None, folds=NO_FOLDS, selected=None):
    models = table.index.unique("model")
    cover = covered(*((model, "all", "all", {}) for model in models)) if cover is None else cover
    return {each["question"]: each["answer"] for each in answer_questions(*judged(table), cover, folds, selected)}


def test_a_backtest_answers_every_question_in_order():
    table = sample_forecasts(models=MODELS, days=160, horizons=2)
    place = pd.factorize(table["cutoff"], sort=True)[0]
    table = table.assign(fold=1 + place * 4 // (place.max() + 1))
    scales = table[["ticker", "cutoff"]].drop_duplicates().rename(columns={"cutoff": "date"})
    cover = coverage(table, scales.assign(scale=np.random.default_rng(0).uniform(0.01, 0.03, len(scales))))
    folds = by_fold(table)
    found = answer_questions(*judged(score(table)), cover, folds, score_selected(table, folds))
    assert [each["question"] for each in found] == list(QUESTIONS)
    for each in found:
        assert each["answer"].endswith(".")
        assert "nan" not in each["answer"]


def test_one_fold_and_one_horizon_leave_four_questions_out():
    assert set(QUESTIONS) - set(said(scores(h1=board(**NAIVES, lstm={})))) == {
        "Over which horizons?", "In which regimes?", "In every fold?", "What is picking the best worth?",
    }  # fmt: skip


# --- better or not -----------------------------------------------------------------------------------------


def test_the_point_forecast():
    question = POINTS
    both = board(**NAIVES, lstm={}, drift={})
    expected = "No: none of 2 models has a lower error at horizon 1 by more than chance."
    assert said(scores(h1=both))[question] == expected
    assert (
        said(scores(h1=board(**NAIVES, lstm={})))[question]
        == "No: lstm has no lower error at horizon 1 by more than chance."
    )
    worse = board(**NAIVES, lstm={"rmse": 1.1, "ref_dm_point": 3, "ref_dm_p_point_holm": 0.01}, drift={})
    assert said(scores(h1=worse))[question].endswith("by more than chance; worse: lstm at horizon 1.")
    nowhere = said(scores(h1=both, h5=both))[question]
    assert nowhere == "No: none of 2 models has a lower error at any horizon by more than chance."
    late = scores(h1=both, h5=board(**NAIVES, lstm=POINT, drift={}))
    assert said(late)[question] == (
        "Not at horizon 1; the tests of other ones do not correct for their number: lstm at horizon 5 "
        "(2.0 % lower RMSE, p = .030)."
    )
    early = scores(h1=board(**NAIVES, lstm=POINT, drift={}), h5=both)
    assert said(early)[question] == "Yes: lstm at horizon 1 (2.0 % lower RMSE, p = .030)."
    blind = dict.fromkeys(("ref_dm_p_point", "ref_dm_p_point_holm"), float("nan"))
    assert said(scores(h1=board(**NAIVES, lstm=blind)))[question] == "Not known: too few days to test."
    assert question not in said(scores(h1=board(**NAIVES)))


@pytest.mark.parametrize("change", [{"ref_dm_p_point_holm": 0.051}, {"rmse": 0.9995}, {"ref_dm_point": 2.5}])
def test_no_yes_without_test_size_and_agreement(change):
    table = scores(h1=board(**NAIVES, lstm={**POINT, **change}))
    assert said(table)[POINTS].startswith("No")


def test_the_distribution():
    question = SHARPER
    assert said(scores(h1=board(**NAIVES, lstm=BETTER)))[question] == (
        "Yes: lstm's CRPS one day ahead is 5.0 % lower than naive's (p = .004), the Winkler score of its 90 % "
        "interval 8.0 % lower."
    )
    assert said(scores(h1=board(**NAIVES, lstm={**BETTER, "ref_dm_p_crps_holm": 0.2})))[question].startswith(
        "Not shown: lstm's CRPS one day ahead is 5.0 % lower than naive's (p = .20)"
    )
    assert said(scores(h1=board(**NAIVES, lstm=WORSE)))[question].startswith(
        "No: lstm's CRPS one day ahead is 10.0 % higher than naive's (p = .001)"
    )
    # Against the better of the two.
    ahead = scores(h1=board(naive={"crps": 1.2, "winkler_90": 6.0}, ewma={}, lstm=BETTER))
    assert "5.0 % lower than ewma's" in said(ahead)[question]
    assert "8.0 % lower." in said(ahead)[question]


def test_the_model_that_is_spoken_of():
    def featured(recommended="naive", **more):
        return featured_model(Findings.of(scores(h1=board(**NAIVES, **more))), recommended)

    assert featured(lstm=BETTER, drift={"crps": 0.9}) == "lstm"
    assert featured("xgboost", lstm=BETTER, xgboost={**BETTER, "crps": 0.97}) == "xgboost"
    assert featured(lstm={}, drift={"crps": 0.9}) == "drift"
    assert featured() == "naive"


# --- honest ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "held", "error", "missed"),
    [
        ("all", 88.6, 0.1, False), ("all", 88.4, 0.1, True), ("all", 91.6, 0.1, True), ("all", 88.4, 0.6, False),
        ("regime", 87.1, 0.1, False), ("regime", 86.9, 0.1, True), ("regime", 86.0, 1.5, False),
    ],
)  # fmt: skip
def test_a_miss_is_more_than_tolerance_and_chance(by, held, error, missed):
    row = covered(("m", by, "g", {"coverage_90": held, "error_90": error})).iloc[0]
    assert (judge(row, 90) in MISSED) == missed == (abs(held - 90) > max(TOLERANCE[by], ERRORS * error))


def test_a_coverage_of_few_days_is_not_judged():
    row = {"by": "all", "horizon": 1, "n_rows": 19, "n_days": 19, "coverage_90": 50.0, "error_90": 1.0}
    assert judge(pd.Series(row), 90) == UNKNOWN
    assert judge(pd.Series({**row, "n_days": 20}), 90) == "narrow"
    # Ten horizons' worth of days, as for the tests.
    assert judge(pd.Series({**row, "horizon": 60, "n_days": 599, "n_rows": 9e9}), 90) == UNKNOWN
    assert judge(pd.Series({**row, "horizon": 60, "n_days": 600, "n_rows": 9e9}), 90) == "narrow"


def test_the_intervals():
    table = scores(h1=board(**NAIVES, lstm={}))
    broken = scores(h1=board(**NAIVES, lstm={"coverage_80": 60.0, "n_rows": 9e9, "coverage_90": 84.04}))
    assert said(broken)[HONEST] == (
        "Not at 80, 90 %: lstm's 50, 80, 90 % intervals one day ahead held 50.0 ± 1.0 %, 60.0 ± 1.0 %, "
        "84.0 ± 1.0 % (± one standard error). Yes: naive's 50, 80, 90 % intervals one day ahead held 50.0 ± 1.0 %, "
        "80.0 ± 1.0 %, 90.0 ± 1.0 % (± one standard error)."
    )
    assert said(table)[HONEST].startswith("Yes: lstm's")
    late = said(scores(h1=board(**NAIVES, lstm={}), h5=board(**NAIVES, lstm={"n_rows": 9e9, "coverage_90": 96.0})))
    assert late[HONEST].startswith("Yes: lstm's")
    assert late[HONEST].endswith(
        " At horizon 5 lstm's 90 % interval held 96.0 ± 1.0 %, more often than chance explains."
    )


def test_the_regimes():
    table = scores(h1=board(**NAIVES, lstm={}))
    rows = [("naive", "all", "all", {}), ("lstm", "all", "all", {})]
    for group, ours, theirs in (("calm", 0.5, 0.4), ("middle", 1.0, 1.0), ("wild", 1.8, 2.0)):
        rows += [("naive", "regime", group, {"crps": theirs}), ("lstm", "regime", group, {"crps": ours})]
    assert said(table, covered(*rows))[REGIMES] == (
        "CRPS skill of lstm against naive one day ahead by thirds of volatility: calm \N{MINUS SIGN}25.0 % (90 % "
        "held 90.0 %), middle +0.0 % (90 % held 90.0 %), wild +10.0 % (90 % held 90.0 %)."
    )


# --- horizons, folds, picking, sureness --------------------------------------------------------------------


def test_the_horizons():
    nothing = board(**NAIVES, lstm={}, drift={})
    late = board(**NAIVES, lstm=BETTER, drift={**BETTER, "crps": 0.9})
    assert said(scores(h1=nothing, h2=nothing, h5=late))[OVER] == (
        "Better than the reference: nothing at horizons 1, 2; drift, lstm at horizon 5. Over all horizons "
        "together: none."
    )
    # The test over all of them stands at the shortest.
    assert said(scores(h1=late, h2=nothing))[OVER].endswith("Over all horizons together: lstm, drift.")
    # A difference that is sure but matters to nobody is none.
    tiny = board(**NAIVES, lstm={**BETTER, "crps": 0.9995}, drift={})
    assert said(scores(h1=tiny, h2=nothing))[OVER].endswith("Over all horizons together: none.")
    untested = ("ref_dm_p_point", "ref_dm_p_crps", "ref_dm_p_point_holm", "ref_dm_p_crps_holm")
    blind = board(**{name: {**own, **dict.fromkeys(untested, float("nan"))} for name, own in NAIVES.items()})
    assert (
        "nothing at horizon 1; too few days to tell at horizon 9."
        in said(scores(h1=board(**NAIVES), h9=blind))[OVER]
    )
    turned = board(**NAIVES, lstm={**BETTER, "ref_dm_all": 3.0}, drift={**BETTER, "ref_dm_p_all_holm": 0.06})
    assert said(scores(h1=turned, h2=nothing))[OVER].endswith("Over all horizons together: none.")


def test_days_that_all_hit_are_no_miss_while_they_are_few():
    few = pd.Series({"by": "all", "horizon": 1, "n_rows": 25, "n_days": 25, "coverage_90": 100.0, "error_90": 0.0})
    assert judge(few, 90) == KEPT
    assert judge(few.replace(25, 2500), 90) == "wide"


def test_the_folds():
    rows = [("lstm", 1, fold, skill) for fold, skill in ((1, 0.05), (2, -0.012), (3, 0.0))]
    folds = pd.DataFrame([*rows, ("lstm", 5, 1, 0.9), ("drift", 1, 1, 0.9)], columns=list(NO_FOLDS.columns))
    assert said(scores(h1=board(**NAIVES, lstm={})), folds=folds)[FOLDS] == (
        "lstm's CRPS one day ahead is below naive's in 1 of 3 folds; its skill runs from \N{MINUS SIGN}1.2 % to "
        "+5.0 %."
    )


def picked(choice, **against):
    blank = {"skill_crps": 0.02, "p_crps": 0.3, "skill_winkler": -0.01, "p_winkler": 0.0004}
    return {
        "choice": choice, "n_days": 200, "against": {name: {**blank, **own} for name, own in against.items()},
    }  # fmt: skip


def test_what_picking_is_worth():
    table = scores(h1=board(**NAIVES, lstm={}))
    found = picked({"2": "lstm", "3": "lstm", "4": "drift"}, naive={}, ewma={"p_crps": None})
    assert said(table, selected=found)[PICKING] == (
        "The best of the folds before (lstm in 2, drift in 1), judged on the next, 200 days in all: its CRPS is "
        "2.0 % lower than naive's (p = .30), its Winkler score 1.0 % higher (p < .001); its CRPS is 2.0 % lower "
        "than ewma's (too few days to test), its Winkler score 1.0 % higher (p < .001). That is what a choice made "
        "without hindsight gets; as one procedure, fixed beforehand, it is tested alone."
    )
    always = picked({"2": "ewma", "3": "ewma"}, naive={}, ewma={})
    assert "; that is ewma itself. That is what" in said(table, selected=always)[PICKING]
    still = picked({"2": "lstm"}, naive={"skill_crps": None, "skill_winkler": None}, ewma={})
    assert "naive has no loss to compare with" in said(table, selected=still)[PICKING]


def test_how_sure():
    several = board(**NAIVES, lstm={"crps": 0.99, "mcs_p": 1.0}, drift=WORSE)
    assert said(scores(h1=several))[SURE] == (
        "The verdict rests on 250 days and 4 models, whose number the tests are corrected for. At 90 % confidence "
        "the Model Confidence Set, by CRPS one day ahead, rules out 1 of them as the best and keeps lstm, naive, "
        "ewma."
    )
    alone = board(naive={"mcs_p": 0.02}, ewma={"mcs_p": 0.1}, lstm={**BETTER, "mcs_p": 1.0})
    assert said(scores(h1=alone))[SURE].endswith(
        "by CRPS one day ahead, rules out 2 of them as the best and keeps lstm."
    )
    short = board(naive={"mcs_p": np.nan, "n_days": 40.0}, lstm={"mcs_p": np.nan, "n_days": 40.0})
    assert said(scores(h1=short))[SURE] == (
        "The verdict rests on 40 days and 2 models, whose number the tests are corrected for. That is too few days "
        "for a Model Confidence Set."
    )
