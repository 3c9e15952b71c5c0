"""The texts of a verdict cannot contradict each other, over random tables of scores and over real ones."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from pricecast.evaluation.by_fold import by_fold, score_selected
from pricecast.evaluation.coverage import coverage
from pricecast.evaluation.findings import Findings
from pricecast.evaluation.leaderboard import leaderboard
from pricecast.evaluation.questions import answer_questions
from pricecast.evaluation.recommendation import recommend
from pricecast.evaluation.scores import score
from pricecast.evaluation.verdict import verdict_of
from pricecast.experiments.comparison import SCORES, compare
from pricecast.experiments.config import Experiment
from pricecast.experiments.trainings import TrainedExperiment, Training
from pricecast.report.leaderboard import leaderboard_table
from pricecast.schema import QUANTILE_COLUMNS
from pricecast.statistics.confidence_set import SIZE
from tests.support.contradictions import RULES, contradictions
from tests.support.forecast_samples import sample_forecasts
from tests.support.score_samples import BETTER, NAIVES, WORSE, board, scores
from tests.support.score_tables import random_coverage, random_scores

NO_COVER = pd.DataFrame(columns=["model", "horizon", "by", "group", "crps"])
NO_FOLDS = pd.DataFrame(columns=["model", "horizon", "fold", "skill_crps"])


def texts(findings, choice, cover=NO_COVER, folds=NO_FOLDS, selected=None):
    """All that is said about a table of tests."""
    answers = answer_questions(findings, choice, cover, folds, selected)
    return {**verdict_of(findings, choice), "answers": answers}


def search(seeds):
    """Contradictions of random tables by seed."""
    bad = {}
    for seed in seeds:
        rng = np.random.default_rng(seed)
        table, headline = random_scores(rng)
        findings = Findings.of(table, headline)
        few = [name for name in findings.first if rng.random() < 0.5]
        choice = recommend(findings, few if rng.random() < 0.2 else None)
        said = texts(findings, choice, random_coverage(rng, table) if seed % 10 == 0 else NO_COVER)
        marks = table.xs(headline, level="horizon")["mcs_p"]
        if found := contradictions(said, marks.index[marks > SIZE].tolist()):
            bad[seed] = found
    return bad


def test_no_random_table_makes_texts_contradict_each_other():
    assert search(range(1000)) == {}


@pytest.mark.slow
def test_none_of_ten_thousand_random_tables_does():
    assert search(range(10_000)) == {}


def search_real(seeds):
    """Contradictions of what is said about small forecasts, marks of the leaderboard included."""
    bad = {}
    for seed in seeds:
        rng = np.random.default_rng(seed)
        table = sample_forecasts(days=int(rng.choice([12, 70, 250])), horizons=int(rng.integers(1, 4)), seed=seed)
        own = table["model"] == rng.choice(["lstm", "drift", "naive"])
        nearer = rng.choice([0.0, 0.1, 0.4]) * np.log(table["actual"] / table["last_close"]).fillna(0)
        columns = ["forecast", *QUANTILE_COLUMNS]
        table.loc[own, columns] = table.loc[own, columns].mul(np.exp(nearer[own]), axis=0)
        table["fold"] = 1 + 3 * pd.factorize(table["cutoff"], sort=True)[0] // table["cutoff"].nunique()
        headline = int(rng.integers(1, table["horizon"].max() + 1))
        scored, folds = score(table, headline=headline), by_fold(table)
        scales = table[["ticker", "cutoff"]].drop_duplicates().rename(columns={"cutoff": "date"})
        cover = coverage(table, scales.assign(scale=rng.uniform(0.01, 0.03, len(scales))))
        findings = Findings.of(scored, headline)
        picked = score_selected(table, folds, headline)
        said = texts(findings, recommend(findings), cover, folds, picked)
        rows = leaderboard_table(leaderboard(scored, headline), said).rows
        if found := contradictions(said, [row.name for row in rows if row.marked]):
            bad[seed] = found
    return bad


def test_no_real_score_does():
    assert search_real(range(5)) == {}


@pytest.mark.slow
def test_none_of_many_real_scores_does():
    assert search_real(range(300)) == {}


# --- the recommendation of a comparison --------------------------------------------------------------------


def compared(seed):
    """Sentences of a comparison of random trainings, some of which are good, and the verdict beside it."""
    rng = np.random.default_rng(seed)
    labels = {name: [f"{name} seed {number}" for number in range(3)] for name in "AB"}
    table, headline = random_scores(rng, [label for own in labels.values() for label in own])
    for label in labels[rng.choice(["A", "B"])]:
        if rng.random() < 0.7 and table.at[(label, headline), "n_days"] >= 10 * headline:
            figures = {"crps": 0.8, "ref_dm_crps": -5.0, "ref_dm_p_crps_holm": 0.001, "ref_dm_p_crps": 0.001}
            table.loc[(label, headline), list(figures)] = list(figures.values())
    extra = {name: 1.0 for name in SCORES if name not in table}
    trained = [
        TrainedExperiment(Experiment(name, "", "har", {}), [Training(label, pd.DataFrame(), {}) for label in own])
        for name, own in labels.items()
    ]
    found = compare(trained, table.assign(**extra), str(rng.choice(["crps", "rmse"])), headline)
    findings = Findings.of(table, headline)
    said = texts(findings, recommend(findings, found.eligible))
    marks = table.xs(headline, level="horizon")["mcs_p"]
    return found, said, contradictions(said, marks.index[marks > SIZE].tolist())


@pytest.mark.filterwarnings("ignore:Precision loss occurred:RuntimeWarning")  # seeds that hardly differ
def test_a_comparison_recommends_what_the_verdict_beside_it_does():
    recommended = set()
    for seed in range(80):
        found, said, bad = compared(seed)
        assert bad == [], seed
        words, model = found.sentences[-1], said["recommended"]
        if words.startswith("Recommendation: none"):
            assert f"take {model}'s forecast" in words, seed
            assert ("not all of its intervals" in words) == ("not all of its intervals" in said["sentence"] or (
                "for want of intervals that keep their promise" in said["why"])), seed  # fmt: skip
        else:
            assert words.startswith(f"Recommendation: {model.partition(' seed')[0]}, which beats "), seed
        recommended.add(model.partition(" ")[0])
    assert recommended >= {"A", "B", "naive", "ewma"}


# --- the rules themselves ----------------------------------------------------------------------------------


@cache
def honest():
    """A verdict without a contradiction: lstm wins one day ahead and is kept with naive, drift is worse."""
    first = board(**NAIVES, lstm=BETTER, drift=WORSE)
    findings = Findings.of(scores(h1=first, h5=board(**NAIVES, lstm={}, drift={})))
    return texts(findings, recommend(findings)), ["naive", "ewma", "lstm"]


def with_answer(question, old, new):
    def change(verdict):
        answers = [
            {**each, "answer": each["answer"].replace(old, new)} if each["question"] == question else each
            for each in verdict["answers"]
        ]
        assert answers != verdict["answers"], question
        return {**verdict, "answers": answers}

    return change


def with_text(key, old, new):
    def change(verdict):
        assert old in str(verdict[key]), key
        text = (
            [each.replace(old, new) for each in verdict[key]] if key == "trust" else verdict[key].replace(old, new)
        )
        return {**verdict, key: text}

    return change


def with_sentence(model, old, new):
    def change(verdict):
        about = verdict["models"][model]
        assert old in about["sentence"]
        own = {**about, "sentence": about["sentence"].replace(old, new)}
        return {**verdict, "models": {**verdict["models"], model: own}}

    return change


PLANTED = [
    ("one_thing_has_one_value", with_text("sentence", "on 250 days", "on 251 days")),
    ("one_thing_has_one_value", with_text("sentence", "lstm beats naive", "drift beats naive")),
    ("one_thing_has_one_value", with_text("sentence", "At horizon 5 nothing beats", "At horizon 5 lstm beats")),
    ("one_thing_has_one_value", with_sentence("lstm", "the time.", "the time, less often than chance explains.")),
    ("one_thing_has_one_value", with_sentence("lstm", "held 90.0", "held 91.0")),
    ("one_thing_has_one_value", with_text("why", "lstm's", "naive's")),
    ("one_thing_has_one_value", with_answer("How sure are we?", "keeps lstm, naive, ewma", "keeps lstm")),
    ("one_thing_has_one_value", with_answer("Is the distribution sharper?", "Yes", "Not shown")),
    ("one_thing_has_one_value", with_answer("Are the intervals honest?", "Yes", "Not at 90 %")),
    ("one_thing_has_one_value", with_answer("Over which horizons?", "lstm at horizon 1;", "drift at horizon 1;")),
    ("who_beats_is_better_and_not_worse", with_sentence("lstm", "5.0 % better", "5.0 % worse")),
    ("the_confidence_set_does_not_deny_the_tests", with_answer("How sure are we?", "is no praise", "is so")),
    ("who_is_recommended_is_better_and_keeps_its_promise", lambda verdict: {**verdict, "recommended": "drift"}),
    ("a_winner_that_is_passed_over_is_explained", lambda verdict: {
        **verdict, "recommended": "naive", "why": "naive's, as ever."}),
    ("point_claims_are_in_every_text", with_sentence("drift", "forecast no better", "forecast 1.0 % better")),
    ("trust_is_what_the_intervals_held", with_text("trust", "90 times in 100", "93 times in 100")),
    ("trust_has_no_statistics", with_text("trust", "5 percent", "5 %")),
    ("no_text_holds_what_is_no_number", with_text("sentence", "5.0 % better", "nan % better")),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "change"), PLANTED)
def test_a_planted_contradiction_is_found(rule, change):
    verdict, marks = honest()
    assert contradictions(verdict, marks) == []
    assert rule in {found.partition(":")[0] for found in contradictions(change(verdict), marks)}


def test_every_rule_has_a_planted_contradiction():
    untested = with_answer("Over which horizons?", "nothing at horizon 5", "too few days to tell at horizon 5")
    late = with_text("sentence", "At horizon 5 nothing beats", "At horizon 5 lstm beats")
    verdict, marks = honest()
    found = contradictions(late(untested(verdict)), marks)
    assert "the_untested_is_not_judged" in {text.partition(":")[0] for text in found}
    assert {rule for rule, _ in PLANTED} == {rule.__name__ for rule in RULES} - {"the_untested_is_not_judged"}


def test_marks_are_the_confidence_set_of_the_words():
    verdict, _ = honest()
    assert contradictions(verdict, ["lstm"]) != []
