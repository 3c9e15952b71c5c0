import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, uniform

from pricecast.errors import InputError
from pricecast.evaluation.pit import pit, pit_counts
from pricecast.evaluation.scored_rows import Slice
from pricecast.schema import QUANTILE_COLUMNS, QUANTILE_LEVELS
from pricecast.statistics.density import cdf
from tests.support.forecast_samples import sample_forecasts


def normal_forecasts(factor: float, n: int = 4000) -> pd.DataFrame:
    """Outcomes of 2 % a day, quantiles of `factor` times that."""
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"ticker": "A", "cutoff": pd.date_range("2000-01-03", periods=n), "horizon": 1})
    table = table.assign(model="some", last_close=50.0, forecast=50.0, actual=50 * np.exp(rng.normal(0, 0.02, n)))
    for level, column in zip(QUANTILE_LEVELS, QUANTILE_COLUMNS, strict=True):
        table[column] = 50 * np.exp(factor * 0.02 * norm.ppf(level))
    return table


def shares(table: pd.DataFrame) -> np.ndarray:
    return pit_counts(table)["share"].to_numpy()


def test_the_values_are_near_those_of_the_normal():
    table = normal_forecasts(1.0)
    exact = norm.cdf(np.log(table["actual"] / 50) / 0.02)
    assert pit(Slice.of(table)) == pytest.approx(exact, abs=0.015)


def test_counts_equal_a_plain_loop():
    forecasts = sample_forecasts(days=60, horizons=2).sample(frac=1, random_state=0)
    table = pit_counts(forecasts)
    known = forecasts[forecasts["actual"].notna()]
    assert list(table.columns) == ["model", "horizon", "bin", "share"]
    expected = [(m, h, b) for m in known["model"].unique() for h in (1, 2) for b in range(1, 11)]
    assert list(table[["model", "horizon", "bin"]].itertuples(index=False, name=None)) == expected
    for (model, horizon), own in table.groupby(["model", "horizon"]):
        counts, rows = [0] * 10, known[(known["model"] == model) & (known["horizon"] == horizon)]
        for row in rows.to_dict("records"):
            quantiles = [[100 * np.log(row[name] / row["last_close"]) for name in QUANTILE_COLUMNS]]
            value = cdf(np.array(quantiles), np.array([100 * np.log(row["actual"] / row["last_close"])]))[0]
            counts[min(int(10 * value), 9)] += 1
        assert own["share"].to_list() == pytest.approx([100 * count / len(rows) for count in counts])
        assert own["share"].sum() == pytest.approx(100)


def test_right_forecasts_are_flat_narrow_ones_heap_at_the_ends_and_wide_ones_in_the_middle():
    flat, narrow, wide = (shares(normal_forecasts(factor)) for factor in (1.0, 0.5, 2.0))
    # Three standard errors of a share, and what the shape between the quantiles misses.
    assert np.abs(flat - 10).max() < 3 * 100 * uniform.cdf(0.1) * np.sqrt(0.9 / 0.1 / 4000) + 1
    assert min(narrow[0], narrow[-1]) > 15
    assert max(wide[0], wide[-1]) < 5
    assert min(wide[4], wide[5]) > 12


def test_an_outcome_at_the_median_belongs_to_the_upper_half_whatever_the_rounding():
    prices = np.exp(np.random.default_rng(0).uniform(-3, 8, 500))
    table = normal_forecasts(1.0, 500)
    columns = ["last_close", "actual", "forecast", *QUANTILE_COLUMNS]
    table[columns] = table[columns].mul(prices / 50, axis=0)
    table["actual"] = table["q50"]
    assert shares(table).tolist() == [0, 0, 0, 0, 0, 100, 0, 0, 0, 0]


@pytest.mark.parametrize(("outcome", "place"), [(1e-9, 0), (50.0, 5), (1e9, 9)])
def test_one_row_and_coinciding_quantiles(outcome, place):
    row = normal_forecasts(1.0, 1).assign(**dict.fromkeys(QUANTILE_COLUMNS, 50.0), actual=outcome)
    assert shares(row)[place] == 100


def test_no_known_future_is_an_empty_table_and_a_broken_price_an_error():
    table = normal_forecasts(1.0, 5)
    assert pit_counts(table.assign(actual=np.nan)).empty
    assert list(pit_counts(table.assign(actual=np.nan)).columns) == ["model", "horizon", "bin", "share"]
    with pytest.raises(InputError, match="in q05"):
        pit_counts(table.assign(q05=-1.0))
