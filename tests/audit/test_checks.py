from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pricecast import models
from pricecast.audit import checks, protocol
from pricecast.audit.perturb import GARBAGE, VALID_GARBAGE, cuts, replace_rows
from pricecast.audit.violations import compare_tables
from pricecast.data.adjust import adjust
from pricecast.errors import InputError
from tests.reliability import leaks, leaky_steps
from tests.reliability.leaks import HONEST, LEAKS, LOOKALIKES, caught, odd_market, table_of
from tests.reliability.leaky_steps import BUILD, MISTAKES, dataset
from tests.support.market_samples import market
from tests.support.stress import Count

BARS = adjust(odd_market(0))
PAIR = adjust(market((("AAA", 160), ("BBB", 120)), seed=1))
ONE = adjust(market((("AAA", 120),), seed=1))
CLEAN_CUTS = cuts(ONE)


def watch(column, bars=ONE):
    """Violations that the guard finds in one column of one ticker."""
    return checks.features(lambda x: pd.DataFrame({"it": column(x)}), bars)


# --- planted leaks -----------------------------------------------------------------------------------------


def test_there_are_fourteen_leaks_and_at_least_ten_lookalikes():
    assert len(LEAKS) == 14
    assert len(LOOKALIKES) >= 10


def test_the_docs_name_every_leak_and_every_mistake():
    text = " ".join((Path(__file__).parents[2] / "docs" / "leak-guard.md").read_text(encoding="utf-8").split())
    assert [name for name in LEAKS if f"| `{name}` |" not in text] == []
    assert [name for name in MISTAKES if name not in text] == []


@pytest.mark.parametrize("name", LEAKS)
def test_a_planted_leak_is_caught_and_nothing_beside_it(name):
    assert caught(LEAKS[name], PAIR)


@pytest.mark.parametrize("name", HONEST)
def test_honest_columns_are_not_flagged(name):
    assert checks.features(HONEST[name], BARS, n=5) == []


@pytest.mark.parametrize("name", ["bfill", "interpolate"])
def test_without_gaps_at_the_cut_a_fill_from_behind_slips_through(name):
    compute = table_of({name: LEAKS[name]})
    assert checks.prefix(compute, ONE, CLEAN_CUTS) == []
    assert checks.future(compute, ONE, CLEAN_CUTS, VALID_GARBAGE) == []
    # Of the first two rows, nothing is known before the gap.
    for cut in CLEAN_CUTS[2:]:
        assert {violation.column for violation in checks.boundary(compute, ONE, [cut])} == {name}


@pytest.mark.parametrize("name", sorted(LEAKS.keys() - {"bfill", "interpolate"}))
def test_the_other_leaks_show_on_whole_bars_too(name):
    compute = table_of({name: LEAKS[name]})
    assert checks.prefix(compute, ONE, CLEAN_CUTS) or checks.future(compute, ONE, CLEAN_CUTS, VALID_GARBAGE)


def test_an_extreme_in_the_past_hides_a_full_sample_scale_until_the_future_is_replaced():
    def compute(x):
        return pd.DataFrame({"it": x["close"] / x["close"].max()})

    peaked = ONE.assign(close=ONE["close"].where(ONE.index > 0, 1000.0))
    assert checks.prefix(compute, peaked, cuts(peaked)) == []
    assert checks.future(compute, peaked, cuts(peaked), VALID_GARBAGE)


@pytest.mark.parametrize("limit", [1, 2])
def test_a_fill_of_one_value_is_caught_as_well(limit):
    assert watch(lambda x: x["close"].bfill(limit=limit))
    assert watch(lambda x: x["volume"].interpolate(limit=limit, limit_area="inside"))


@pytest.mark.slow
def test_fourteen_of_fourteen_leaks_in_ten_markets_and_no_false_alarm():
    assert leaks.ours(10) == Count(140)
    alarms = leaks.alarms(10)
    assert alarms.tried > 5000
    assert alarms.bad == []


# --- mistakes behind the features --------------------------------------------------------------------------


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_caught_by_the_check_that_it_is_for(name):
    check, plant = MISTAKES[name]
    assert check in {violation.check for violation in plant(0)}


@pytest.mark.slow
def test_every_mistake_is_caught_in_five_markets_and_no_honest_step_flagged():
    assert leaky_steps.ours(5) == Count(5 * len(MISTAKES))
    alarms = leaky_steps.alarms(5)
    assert alarms.tried == 2 * (5 * 4 + 3 * len(models.names()))
    assert alarms.bad == []


def test_a_label_past_the_tickers_last_row_is_flagged():
    table = dataset(0).features
    split = table["split"].where(table["ticker"] != "AAA", "train")
    found = protocol.spans(table.assign(split=split), BUILD["horizon"])
    assert any("past the ticker's last row" in violation.how for violation in found)


def test_a_cutoff_that_is_no_close_of_its_ticker_and_an_outcome_that_is_none_are_flagged():
    closes = ONE[["date", "ticker", "close"]]
    last, day = closes.iloc[-1], pd.Timedelta(days=1)
    table = pd.DataFrame({
        "ticker": ["AAA", "BBB", "AAA"], "cutoff": last["date"] + np.array([9, 0, 0]) * day,
        "horizon": 1, "date": last["date"] + 10 * day, "last_close": last["close"],
        "actual": [np.nan, np.nan, 1.0],
    })  # fmt: skip
    found = {violation.how for violation in protocol.scoring(table, closes)}
    assert "its cutoff is no row of its ticker, 2 rows" in found
    assert "actual is there though that row is not, 1 rows" in found


def test_parity_says_when_no_cutoff_has_bars_enough():
    data, prices = dataset(0), market((("AAA", 420), ("BBB", 360)))
    table = pd.DataFrame({"ticker": "AAA", "cutoff": prices["date"].iloc[400:410], "horizon": 1})
    found = protocol.parity(lambda bars: bars, prices, table, lambda bars: bars[:0])
    assert [(violation.check, violation.how) for violation in found] == [
        ("computes", "no cutoff has the bars that a forecast needs")
    ]
    assert data.spec.warmup > 400


def test_a_fit_or_a_live_forecast_that_fails_is_reported():
    def refuse(bars):
        if refuse.willing:
            refuse.willing = False
            return "state"
        raise ValueError("no")

    prices = market((("AAA", 120),))
    refuse.willing = True
    found = protocol.fits(refuse, prices, prices["date"].iloc[100])
    assert [violation.check for violation in found] == ["computes"] * 3
    table = pd.DataFrame({"ticker": "AAA", "cutoff": prices["date"].iloc[100:101], "horizon": 1})
    found = protocol.parity(refuse, prices, table, lambda bars: bars.tail(50))
    assert [violation.check for violation in found] == ["computes"]
    assert "ValueError: no" in str(found[0])


# --- the guard's own ways ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_cuts_are_dates_with_something_behind_them(seed):
    dates = cuts(BARS, seed=seed)
    assert dates == sorted(set(dates))
    assert 8 < len(dates) <= 16
    assert max(dates) < BARS["date"].max()


def test_cuts_fall_on_the_largest_move_and_where_a_ticker_starts_or_ends():
    dates = cuts(BARS, n=100)
    for _, own in BARS.groupby("ticker"):
        ends = {own["date"].iloc[0], own["date"].iloc[1], own["date"].iloc[-2], own["date"].iloc[-1]}
        assert ends - {BARS["date"].max()} <= set(dates)
    crash = ONE.copy()
    crash.loc[77:, ["open", "high", "low", "close"]] /= 100
    alone = {seed: cuts(crash, n=5, seed=seed) for seed in range(10)}
    assert all(crash["date"].iloc[76] in found for found in alone.values())


def test_two_rows_are_enough_for_a_cut_and_one_is_not():
    assert cuts(ONE.iloc[:2]) == [ONE["date"].iloc[0]]
    assert cuts(ONE.iloc[:1]) == []


@pytest.mark.parametrize("how", GARBAGE)
def test_only_the_chosen_rows_are_replaced(how):
    rows = np.arange(len(ONE)) % 3 == 0
    changed = replace_rows(ONE, rows, how)
    pd.testing.assert_frame_equal(changed[~rows], ONE[~rows])
    assert (changed.loc[rows, "close"] != ONE.loc[rows, "close"]).mean() > 0.9
    pd.testing.assert_frame_equal(changed[["date", "ticker"]], ONE[["date", "ticker"]])


@pytest.mark.parametrize(
    ("before", "after", "size"),
    [(1.0, np.nextafter(1.0, 2), 1e-16), (0.0, -0.0, 0.0), (np.nan, 1.0, np.inf), (1.0, np.nan, np.inf), (4, 2, 1)],
)
def test_one_bit_a_sign_of_zero_and_a_hole_count_as_a_move(before, after, size):
    a, b = (pd.DataFrame({"it": [2.0, value, np.nan]}) for value in (before, after))
    (found,) = compare_tables("prefix", b, a, ONE.iloc[:3], "changed")
    assert found.column == "it"
    assert found.date == str(ONE["date"].iloc[1].date())
    assert found.size == pytest.approx(size if size != 1 else 0.5, abs=1e-15)
    assert compare_tables("prefix", a, a.copy(), ONE.iloc[:3], "changed") == []


def test_rounding_is_let_through_only_where_it_is_allowed():
    a, b = pd.DataFrame({"it": [2.0, 1e-12]}), pd.DataFrame({"it": [2.0, 2e-12]})
    assert compare_tables("adjustment", b, a, ONE.iloc[:2], "changed", tolerance=1e-9) == []
    assert compare_tables("adjustment", b + 1e-6, a, ONE.iloc[:2], "changed", tolerance=1e-9)


@pytest.mark.parametrize("kind", ["text", "category", "interval", "boolean", "date"])
def test_columns_that_are_no_numbers_are_watched_too(kind):
    columns = {
        "text": lambda up: up.map({True: "up", False: "down"}),
        "category": lambda up: up.map({True: "up", False: "down"}).astype("category"),
        "interval": lambda up: pd.cut(up.astype(int), [-1, 0, 1]),
        "boolean": lambda up: up,
        "date": lambda up: pd.Timestamp("2024-01-01") + pd.to_timedelta(up.astype(int), unit="D"),
    }
    assert watch(lambda x: columns[kind](x["close"].diff() > 0)) == []
    assert watch(lambda x: columns[kind](x["close"].diff(-1) > 0))


def test_a_column_that_only_some_bars_have_is_flagged():
    found = checks.features(lambda x: pd.get_dummies(x["date"].dt.year), BARS)
    assert any("comes or goes" in violation.how for violation in found)


def test_a_function_that_fails_on_changed_bars_is_reported_not_raised():
    def fussy(x):
        if x["close"].isna().any():
            raise ValueError("no gaps, please")
        return x[["close"]]

    found = checks.features(fussy, ONE)
    assert {violation.check for violation in found} == {"computes"}
    assert "ValueError: no gaps, please" in str(found[0])


def test_a_function_that_drops_broken_rows_is_reported_not_raised():
    assert {violation.check for violation in checks.features(lambda x: x.dropna()[["close"]], ONE)} == {"computes"}


def test_a_function_that_drops_rows_of_sound_bars_is_refused_in_one_line():
    with pytest.raises(InputError, match="a table with the 120 rows of the bars, got 119: keep every row"):
        checks.features(lambda x: x[["close"]].pct_change().dropna(), ONE)


def test_warnings_on_garbage_are_no_finding():
    assert watch(lambda x: x["close"] ** 60 / x["close"].shift(1).to_numpy() ** 60) == []


def test_a_function_may_change_the_table_that_it_is_given():
    before = ONE.copy(deep=True)

    def careless(x):
        x["close"] = np.log(x["close"])
        return x[["close"]]

    assert checks.features(careless, ONE) == []
    pd.testing.assert_frame_equal(ONE, before)


def test_rows_keep_their_places_whatever_index_the_table_comes_with():
    assert checks.features(lambda x: x.set_index("date")[["close"]], BARS) == []


def test_whole_numbers_are_watched_as_they_are():
    whole = ONE.assign(volume=ONE["volume"].astype("int64"))
    assert checks.features(lambda x: x[["volume"]], whole) == []
    assert checks.features(lambda x: x[["volume"]].shift(-1), whole)


def test_a_window_over_two_tickers_is_flagged():
    assert "isolation" in {violation.check for violation in watch(lambda x: x["close"].rolling(5).mean(), BARS)}


def test_a_mean_over_all_tickers_of_the_day_knows_no_future_but_other_tickers():
    found = watch(lambda x: x.groupby("date")["close"].transform("mean"), BARS)
    assert {violation.check for violation in found} == {"isolation"}


def test_one_ticker_has_nobody_to_be_isolated_from():
    assert checks.isolation(lambda x: x[["close"]], ONE, GARBAGE) == []


def test_a_violation_says_what_where_and_by_how_much():
    cut = ONE["date"].iloc[50].date()
    (gone,) = checks.prefix(lambda x: x[["close"]].shift(-1), ONE, [ONE["date"].iloc[50]])
    assert str(gone) == f"prefix: close of AAA on {cut} (known until {cut}): later rows dropped, 1 rows move"
    (step,) = compare_tables(
        "prefix", pd.DataFrame({"it": [4.0, 3.0]}), pd.DataFrame({"it": [4.0, 4.0]}), ONE[:2], "changed"
    )
    assert str(step).endswith(": changed, 1 rows move, by up to 0.25 of its largest value")
