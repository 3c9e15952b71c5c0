"""The public calls: lazy, typed, and the same as what the layers below give."""

import doctest
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import pricecast
from pricecast import backtest, forecast, judge, read_bars
from pricecast.data import sources
from pricecast.data.sources import Request
from pricecast.errors import InputError
from pricecast.schema import PRICES, QUANTILE_COLUMNS
from tests.support.market_samples import market

ROOT = Path(__file__).resolve().parents[2]
PRICES_OF_TWO = market((("AAA", 640), ("BBB", 560)))
VALUES = ["forecast", *QUANTILE_COLUMNS, "actual"]


def python(code):
    return subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def past():
    return backtest(PRICES_OF_TWO, folds=2, horizon=2)


# --- the package ------------------------------------------------------------------------------------------


def test_importing_the_package_imports_nothing_else():
    code = (
        "import sys, time; import pricecast; "
        "print([name for name in ('torch', 'mlflow', 'pandas', 'numpy', 'click') if name in sys.modules])"
    )
    assert python(code).strip() == "[]"


@pytest.mark.parametrize("name", ["forecast", "backtest", "judge", "read_bars", "Forecaster"])
def test_no_call_needs_torch_or_mlflow(name):
    code = f"import sys; from pricecast import {name}; print({{'torch', 'mlflow', 'click'}} & sys.modules.keys())"
    assert python(code).strip() == "set()"


def test_the_public_names_are_those_that_type_checkers_see():
    stub = (ROOT / "pricecast" / "__init__.pyi").read_text(encoding="utf-8")
    homes = {name: module for module, name in re.findall(r"^from (\S+) import (\w+) as \2$", stub, flags=re.M)}
    assert homes == pricecast._HOMES
    assert re.search(r"^__all__ = (\[.*\])$", stub, flags=re.M)[1].replace('"', "'") == str(pricecast.__all__)
    assert (ROOT / "pricecast" / "py.typed").is_file()
    assert sorted(pricecast.__all__) == pricecast.__all__
    assert all(getattr(pricecast, name) for name in pricecast.__all__)
    assert {*pricecast.__all__} <= {*dir(pricecast)}


def test_no_module_would_overwrite_a_public_name():
    assert [name for name in pricecast.__all__ if (ROOT / "pricecast" / name).exists()] == []
    assert [name for name in pricecast.__all__ if (ROOT / "pricecast" / f"{name}.py").exists()] == []


def test_an_unknown_name_is_an_error_and_a_module_is_not():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = pricecast.nonsense
    assert python("from pricecast import schema; print(schema.NAIVE)").strip() == "naive"


@pytest.mark.slow
def test_type_checkers_know_the_calls(tmp_path):
    file = tmp_path / "use.py"
    file.write_text(
        "from pricecast import __version__, forecast\nforecast(1)\nreveal_type(forecast('x'))\n__version__ + 1\n"
    )
    command = [Path(sys.executable).parent / "mypy", "--cache-dir", tmp_path / "cache", file]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert 'use.py:2: error: Argument 1 to "forecast" has incompatible type "int"' in said
    assert "DataFrame" in said
    assert 'use.py:4: error: Unsupported operand types for + ("str" and "int")' in said


# --- read_bars --------------------------------------------------------------------------------------------

CLEAN = read_bars(PRICES_OF_TWO)
SHAPES = {
    "columns": lambda table: table,
    "categories": lambda table: table.astype({"ticker": "category"}),
    "shuffled": lambda table: table.sample(frac=1, random_state=0),
    "index": lambda table: table.set_index(["ticker", "date"]),
    "index of dates": lambda table: table.set_index("date"),
    "unnamed index of dates": lambda table: table.set_index("date").rename_axis(None),
    "capitals": lambda table: table.rename(columns=str.title).rename(columns={"Adj_Close": "Adj Close"}),
    "of Arrow": lambda table: table.convert_dtypes(dtype_backend="pyarrow"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_table_of_any_shape_is_the_same_bars(shape):
    before = SHAPES[shape](PRICES_OF_TWO)
    given = before.copy()
    pd.testing.assert_frame_equal(read_bars(given), CLEAN)
    pd.testing.assert_frame_equal(given, before)


def yfinance(table, order, zone=None):
    """The table that yfinance's download gives for several tickers."""
    names = {name: name.replace("_", " ").title() for name in PRICES[2:]}
    wide = table.rename(columns={**names, "date": "Date", "ticker": "Ticker"}).pivot(
        index="Date", columns="Ticker", values=list(names.values())
    )
    wide.columns.names = ["Price", "Ticker"]
    wide.index = wide.index.tz_localize(zone)
    return wide if order == "column" else wide.swaplevel(axis=1).sort_index(axis=1)


@pytest.mark.parametrize("order", ["column", "ticker"])
def test_the_tables_of_yfinance_are_taken_as_they_are(order):
    pd.testing.assert_frame_equal(read_bars(yfinance(PRICES_OF_TWO, order)), CLEAN)
    alone = PRICES_OF_TWO[PRICES_OF_TWO["ticker"] == "AAA"].reset_index(drop=True)
    pd.testing.assert_frame_equal(read_bars(yfinance(alone, order)), read_bars(alone))
    # A ticker's own history: local midnights, no ticker.
    history = yfinance(alone, "column", "America/New_York").droplevel("Ticker", axis=1)
    single = read_bars(history.assign(Dividends=0.0))
    assert single["ticker"].unique().tolist() == ["SERIES"]
    assert single["date"].tolist() == alone["date"].tolist()


def test_a_file_and_a_folder_are_read(tmp_path):
    for ticker, rows in PRICES_OF_TWO.groupby("ticker"):
        rows.drop(columns="ticker").to_csv(tmp_path / f"{ticker}.csv", index=False)
    pd.testing.assert_frame_equal(read_bars(tmp_path), CLEAN)
    assert read_bars(str(tmp_path / "BBB.csv"))["ticker"].unique().tolist() == ["BBB"]


def test_bars_that_are_none_are_refused_in_one_line(tmp_path):
    for wrong in (str(tmp_path / "none.csv"), PRICES_OF_TWO.drop(columns="close"), PRICES_OF_TWO.head(0)):
        with pytest.raises(InputError, match="expected") as caught:
            read_bars(wrong)
        assert "\n" not in str(caught.value)


def test_a_repair_is_logged(caplog):
    broken = PRICES_OF_TWO.copy()
    broken.loc[5, "volume"] = -1.0
    read_bars(broken)
    assert "bars repaired" in caplog.text


def test_a_request_has_defaults():
    assert Request().source == "sample"
    assert sources.load(Request(tickers=("AAPL",)))["ticker"].unique().tolist() == ["AAPL"]
    assert abs(Request().as_of - pd.Timestamp.now("UTC").tz_localize(None)) < pd.Timedelta(minutes=5)


# --- forecast ---------------------------------------------------------------------------------------------


def test_a_forecast_is_that_of_the_refitted_bundle():
    from pricecast.dataset.dataset import build
    from pricecast.forecasting.fitting import fit, refit

    table = forecast(PRICES_OF_TWO, horizon=3)
    assert list(table) == [
        "ticker", "cutoff", "horizon", "date", "model", "last_close", "forecast", "lower_50", "upper_50",
        "lower_80", "upper_80", "lower_90", "upper_90", "p_rise",
    ]  # fmt: skip
    assert table.groupby("ticker")["horizon"].agg(list).to_dict() == {"AAA": [1, 2, 3], "BBB": [1, 2, 3]}
    data = build(CLEAN, horizon=3)
    expected = refit(fit("har", {}, data), data).predict_bars(CLEAN)
    np.testing.assert_allclose(table["forecast"], expected["q50"])
    for level, low, high in ((50, "q25", "q75"), (80, "q10", "q90"), (90, "q05", "q95")):
        np.testing.assert_allclose(table[f"lower_{level}"], expected[low])
        np.testing.assert_allclose(table[f"upper_{level}"], expected[high])
    assert table["p_rise"].between(0, 1).all()


def test_levels_are_any_and_wider_ones_lie_outside():
    levels = (10, 50, 66.7, 80, 90, 95, 99.9)
    table = forecast(PRICES_OF_TWO, horizon=1, model="naive", levels=levels)
    ends = (
        [f"lower_{level:g}" for level in reversed(levels)] + ["forecast"] + [f"upper_{level:g}" for level in levels]
    )
    assert (np.diff(table[ends].to_numpy()) > 0).all()


def test_a_ticker_that_is_too_short_is_left_out_and_said(caplog):
    table = forecast(market((("AAA", 640), ("NEW", 60))), horizon=1)
    assert table["ticker"].tolist() == ["AAA"]
    assert "left out: NEW has 60 bars" in caplog.text


def test_a_ticker_whose_bars_are_enough_to_learn_from_is_forecast():
    # A saved forecaster would want more bars of a ticker: it cannot know that these are all there are.
    table = forecast(market((("AAA", 560), ("NEW", 420))), horizon=1)
    assert table["ticker"].tolist() == ["AAA", "NEW"]


def test_a_ticker_without_features_at_its_end_is_left_out_and_said(monkeypatch, caplog):
    from pricecast.api import forecasts

    def halted(prices, **spans):
        data = build(prices, **spans)
        last = (data.features["ticker"] == "BBB") & ~data.features["ticker"].duplicated(keep="last")
        return replace(data, features=data.features.assign(ret_1=data.features["ret_1"].mask(last)))

    build = forecasts.build
    monkeypatch.setattr(forecasts, "build", halted)
    table = forecast(PRICES_OF_TWO, horizon=1, model="naive")
    assert table["ticker"].tolist() == ["AAA"]
    assert "not forecast: BBB" in caplog.text


# --- backtest ---------------------------------------------------------------------------------------------


def test_a_backtest_is_that_of_the_layers_below_in_quoted_prices(past):
    from pricecast.dataset.dataset import build
    from pricecast.forecasting.walk_forward import walk_forward
    from pricecast.forecasting.walk_plan import newest_folds

    data = build(CLEAN, horizon=2)
    expected = walk_forward("har", {}, data, newest_folds(data, 2, 0.6))
    ours = past[past["model"] == "har"].reset_index(drop=True)
    pd.testing.assert_frame_equal(ours[["ticker", "cutoff", "horizon", "date", "fold"]],
                                  expected[["ticker", "cutoff", "horizon", "date", "fold"]])  # fmt: skip
    np.testing.assert_allclose(
        ours[VALUES].div(ours["last_close"], axis=0), expected[VALUES].div(expected["last_close"], axis=0)
    )
    quoted = CLEAN.set_index(["ticker", "date"])["close"]
    np.testing.assert_allclose(
        ours["last_close"], quoted.loc[list(zip(ours["ticker"], ours["cutoff"], strict=True))]
    )
    assert past["model"].unique().tolist() == ["naive", "har"]


def test_returns_are_the_same_forecasts(past):
    returns = backtest(PRICES_OF_TWO, folds=2, horizon=2, units="return")
    np.testing.assert_allclose(np.exp(returns[VALUES]).mul(returns["last_close"], axis=0), past[VALUES])


def test_more_folds_than_the_history_has_are_refused():
    with pytest.raises(InputError, match="take fewer folds"):
        backtest(PRICES_OF_TWO, folds=600)


# --- judge ------------------------------------------------------------------------------------------------


def test_a_backtest_is_judged_as_it_is(past):
    judged = judge(past)
    assert judged.leaderboard["model"].tolist() == ["naive", "har"]
    assert judged.verdict["recommended"] in ("naive", "har")
    trust = "\n".join(judged.verdict["trust"])
    assert trust
    assert str(judged).startswith(f"{trust}\n\n{judged.verdict['sentence']}\n\n|")
    assert "| naive" in repr(judged)


def test_prices_and_returns_are_judged_alike(past):
    returns = backtest(PRICES_OF_TWO, folds=2, horizon=2, units="return")
    scores = [judge(table, units=units).scores for table, units in ((past, "price"), (returns, "return"))]
    for column in ("crps", "winkler_90", "coverage_90", "dm_p_crps"):
        np.testing.assert_allclose(scores[0][column], scores[1][column], rtol=1e-6)


def test_what_a_table_lacks_comes_from_the_bars(past):
    whole = past[past["model"] == "har"].assign(model="mine")
    bare = whole.drop(columns=["last_close", "actual", "date", "fold", *QUANTILE_COLUMNS[1:-1]])
    filled, full = judge(bare, PRICES_OF_TWO), judge(whole, PRICES_OF_TWO)
    assert sorted(filled.leaderboard["model"]) == ["ewma", "mine", "naive"]
    for name in ("last_close", "actual", "q05", "q95", "forecast"):
        np.testing.assert_allclose(filled.forecasts[name], full.forecasts[name])
    # The inner quantiles are those of a normal with the same outer ones.
    np.testing.assert_allclose(filled.scores["winkler_90"], full.scores["winkler_90"])
    mine = filled.forecasts.query("model == 'mine'")
    inner, outer = (np.log(mine[name] / mine["q50"]) for name in ("q75", "q95"))
    np.testing.assert_allclose(inner, outer * 0.6744898 / 1.6448536)


def test_outcomes_have_the_units_of_the_tables_own_last_close(past):
    mine = past[past["model"] == "har"].assign(model="mine")
    expected = judge(mine.drop(columns="actual"), PRICES_OF_TWO).scores
    other = mine.assign(**mine[[*VALUES, "last_close"]] * 0.8)
    got = judge(other.drop(columns="actual"), PRICES_OF_TWO)
    for column in ("crps", "coverage_90", "winkler_90", "rmse"):
        np.testing.assert_allclose(got.scores[column], expected[column] * (0.8 if column == "rmse" else 1))
    rows = got.forecasts
    np.testing.assert_allclose(rows["actual"], rows["last_close"] * np.exp(_outcomes(rows)))


def _outcomes(rows):
    close = CLEAN.assign(adjusted=CLEAN["adj_close"].fillna(CLEAN["close"])).set_index(["ticker", "date"])[
        "adjusted"
    ]
    then, now = ([close[key] for key in zip(rows["ticker"], rows[day], strict=True)] for day in ("date", "cutoff"))
    return np.log(np.array(then) / np.array(now))


def test_outcomes_in_other_prices_than_the_quoted_ones_need_a_last_close(past):
    mine = past[past["model"] == "har"].assign(model="mine")
    other = mine.assign(**mine[[*VALUES, "last_close"]] * 0.8)
    with pytest.raises(InputError, match=r"got 0\.8 times that: add last_close"):
        judge(other.drop(columns="last_close"), PRICES_OF_TWO)
    np.testing.assert_allclose(
        judge(other, PRICES_OF_TWO).scores["crps"], judge(mine, PRICES_OF_TWO).scores["crps"]
    )
    assert len(judge(mine.drop(columns="last_close"), PRICES_OF_TWO).scores)


def test_the_naive_forecast_made_for_a_judgement_is_that_of_its_own_evaluation(past):
    from pricecast.dataset.dataset import build
    from pricecast.forecasting.fitting import fit

    mine = past[past["model"] == "har"].assign(model="mine")
    made = judge(mine, PRICES_OF_TWO).forecasts.query("model == 'naive'")
    dates = np.sort(CLEAN["date"].unique())
    first = int(np.searchsorted(dates, mine["cutoff"].min())) + 1
    spans = {"valid_start": dates[first - round(0.18 * first)], "test_start": dates[first]}
    data = build(CLEAN, horizon=2, max_lookback=1, **{key: pd.Timestamp(day) for key, day in spans.items()})
    panel, origins = data.panel(), data.origins("test")
    expected = fit("naive", {}, data).table(panel, origins, panel.quote[origins])
    both = made.merge(expected, on=["ticker", "cutoff", "horizon"])
    assert len(both) == len(made) > 100
    np.testing.assert_allclose(both["q05_x"], both["q05_y"])


def test_sigma_is_a_normal_distribution():
    rows = CLEAN[["ticker", "date"]].rename(columns={"date": "cutoff"}).assign(horizon=1, forecast=0.0, sigma=0.01)
    mine = rows[rows["cutoff"] > CLEAN["date"].quantile(0.7)]
    judged = judge(mine, PRICES_OF_TWO, units="return").forecasts.query("model == 'model'")
    np.testing.assert_allclose(np.log(judged["q95"]), 0.01 * 1.6448536)


def test_models_are_judged_on_the_rows_that_all_have(past, caplog):
    fewer = past[(past["model"] == "naive") | (past["cutoff"] > past["cutoff"].quantile(0.5))]
    judged = judge(fewer)
    assert judged.forecasts.groupby("model").size().nunique() == 1
    assert "that not every model has" in caplog.text


def test_a_ticker_that_is_too_young_for_naive_is_left_out_and_said(past, caplog):
    young = market((("AAA", 640), ("BBB", 560), ("NEW", 240)))
    mine = past[past["model"] == "har"].assign(model="mine")
    new = mine[mine["ticker"] == "AAA"].assign(ticker="NEW")
    known = new["cutoff"] > young.loc[young["ticker"] == "NEW", "date"].iloc[70]
    judged = judge(pd.concat([mine, new[known]]), young)
    assert set(judged.forecasts["ticker"]) == {"AAA", "BBB"}
    assert "left out: NEW has 240 bars" in caplog.text


NO_SPREAD = [name for name in QUANTILE_COLUMNS if name != "q50"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda table: table[table["model"] == "har"], "rows of the model naive .* give judge"),
        (lambda table: table.drop(columns="cutoff"), "missing: cutoff"),
        (lambda table: table.drop(columns="last_close"), "missing: last_close"),
        (lambda table: table.drop(columns="actual"), "missing: actual"),
        (lambda table: table.drop(columns=NO_SPREAD), "got points alone: add sigma"),
        (lambda table: table.drop(columns=["forecast", "q50"]), "a column forecast"),
        (lambda table: table.assign(q05=table["q95"]), "quantiles that rise with their level, got others in row 1"),
        (lambda table: table.assign(**table[VALUES] / 100), "near the last close, got a median log return of 4.61"),
        (lambda table: pd.concat([table, table]), "one forecast per ticker, cutoff, horizon and model"),
        (lambda table: table.assign(horizon=0), "horizons that count trading days"),
        (lambda table: table.assign(actual=np.nan), "whose actual is known, got none"),
    ],
)  # fmt: skip
def test_a_table_that_makes_no_sense_is_refused(past, change, says):
    with pytest.raises(InputError, match=says) as caught:
        judge(change(past))
    assert "\n" not in str(caught.value)


def test_cutoffs_outside_of_the_bars_are_refused(past):
    mine = past[past["model"] == "har"]
    with pytest.raises(InputError, match="bars before and after the first cutoff"):
        judge(mine.assign(cutoff=mine["cutoff"] - pd.Timedelta(days=5000)), PRICES_OF_TWO)
    with pytest.raises(InputError, match="cutoffs that are dates of the bars, got"):
        judge(
            mine.assign(cutoff=mine["cutoff"].where(mine.index > mine.index[9], pd.Timestamp("2024-06-30"))),
            PRICES_OF_TWO,
        )


# --- the page ---------------------------------------------------------------------------------------------


def test_the_example_of_the_readme_runs(tmp_path, monkeypatch):
    PRICES_OF_TWO.to_csv(tmp_path / "prices.csv", index=False)
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## In Python\n")[2]
    code = re.search(r"```python\n(.*?)```", text, flags=re.DOTALL)[1]
    names = {}
    exec(code, names)  # noqa: S102
    assert {"forecast", "backtest", "judge"} <= names.keys()


def test_the_examples_of_the_page_print_what_stands_below_them(tmp_path, monkeypatch):
    sources.load(Request(tickers=("AAPL",))).to_csv(tmp_path / "AAPL.csv", index=False)
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```pycon\n(.*?)```", text, flags=re.DOTALL)
    example = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "api.md", "api.md", 0)
    with pd.option_context("display.width", 200):
        outcome = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example)
    assert outcome.attempted > 15
    assert outcome.failed == 0


def test_a_series_of_closes_is_taken():
    days = pd.bdate_range("2024-01-01", periods=3)
    closes = pd.Series([10.0, 10.5, 10.2], index=days, name="Close")
    assert set(read_bars(closes)["ticker"]) == {"SERIES"}
    assert set(read_bars(closes.rename("AAPL"))["ticker"]) == {"AAPL"}
    with pytest.raises(InputError, match="expected bars as a DataFrame or Series of pandas"):
        read_bars({"Close": [1.0]})
