"""The selected model: its choice knows the folds before alone, and it is scored like any model; and the answers."""

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from pricecast.evaluation.by_fold import (  # fmt: skip
    FOLD_METRICS,
    SELECTED,
    by_fold,
    score_selected,
    select_models,
    selected_forecasts,
    with_fold_spread,
)
from pricecast.evaluation.leaderboard import leaderboard
from pricecast.evaluation.scored_rows import Slice
from pricecast.evaluation.scores import NAIVES, score
from pricecast.schema import QUANTILE_COLUMNS
from pricecast.statistics.significance import daily_losses, diebold_mariano
from tests.support.forecast_samples import sample_forecasts

MODELS = ("naive", "ewma", "drift", "lstm")


def folded(count=4, days=240, seed=0, **options):
    """A sample with folds of about equal length."""
    table = sample_forecasts(models=MODELS, days=days, seed=seed, **options)
    day = pd.factorize(table["cutoff"], sort=True)[0]
    return table.assign(fold=1 + day * count // (day.max() + 1))


def crps_by_hand(rows):
    """Mean CRPS over rows in log-return percent, level by level."""
    levels = [0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95]
    edges = [0.0, *[(a + b) / 2 for a, b in pairwise(levels)], 1.0]
    total = 0.0
    for row in rows.to_dict("records"):
        for i, (level, name) in enumerate(zip(levels, QUANTILE_COLUMNS, strict=True)):
            error = 100 * np.log(row["actual"] / row[name])
            total += 2 * (edges[i + 1] - edges[i]) * (level * error if error >= 0 else (level - 1) * error)
    return total / len(rows)


def known(table, **equal):
    keep = table["actual"].notna()
    for name, value in equal.items():
        keep &= table[name] == value
    return table[keep]


def plainly(table):
    """The choice by plain loops: all losses of all days before a fold, summed over days; the first on a tie."""
    found = {}
    for fold in sorted(table["fold"].unique())[1:]:
        best, lowest = None, np.inf
        for model in sorted(table["model"].unique()):
            total = 0.0
            for earlier in range(1, fold):
                rows = known(table, model=model, horizon=1, fold=earlier)
                total += crps_by_hand(rows) * rows["cutoff"].nunique()
            if total < lowest:
                best, lowest = model, total
        found[int(fold)] = best
    return found


# --- folds -------------------------------------------------------------------------------------------------


def test_scores_by_fold_are_those_of_the_folds_rows():
    table = folded(horizons=2)
    folds = by_fold(table)
    assert list(folds.columns) == ["model", "horizon", "fold", *FOLD_METRICS]
    assert len(folds) == 4 * 2 * 4
    for row in folds[folds["horizon"] == 2].to_dict("records"):
        own, naive = (known(table, model=name, horizon=2, fold=row["fold"]) for name in (row["model"], "naive"))
        assert row["crps"] == pytest.approx(crps_by_hand(own))
        assert row["skill_crps"] == pytest.approx(1 - crps_by_hand(own) / crps_by_hand(naive))
        held = sum(low <= x <= high for low, x, high in zip(own["q05"], own["actual"], own["q95"], strict=True))
        assert row["coverage_90"] == pytest.approx(100 * held / len(own))
        assert row["n_days"] == own["cutoff"].nunique()


def test_spread_is_the_lowest_the_highest_and_the_count_of_gains():
    table = folded(horizons=2)
    folds, board = by_fold(table), leaderboard(score(table))
    found = with_fold_spread(board, folds).set_index("model")
    rows = folds.to_dict("records")
    for model, row in found.iterrows():
        skills = [x["skill_crps"] for x in rows if (x["model"], x["horizon"]) == (model, 1)]
        spread = (row["skill_crps_low"], row["skill_crps_high"], row["folds_better"])
        assert spread == (min(skills), max(skills), sum(skill > 0 for skill in skills))
    assert with_fold_spread(board, folds.iloc[:0]) is board


def test_one_fold_has_no_spread_and_no_choice():
    for table in (folded(1), folded(1).drop(columns="fold")):
        assert by_fold(table).empty
        assert list(by_fold(table)) == ["model", "horizon", "fold", *FOLD_METRICS]
        assert score_selected(table, by_fold(table)) is None
    assert select_models(by_fold(folded(1)).astype({"horizon": int})) == {}


# --- the choice --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_the_choice_is_that_of_plain_loops(seed):
    table = folded(days=80, seed=seed, horizons=1)
    assert select_models(by_fold(table)) == plainly(table)


@pytest.mark.parametrize("start", [2, 3, 4])
def test_a_choice_never_looks_at_the_fold_it_is_judged_on_nor_at_later_ones(start):
    """Later folds are turned upside down, model by model: what was chosen until then stays."""
    table = folded()
    before = select_models(by_fold(table))
    for model in MODELS:
        changed = table.copy()
        later = (changed["fold"] >= start) & (changed["model"] == model)
        for column in ("forecast", *QUANTILE_COLUMNS):
            changed.loc[later, column] = changed.loc[later, "actual"].fillna(changed.loc[later, column])
        after = select_models(by_fold(changed))
        assert {fold: name for fold, name in after.items() if fold <= start} == {
            fold: name for fold, name in before.items() if fold <= start
        }
        # And what was perfect is chosen once it is past.
        assert all(name == model for fold, name in after.items() if fold > start + 1) or start == 4


def test_a_day_counts_the_same_in_a_short_fold_and_in_a_long_one():
    """A long fold of small gains outweighs a short one of a larger loss."""
    rows = [
        ("a", 1, 1, 1.00, 100), ("b", 1, 1, 0.90, 100), ("a", 1, 2, 1.0, 10), ("b", 1, 2, 1.5, 10),
        ("a", 1, 3, 1.0, 50), ("b", 1, 3, 1.0, 50),
    ]  # fmt: skip
    folds = pd.DataFrame(rows, columns=["model", "horizon", "fold", "crps", "n_days"])
    assert select_models(folds) == {2: "b", 3: "b"}
    assert select_models(folds.assign(n_days=50)) == {2: "b", 3: "a"}
    longer = folds.assign(horizon=5, crps=-folds["crps"])
    assert select_models(pd.concat([folds, longer])) == {2: "b", 3: "b"}


def test_the_selected_rows_are_those_of_the_chosen_model_in_each_fold():
    table = folded()
    choice = {2: "drift", 3: "naive", 4: "lstm"}
    found = selected_forecasts(table, choice)
    assert set(found["model"]) == {*NAIVES, SELECTED}
    own = found[found["model"] == SELECTED]
    for fold, name in choice.items():
        theirs = table[(table["fold"] == fold) & (table["model"] == name)]
        columns = [column for column in table if column != "model"]
        mine = own[own["fold"] == fold]
        pd.testing.assert_frame_equal(
            mine[columns].reset_index(drop=True), theirs[columns].reset_index(drop=True), check_exact=True
        )
    assert 1 not in set(found["fold"])


# --- its judgement -----------------------------------------------------------------------------------------


def test_the_selected_is_judged_on_the_folds_after_the_first_like_any_model():
    table = folded(days=300, seed=2)
    folds = by_fold(table)
    found, choice = score_selected(table, folds), select_models(folds)
    assert found["choice"] == {str(fold): name for fold, name in choice.items()}
    own = pd.concat([known(table, model=name, horizon=1, fold=fold) for fold, name in choice.items()])
    assert found["n_days"] == own["cutoff"].nunique()
    assert found["crps"] == pytest.approx(crps_by_hand(own))
    for name in NAIVES:
        rows = known(table, model=name, horizon=1)
        rows = rows[rows["fold"] > 1]
        against = found["against"][name]
        assert against["skill_crps"] == pytest.approx(1 - crps_by_hand(own) / crps_by_hand(rows))
        for loss in ("crps", "winkler"):
            days = []
            for part in (own, rows):
                slice_ = Slice.of(part)
                days.append(daily_losses(slice_.cutoff, getattr(slice_, f"{loss}_losses")))
            assert against[f"p_{loss}"] == pytest.approx(diebold_mariano(*days, horizon=1).p_value)


def test_where_the_choice_is_always_naive_it_is_naive():
    table = folded()
    columns = list(QUANTILE_COLUMNS)
    wide = table["model"] != "naive"
    table.loc[wide, columns] = table.loc[wide, columns].mul([0.5, 0.6, 0.7, 1, 1.5, 1.8, 2])
    found = score_selected(table, by_fold(table))
    assert set(found["choice"].values()) == {"naive"}
    assert found["against"]["naive"] == {"skill_crps": 0, "p_crps": 1, "skill_winkler": 0, "p_winkler": 1}


def test_a_price_that_stands_still_has_no_skill_and_breaks_nothing():
    table = folded(horizons=1)
    table[["last_close", "forecast", "actual", *QUANTILE_COLUMNS]] = 100.0
    found = score_selected(table, by_fold(table))
    assert found["against"]["naive"] == {"skill_crps": None, "p_crps": 1, "skill_winkler": None, "p_winkler": 1}
    json.dumps(found, allow_nan=False)


def test_picking_among_equals_with_hindsight_would_look_like_skill_and_without_it_does_not():
    """Ten models of noise: the best of all folds looks better than the choice fold by fold, which is no better."""
    gains = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        table = folded(days=160, seed=seed, horizons=1)
        naive = table[table["model"].isin(NAIVES)]
        base = table[table["model"] == "naive"]
        noisy = [
            base.assign(
                model=f"m{k}",
                **{c: base[c] * np.exp(0.004 * noise) for c in ("forecast", *QUANTILE_COLUMNS)},
            )
            for k in range(10)
            for noise in [rng.standard_normal(len(base))]
        ]
        table = pd.concat([naive, *noisy], ignore_index=True)
        noise_alone = by_fold(table).query("model not in @NAIVES")
        late = noise_alone[noise_alone["fold"] > 1].groupby("model")["crps"].mean()
        choice = select_models(noise_alone)
        scores = noise_alone.set_index(["model", "fold"])["crps"]
        own = [scores[name, fold] for fold, name in choice.items()]
        gains.append((late.mean() - late.min(), late.mean() - np.mean(own)))
    hindsight, honest = np.mean(gains, axis=0)
    assert hindsight > 0
    assert abs(honest) < hindsight / 2


def test_too_few_days_give_no_p_value():
    table = folded(2, days=14, horizons=1)
    found = score_selected(table, by_fold(table))
    assert found["against"]["naive"]["p_crps"] is None


def test_scores_of_a_backtest_are_those_of_its_rows_whatever_the_folds():
    table = folded(horizons=2)
    pd.testing.assert_frame_equal(score(table), score(table.drop(columns="fold")))
