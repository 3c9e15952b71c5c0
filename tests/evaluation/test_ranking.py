import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pricecast.evaluation.ranking import COLUMNS, ranking
from pricecast.schema import QUANTILE_COLUMNS
from pricecast.statistics.significance import block_error


def forecasts(
    days: int = 60,
    tickers: int = 23,
    seed: int = 0,
    models=("naive", "some", "tied"),
    horizons=(1, 5),
    gaps: float = 0.1,
) -> pd.DataFrame:
    """Tickers of different prices; `some` knows a little, `tied` says one of three things, a tenth is missing."""
    rng = np.random.default_rng(seed)
    cutoff, ticker = (grid.ravel() for grid in np.mgrid[0:days, 0:tickers])
    parts = []
    for horizon in horizons:
        actual, kept = rng.normal(0, 0.02, len(cutoff)), rng.uniform(size=len(cutoff)) >= gaps
        actual[rng.uniform(size=len(cutoff)) < 0.2] = 0.0  # prices stand still, and tie
        last = np.exp(rng.uniform(-2, 7, tickers))[ticker]
        opinion = 0.1 * actual + rng.normal(0, 0.02, len(cutoff))
        means = {"naive": 0 * opinion, "some": opinion, "tied": 0.003 * np.sign(np.round(30 * opinion))}
        for model in models:
            part = pd.DataFrame(
                {"ticker": [f"T{k}" for k in ticker], "cutoff": pd.bdate_range("2020-01-01", periods=days)[cutoff]}
            )
            part = part.assign(horizon=horizon, model=model, last_close=last, forecast=last * np.exp(means[model]))
            parts.append(part.assign(**dict.fromkeys(QUANTILE_COLUMNS, last), actual=last * np.exp(actual))[kept])
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=seed)


def share_of_places(values: list[float], places: range) -> list[float]:
    """By hand: equal values share the places (0 the lowest) that they take up, each in equal parts."""
    order = sorted(values)
    taken = {value: [k for k, other in enumerate(order) if other == value] for value in values}
    return [sum(k in places for k in taken[value]) / len(taken[value]) for value in values]


def plain(table: pd.DataFrame, model: str, horizon: int) -> tuple[float, ...]:
    """Every figure again, day by day with scipy."""
    rows = table[(table["model"] == model) & (table["horizon"] == horizon) & table["actual"].notna()]
    ics, ranks, spreads = [], [], []
    for _, day in rows.groupby("cutoff"):
        forecast = np.round(100 * np.log(day["forecast"] / day["last_close"]), 9).tolist()
        actual = np.round(100 * np.log(day["actual"] / day["last_close"]), 9).tolist()
        n, fifth = len(day), len(day) // 5
        if n < 10 or len(set(forecast)) == 1 or len(set(actual)) == 1:
            continue
        ics.append(stats.pearsonr(forecast, actual).statistic)
        ranks.append(stats.spearmanr(forecast, actual).statistic)
        top, bottom = share_of_places(forecast, range(n - fifth, n)), share_of_places(forecast, range(fifth))
        spreads.append(sum((t - b) * a for t, b, a in zip(top, bottom, actual, strict=True)) / fifth)
    if not ics:
        return (0, *[math.nan] * 7)
    errors = [block_error(np.array(series), horizon) for series in (ics, ranks, spreads)]
    icir = np.mean(ics) / np.std(ics, ddof=1) if len(ics) > 1 else math.nan
    pairs = zip((ics, ranks), errors, strict=False)
    means = [figure for series, error in pairs for figure in (np.mean(series), error)]
    return (len(ics), *means, icir, np.mean(spreads), errors[2])


@pytest.mark.parametrize(("seed", "tickers"), [(0, 23), (1, 10), (2, 11), (3, 40)])
def test_every_figure_equals_the_loop(seed, tickers):
    table = forecasts(seed=seed, tickers=tickers)
    found = ranking(table)
    assert list(found.columns) == list(COLUMNS)
    assert len(found) == 6
    for row in found.itertuples(index=False, name=None):
        assert row[2:] == pytest.approx(plain(table, *row[:2]), rel=1e-6, abs=1e-9, nan_ok=True), row[:2]


def test_models_stand_in_the_tables_order_and_naive_has_no_ranking():
    table = forecasts(models=("tied", "naive", "some")).sort_values(
        "model", key=lambda x: x.map({"tied": 0, "naive": 1, "some": 2})
    )
    found = ranking(table)
    pairs = list(zip(found["model"], found["horizon"], strict=True))
    assert pairs == [(model, horizon) for model in ("tied", "naive", "some") for horizon in (1, 5)]
    naive = found[found["model"] == "naive"]
    assert (naive["n_days"] == 0).all()
    assert naive[list(COLUMNS[3:])].isna().all(axis=None)


def test_one_forecast_for_all_tickers_is_no_ranking_whatever_the_rounding():
    table = forecasts(models=("naive",)).assign(model="drift", forecast=lambda t: t["last_close"] * np.exp(-0.0003))
    spoken = 100 * np.log(table["forecast"] / table["last_close"])
    assert spoken.nunique() > 1
    assert (ranking(table)["n_days"] == 0).all()


def test_a_perfect_ranking_and_its_reverse():
    table = forecasts(models=("some",), horizons=(1,), gaps=0.0)
    right = ranking(table.assign(forecast=table["actual"])).iloc[0]
    wrong = ranking(table.assign(forecast=table["last_close"] ** 2 / table["actual"])).iloc[0]
    assert right[["ic", "rank_ic"]].to_list() == pytest.approx([1, 1])
    assert wrong[["ic", "rank_ic"]].to_list() == pytest.approx([-1, -1])
    assert right["spread"] == pytest.approx(-wrong["spread"])
    assert right["spread"] > 3
    # Every day alike: no deviation to divide by.
    assert math.isnan(right["icir"])


def test_noise_has_no_skill_and_a_little_knowledge_is_seen():
    found = ranking(forecasts(days=500, tickers=50, horizons=(1,))).set_index("model").loc["some"]
    # The share 0.1 of the outcome in the opinion is a correlation of .1 / sqrt(1.01).
    assert abs(found["ic"] - 0.0995) < 4 * found["ic_error"]
    assert found["ic_error"] < 0.01
    noise = forecasts(days=500, tickers=50, horizons=(1,), models=("some",), seed=8)
    noise["forecast"] = noise["last_close"] * np.exp(np.random.default_rng(1).normal(0, 0.02, len(noise)))
    found = ranking(noise).iloc[0]
    for name in ("ic", "rank_ic", "spread"):
        assert abs(found[name]) < 3 * found[f"{name}_error"]


@pytest.mark.parametrize("tickers", [1, 9])
def test_few_tickers_have_no_row_but_the_columns(tickers):
    found = ranking(forecasts(tickers=tickers))
    assert found.empty
    assert list(found.columns) == list(COLUMNS)
    assert ranking(forecasts().assign(actual=np.nan)).empty


def test_days_with_too_few_tickers_and_unknown_futures_are_left_out():
    table = forecasts(gaps=0.0)
    late = table["cutoff"] > table["cutoff"].sort_values().iloc[len(table) // 2]
    few = table.assign(actual=table["actual"].where(~late | table["ticker"].isin(["T1", "T2"])))
    pd.testing.assert_frame_equal(ranking(few), ranking(table[~late]))


def test_one_day_and_a_market_that_stands_still():
    table = forecasts(days=1, gaps=0.0, models=("some",), horizons=(1,))
    found = ranking(table).iloc[0]
    assert found["n_days"] == 1
    assert np.isfinite(found[["ic", "rank_ic", "spread"]].to_numpy(float)).all()
    assert found[["ic_error", "rank_ic_error", "icir", "spread_error"]].isna().all()
    still = ranking(table.assign(actual=table["last_close"]))
    assert still["n_days"].to_list() == [0]


def test_the_input_stays_as_it_is():
    table = forecasts(days=5)
    before = table.copy()
    ranking(table)
    pd.testing.assert_frame_equal(table, before)
