import numpy as np
import pandas as pd
import pytest
from arch.bootstrap import CircularBlockBootstrap

from pricecast.errors import InputError
from pricecast.evaluation.coverage import GROUPINGS, REGIME_NAMES, coverage
from pricecast.schema import INTERVALS
from pricecast.statistics.significance import block_error
from tests.support.forecast_samples import sample_forecasts


def scales(forecasts, seed=0):
    table = forecasts[["ticker", "cutoff"]].drop_duplicates().rename(columns={"cutoff": "date"})
    return table.assign(scale=np.random.default_rng(seed).uniform(0.01, 0.03, len(table)))


FORECASTS = sample_forecasts(days=300, horizons=2)
FEATURES = scales(FORECASTS)


def regime_of(row):
    known = FORECASTS[FORECASTS["actual"].notna() & (FORECASTS["ticker"] == row["ticker"])]
    own = FEATURES[(FEATURES["ticker"] == row["ticker"]) & FEATURES["date"].isin(known["cutoff"])]
    mine = own.loc[own["date"] == row["cutoff"], "scale"].iloc[0]
    return REGIME_NAMES[int(3 * (own["scale"] < mine).sum() / len(own))]


def test_every_share_equals_a_plain_count():
    table = coverage(FORECASTS, FEATURES)
    known = FORECASTS[FORECASTS["actual"].notna() & (FORECASTS["model"] == "lstm") & (FORECASTS["horizon"] == 2)]
    known = known.assign(regime=known.apply(regime_of, axis=1), year=known["cutoff"].dt.year.astype(str), all="all")
    found = table[(table["model"] == "lstm") & (table["horizon"] == 2)]
    assert list(found["by"].unique()) == list(GROUPINGS)
    assert list(found.loc[found["by"] == "regime", "group"]) == list(REGIME_NAMES)
    for row in found.to_dict("records"):
        part = known[known[row["by"]] == row["group"]]
        assert (row["n_rows"], row["n_days"]) == (len(part), part["cutoff"].nunique())
        for percent, low, high in INTERVALS:
            hits = sum(a <= x <= b for a, x, b in zip(part[low], part["actual"], part[high], strict=True))
            assert row[f"coverage_{percent}"] == pytest.approx(100 * hits / len(part), rel=1e-12)


def test_models_horizons_years_and_tickers_are_all_there():
    table = coverage(FORECASTS, FEATURES)
    assert set(table["model"]) == set(FORECASTS["model"])
    assert set(table["horizon"]) == {1, 2}
    assert set(table.loc[table["by"] == "ticker", "group"]) == {"AAPL", "MSFT"}
    years = FORECASTS.loc[FORECASTS["actual"].notna(), "cutoff"].dt.year.astype(str)
    assert set(table.loc[table["by"] == "year", "group"]) == set(years)
    sizes = table[table["by"] == "regime"].groupby(["model", "horizon"])["n_rows"]
    assert (sizes.max() - sizes.min() <= 2 * 2).all()  # two tickers, each divided by three


def test_a_cutoff_without_a_scale_is_an_input_error():
    with pytest.raises(InputError, match="expected a scale for every cutoff"):
        coverage(FORECASTS, FEATURES.iloc[5:])


def test_the_inputs_stay_as_they_are():
    before = FORECASTS.copy(), FEATURES.copy()
    coverage(FORECASTS, FEATURES)
    pd.testing.assert_frame_equal(FORECASTS, before[0])
    pd.testing.assert_frame_equal(FEATURES, before[1])


@pytest.mark.parametrize("n", [60, 401])
def test_the_block_error_is_that_of_archs_bootstrap(n):
    rng = np.random.default_rng(n)
    series = np.convolve(rng.normal(0, 1, n + 9), np.ones(10) / 3, mode="valid")
    length = int(np.ceil(2 * n ** (1 / 3)))
    drawn = CircularBlockBootstrap(length, series, seed=1).apply(np.mean, 4000)
    assert block_error(series) == pytest.approx(drawn.std(), rel=0.06)
    # Days that hang together say less than as many independent ones.
    assert block_error(series) > 1.5 * series.std() / np.sqrt(n)


def test_the_block_error_equals_all_circular_blocks_by_hand():
    series = np.random.default_rng(3).normal(0, 1, 17)
    length = int(np.ceil(2 * 17 ** (1 / 3)))
    means = [np.mean([series[(i + j) % 17] for j in range(length)]) for i in range(17)]
    assert block_error(series) == pytest.approx(np.sqrt(np.var(means) * length / 17), rel=1e-12)


def test_too_few_days_have_no_error():
    assert np.isnan(block_error(np.array([1.0])))
    assert block_error(np.ones(9)) == 0
