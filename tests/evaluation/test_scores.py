import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from pricecast.errors import InputError
from pricecast.evaluation.leaderboard import headline, leaderboard
from pricecast.evaluation.metrics import METRICS
from pricecast.evaluation.scored_rows import Slice
from pricecast.evaluation.scores import best_model, score
from pricecast.evaluation.verdict import verdict
from pricecast.schema import FORECASTS, QUANTILE_COLUMNS, QUANTILE_LEVELS
from pricecast.statistics.significance import daily_losses, diebold_mariano, holm

DAYS = 250
SIGMA = 0.01
# Each model as (share of the future it knows, width of its intervals / the right width).
GOOD, IDLE, WIDE, NOISY = (0.5, 0.87), (0.0, 1.0), (0.0, 3.0), (-0.5, 1.12)


def forecasts(
    models: dict[str, tuple[float, float]], days: int = DAYS, horizons: tuple[int, ...] = (1,)
) -> pd.DataFrame:
    """Four tickers on a random walk; a negative share is as much noise instead."""
    rng = np.random.default_rng(7)
    cutoffs = pd.bdate_range("2022-01-03", periods=days)
    parts = []
    for horizon in horizons:
        for ticker in ("A", "B", "C", "D"):
            sigma = SIGMA * math.sqrt(horizon)
            actual, noise = rng.normal(0, sigma, (2, days))
            for model, (share, width) in models.items():
                centre = share * actual if share >= 0 else share * noise
                part = pd.DataFrame({"ticker": ticker, "cutoff": cutoffs, "horizon": horizon})
                part["date"] = cutoffs + pd.offsets.BDay(horizon)
                part = part.assign(model=model, last_close=100.0, forecast=100 * np.exp(centre))
                for level, column in zip(QUANTILE_LEVELS, QUANTILE_COLUMNS, strict=True):
                    part[column] = 100 * np.exp(centre + width * sigma * norm.ppf(level))
                parts.append(part.assign(actual=100 * np.exp(actual)))
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=1)[list(FORECASTS)]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    models = {"wide": WIDE, "naive": IDLE, "good": GOOD, "noisy": NOISY, "idle": IDLE}
    return forecasts(models, horizons=(1, 5))


@pytest.fixture(scope="module")
def scores(table: pd.DataFrame) -> pd.DataFrame:
    return score(table)


def cell(table: pd.DataFrame, model: str, horizon: int) -> pd.DataFrame:
    return table[(table["model"] == model) & (table["horizon"] == horizon)]


def test_scores_are_the_metrics_of_each_slice(table: pd.DataFrame, scores: pd.DataFrame) -> None:
    assert scores.index.names == ["model", "horizon"]
    assert scores.index.unique("model")[0] == "naive"
    for model, horizon in scores.index:
        slice_ = Slice.of(cell(table, model, horizon))
        expected = {name: metric(slice_) for name, metric in METRICS.items()}
        found = scores.loc[(model, horizon), list(METRICS)].to_dict()
        assert found == pytest.approx(expected, nan_ok=True)


def test_skill_and_tests_stand_against_naive(table: pd.DataFrame, scores: pd.DataFrame) -> None:
    others = ["good", "noisy", "wide"]
    p_values = []
    naive = Slice.of(cell(table, "naive", 5).sort_values(["cutoff", "ticker"]))
    for model in others:
        own = Slice.of(cell(table, model, 5).sort_values(["cutoff", "ticker"]))
        row = scores.loc[(model, 5)]
        for metric in ("rmse", "crps"):
            expected = 1 - METRICS[metric](own) / METRICS[metric](naive)
            assert row[f"skill_{metric}"] == pytest.approx(expected)
        days = [daily_losses(s.cutoff, s.crps_losses) for s in (own, naive)]
        p_values.append(diebold_mariano(*days, horizon=5).p_value)
    found = scores.loc[[(model, 5) for model in others]]
    assert found["dm_p_crps"].to_list() == pytest.approx(p_values)
    assert found["dm_p_crps_holm"].to_list() == pytest.approx(holm([*p_values, 1.0])[:3])  # idle has p = 1
    assert scores.loc[("idle", 5), "dm_p_crps"] == 1
    assert (scores["n_days"] == DAYS).all()
    assert (scores["n_rows"] == 4 * DAYS).all()


def test_naive_is_not_tested_against_itself(scores: pd.DataFrame) -> None:
    naive = scores.loc[("naive", 1)]
    assert naive["skill_rmse"] == naive["skill_crps"] == 0
    assert np.isnan(naive[["dm_p_point", "dm_p_crps", "dm_p_point_holm", "ref_dm_crps"]].to_numpy(float)).all()


def test_unknown_futures_are_left_out(table: pd.DataFrame, scores: pd.DataFrame) -> None:
    later = table.assign(actual=np.nan, cutoff=table["cutoff"] + pd.Timedelta(days=1000))
    longer = cell(later, "naive", 1).assign(horizon=20)
    pd.testing.assert_frame_equal(score(pd.concat([table, later, longer])), scores)


def test_the_order_of_rows_and_models_decides_nothing(table: pd.DataFrame, scores: pd.DataFrame) -> None:
    again = score(table.sort_values(["model", "ticker", "cutoff"], ascending=False))
    pd.testing.assert_frame_equal(again.sort_index(), scores.sort_index())


def test_mase_takes_the_training_scale(table: pd.DataFrame) -> None:
    found = score(table, insample_mae=pd.Series(2.0, list("ABCD")))
    assert found["mase"].to_numpy() == pytest.approx(found["mae"].to_numpy() / 2)


def test_models_on_different_rows_are_an_error(table: pd.DataFrame) -> None:
    broken = {
        "fewer": table.drop(cell(table, "good", 5).index[:1]),
        "none": table.drop(cell(table, "good", 5).index),
        "twice": pd.concat([table, cell(table, "good", 5).head(1)]),
        "other actual": table.assign(actual=table["actual"].where(table["model"] != "good", 101.0)),
    }
    for name, rows in broken.items():
        with pytest.raises(InputError, match=r"good does not at horizon (1|5)"):
            score(rows.reset_index(drop=True))
        assert name
    with pytest.raises(InputError, match="naive does not at horizon 5"):
        score(table.drop(cell(table, "naive", 5).index))


def test_no_naive_no_actual_or_no_column_are_errors(table: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="rows of the model naive"):
        score(table[table["model"] != "naive"])
    with pytest.raises(InputError, match="rows of the model naive"):
        score(table.assign(actual=np.nan))
    with pytest.raises(InputError, match="without last_close, q05"):
        score(table.drop(columns=["q05", "last_close"]))


def test_leaderboard_puts_naive_first_then_the_lowest_crps(scores: pd.DataFrame) -> None:
    board = leaderboard(scores)
    assert board["model"].iloc[0] == "naive"
    assert board["model"].iloc[1] == "good"
    assert board["crps"].iloc[1:].is_monotonic_increasing
    assert list(board.columns[:4]) == ["model", "horizon", "rmse", "skill_rmse"]
    assert (board["horizon"] == 1).all()
    # One loss per level is for the file of all scores; a board that has them all is read by nobody.
    by_level = {f"pinball_{name[1:]}" for name in QUANTILE_COLUMNS}
    assert set(METRICS) - set(board.columns) == by_level
    assert board.set_index("model").loc["naive", "theils_u"] == pytest.approx(1)
    assert board.set_index("model").loc["good", "crps_h5"] == scores.loc[("good", 5), "crps"]


def test_headline_is_flat_and_finite(scores: pd.DataFrame) -> None:
    flat = headline(scores, "good")
    assert flat["test_rmse"] == scores.loc[("good", 1), "rmse"]
    assert flat["test_skill_crps_h5"] == scores.loc[("good", 5), "skill_crps"]
    assert np.isfinite(list(flat.values())).all()
    assert "test_mase" not in flat
    assert "test_direction" not in headline(scores, "naive")


def test_best_is_the_lowest_relative_crps_and_naive_on_a_tie(scores: pd.DataFrame) -> None:
    assert best_model(scores) == "good"
    assert best_model(scores.drop(index="good", level="model")) == "naive"


def sentence(models: dict[str, tuple[float, float]], name: str = "", **options: object) -> str:
    result = verdict(score(forecasts(models, **options)))  # type: ignore[arg-type]
    json.dumps(result, allow_nan=False)
    return result["models"][name]["sentence"] if name else result["sentence"]


def test_verdict_says_better() -> None:
    models = {"naive": IDLE, "lstm": GOOD, "idle": IDLE}
    words = sentence(models, "lstm")
    assert words.startswith("lstm: distribution ")
    assert "% better than naive (CRPS, p < .001), point forecast " in words
    assert "% better (RMSE, p < .001) one day ahead; its 90 % interval held " in words
    assert sentence(models).startswith("lstm beats naive one day ahead on 250 days: distribution ")


def test_verdict_says_no_better() -> None:
    expected = (
        "idle: distribution no better than naive (CRPS the same, p = 1), point forecast no better (RMSE the same, "
        "p = 1) one day ahead; its 90 %"
    )
    assert sentence({"naive": IDLE, "idle": IDLE}, "idle").startswith(expected)
    words = sentence({"naive": IDLE, "idle": IDLE})
    assert words.startswith("Nothing beats naive one day ahead on 250 days: use its intervals (the 90 % one held ")
    assert words.endswith(", not anybody's point forecast.")


def test_verdict_says_worse() -> None:
    models = {"naive": IDLE, "wide": WIDE, "noisy": NOISY}
    assert "% worse than naive (CRPS, p < .001), point forecast no better (" in sentence(models, "wide")
    assert "% worse (RMSE, p < .001)" in sentence(models, "noisy")
    assert sentence(models).startswith("Nothing beats naive")


def test_a_gain_that_may_be_luck_is_not_called_better() -> None:
    table = forecasts({"naive": IDLE, "luck": IDLE}, days=60)
    knows = (table["model"] == "luck") & (table["cutoff"] == table["cutoff"].min())
    table.loc[knows, list(QUANTILE_COLUMNS)] = table.loc[knows, ["actual"] * 7].to_numpy()
    result = verdict(score(table))
    assert "distribution not reliably better than naive (CRPS " in result["models"]["luck"]["sentence"]
    assert result["best"] == "luck"
    assert result["sentence"].startswith("Nothing beats naive")


def test_claims_are_made_against_the_better_of_naive_and_ewma() -> None:
    models = {"naive": WIDE, "ewma": IDLE, "between": (0.0, 2.0), "good": GOOD}
    result = verdict(score(forecasts(models)))
    assert result["reference"] == "ewma"
    assert "% worse than ewma (CRPS" in result["models"]["between"]["sentence"]
    assert result["models"]["ewma"]["sentence"].startswith("ewma: the reference one day ahead; its 90 % ")
    assert result["models"]["naive"]["sentence"].startswith("naive: distribution ")
    assert result["sentence"].startswith("good beats ewma")
    assert result["models"]["ewma"]["point"]["p"] is None


def test_too_few_days_are_said() -> None:
    models = {"naive": IDLE, "good": GOOD}
    assert sentence(models, days=8).startswith("Too few days (8) to tell any model from naive")
    assert "too few days to test" in sentence(models, "good", days=8)


def test_naive_alone_is_said_and_bad_intervals_are_not_recommended() -> None:
    assert sentence({"naive": IDLE}).startswith(
        "Only naive was judged, one day ahead on 250 days: use its intervals"
    )
    told = "take naive's forecast, but not all of its intervals (naive's 90 % interval at horizon 1 held 100.0 %"
    assert told in sentence({"naive": WIDE, "wide": WIDE})


def test_another_outcome_at_a_longer_horizon_is_said() -> None:
    table = forecasts({"naive": IDLE, "late": IDLE}, horizons=(1, 5))
    better = forecasts({"naive": IDLE, "late": GOOD}, horizons=(1, 5))
    result = verdict(score(pd.concat([table[table["horizon"] == 1], better[better["horizon"] == 5]])))
    words = result["models"]["late"]["sentence"]
    assert words.startswith("late: distribution no better")
    assert "At horizon 5: distribution better than naive. At horizon 5: point forecast better" in words
    assert result["sentence"].endswith("At horizon 5 late beats naive.")


def test_a_perfectly_still_price_breaks_nothing() -> None:
    still = forecasts({"naive": IDLE, "idle": IDLE}, days=20)
    still[["last_close", "forecast", *QUANTILE_COLUMNS, "actual"]] = 100.0
    scores = score(still)
    json.dumps(verdict(scores), allow_nan=False)
    assert best_model(scores) == "naive"
    assert len(leaderboard(scores)) == 2


def test_a_proved_trifle_is_no_victory() -> None:
    table = forecasts({"naive": IDLE, "trifle": IDLE})
    trifle = table["model"] == "trifle"
    # Every forecast a hair nearer to what came: sure to be better, and of no use.
    columns = ["forecast", *QUANTILE_COLUMNS]
    nearer = table.loc[trifle, columns].mul(1 - 1e-4).add(1e-4 * table.loc[trifle, "actual"], axis=0)
    table.loc[trifle, columns] = nearer.to_numpy()
    scores = score(table)
    assert scores.at[("trifle", 1), "dm_p_crps"] < 0.001
    told = verdict(scores)
    assert told["recommended"] == "naive"
    # The Model Confidence Set alone sees it.
    assert told["sentence"].startswith(
        "Nothing is shown to beat naive one day ahead on 250 days: use its intervals"
    )
    assert told["sentence"].endswith("and of 0.1 % or more, so which one is better cannot be claimed.")
