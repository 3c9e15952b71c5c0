"""The audit of somebody's own data, features and models: honest ones pass, and each planted leak is named."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pytest

from pricecast import models
from pricecast.audit import audit, check_data, check_model, results
from pricecast.audit.results import FAILED, NO_MATTER, NOT_TRIED, PASSED, RULES, Check
from pricecast.audit.subjects import Subject
from pricecast.audit.violations import Violation
from pricecast.dataset import features, splits, subsets
from pricecast.dataset.dataset import Dataset, build
from pricecast.dataset.panel import targets
from pricecast.dataset.scalers import Scalers
from pricecast.errors import InputError
from pricecast.evaluation import evaluate
from pricecast.forecasting import fitting
from pricecast.forecasting.settings import Settings
from pricecast.models import Forecast, drift, naive
from pricecast.report.audit_page import render, summary
from tests.reliability.leaky_steps import Batch, Peek
from tests.support.market_samples import SMALL, market

BUILD = {"horizon": 3, "max_lookback": 20}
BARS = {"AAA": 800, "BBB": 700}
TWO = tuple(BARS.items())
RETURN = features.RETURN_FEATURES


@pytest.fixture(autouse=True)
def _few_cuts(monkeypatch):
    monkeypatch.setattr(audit, "CUTS", 2)
    monkeypatch.setattr(audit, "MODEL_CUTS", 1)


@cache
def dataset(target="return", bars=TWO, seed=0):
    return build(market(dict(bars), seed=seed), target=target, **BUILD)


@cache
def kept(name="naive", target="return", per_ticker=False):
    params = models.settle(name, {}, SMALL)
    return fitting.fit(name, params, dataset(target), settings=Settings(per_ticker=per_ticker))


@cache
def forecasts_of(name="naive"):
    return evaluate.forecast_test_span(name, kept(name), dataset())


def of(checks, result):
    """Name and subject of the checks with a result."""
    return {(check.name, check.about) for check in checks if check.result == result}


def model_checks(made, data=None, label="it"):
    """Checks that the audit makes of a saved forecaster."""
    data = data or dataset()
    return list(check_model.model_checks(Subject.of(label, made), data, data, 1))


def with_features(monkeypatch, **columns):
    """The recipe with some columns replaced, and a dataset of it."""
    monkeypatch.setattr(features, "FEATURES", {**features.FEATURES, "return": {**RETURN, **columns}})
    return build(market(BARS), **BUILD)


# --- honest -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["return", "price"])
def test_honest_data_and_models_pass(target):
    subjects = [Subject.of("kept", kept("drift", target)), Subject("naive", "naive", {})]
    found = audit.full(dataset(target), subjects)
    assert of(found.checks, FAILED) == set()
    assert {check.name for check in found.checks} == RULES.keys() - {results.MODEL}
    assert of(found.checks, NOT_TRIED) == ({(results.ADJUSTMENT, "data")} if target == "price" else set())
    assert found.outcome() == ("passed" if target == "return" else "incomplete")
    assert found.outcome("kept") == found.outcome("naive") == found.outcome()


@pytest.mark.parametrize("name", ["har", "mlp", pytest.param("sarima", marks=pytest.mark.slow)])
def test_models_that_look_across_that_need_all_history_and_that_stop_early_pass(name):
    found = model_checks(kept(name))
    assert of(found, FAILED) == of(found, NOT_TRIED) == set()
    assert of(found, NO_MATTER) == ({(results.ISOLATION, "it")} if kept(name).about.across else set())


def test_a_model_for_each_ticker_passes():
    assert {check.result for check in model_checks(kept("drift", per_ticker=True))} == {PASSED}


def test_the_quick_audit_passes_with_the_forecasts_that_were_judged_and_without():
    made = {"naive": kept()}
    for forecasts in (forecasts_of(), None):
        found = audit.quick(dataset(), made, forecasts)
        assert found.outcome() == PASSED
        assert {check.name for check in found.checks} == {
            results.STORED, results.PURGE, results.WINDOWS, results.SCALERS, results.PREFIX, results.FUTURE,
            results.LAG, results.START,
        }  # fmt: skip


def test_one_ticker_is_held_beside_a_made_up_one():
    one = dataset(bars=(("AAA", 800),))
    found = audit.full(one, [Subject.of("naive", fitting.fit("naive", {}, one))])
    (beside,) = [check for check in found.checks if (check.name, check.about) == (results.ISOLATION, "data")]
    assert (beside.result, "a made-up ticker" in beside.tried) == (PASSED, True)
    assert of(found.checks, NO_MATTER) == {(results.ISOLATION, "naive")}
    assert found.outcome() == PASSED


def test_large_data_are_audited_on_a_sample_and_the_facts_say_so(monkeypatch):
    monkeypatch.setattr(subsets, "length", lambda spec: 650)
    monkeypatch.setattr(audit, "TICKERS", 1)
    monkeypatch.setattr(check_model, "MOST_ROWS", 1000)
    found = audit.full(dataset(), [Subject.of("naive", kept()), Subject("drift", "drift", {})])
    assert found.facts["Sample"].startswith("650 bars of AAA from ")
    assert found.facts["Bars"].startswith("1,500 up to ")
    assert "2 epochs, 20 trees" in found.facts["Fits"]
    assert of(found.checks, NOT_TRIED) == {(results.AS_TRAINED, "naive")}
    assert of(found.checks, FAILED) == set()


def test_a_sample_has_spans_of_its_own_and_the_whole_keeps_its_own():
    whole = subsets.part(dataset(), ["AAA", "BBB"], 10_000)
    assert whole is dataset()
    part = subsets.part(dataset(), ["BBB"], 600)
    assert (part.spec.tickers, len(part.bars)) == (("BBB",), 600)
    assert all(len(part.origins(split)) > 50 for split in ("train", "valid", "test"))
    assert subsets.fullest(dataset(), 1, 750) == ["AAA"]


def test_bars_become_prices_again():
    prices = market(BARS)
    late = prices["date"] >= prices["date"].iloc[300]
    adjusted = build(prices.assign(adj_close=prices["close"].where(late, prices["close"] / 2)), **BUILD).bars
    again = subsets.quoted(adjusted)
    np.testing.assert_allclose(again[["open", "close", "volume"]], prices[["open", "close", "volume"]], rtol=1e-12)
    pd.testing.assert_frame_equal(
        features.compute(subsets.prices(adjusted)), features.compute(adjusted), check_exact=True
    )


# --- leaks in the data --------------------------------------------------------------------------------------


def test_a_features_table_from_elsewhere_is_named():
    table = dataset().features
    shifted = table.groupby("ticker")["ret_1"].shift(-1).fillna(table["ret_1"])
    bad = replace(dataset(), features=table.assign(ret_1=shifted))
    found = audit.quick(bad, {})
    assert of(found.checks, FAILED) == {(results.STORED, "data"), (results.SCALERS, "data")}
    (stored,) = [check for check in found.checks if check.name == results.STORED]
    assert stored.count == 1
    assert stored.violations[0].startswith("stored: ret_1 of AAA on ")
    assert "stored features of data (1)" in audit.failure_message(found)


def without_gap(data, days=1):
    """Spans whose gap is some days too short."""
    bounds = splits.Bounds(*(pd.Timestamp(day) for day in (data.spec.valid_start, data.spec.test_start)))
    return splits.assign(data.features, bounds, BUILD["horizon"] - days, data.usable)


@pytest.mark.parametrize("days", [1, 3])
def test_a_purge_gap_that_is_too_short_is_named(days, monkeypatch):
    bad = replace(dataset(), features=dataset().features.assign(split=without_gap(dataset(), days)))
    assert (results.PURGE, "data") in of(check_data.table_checks(bad), FAILED)
    # Where the code itself leaves the gap out, table and dates agree, and the labels still overlap.
    assign = splits.assign
    monkeypatch.setattr(splits, "assign", lambda table, bounds, horizon, usable: assign(
        table, bounds, horizon - days, usable))  # fmt: skip
    assert of(check_data.table_checks(build(market(BARS), **BUILD)), FAILED) == {(results.PURGE, "data")}


def test_windows_across_tickers_are_named():
    split = dataset().features["split"].where(np.arange(len(dataset().features)) != 805, "train")
    bad = replace(dataset(), features=dataset().features.assign(split=split))
    assert (results.WINDOWS, "data") in of(check_data.table_checks(bad), FAILED)


def test_scalers_that_know_the_test_span_are_named():
    every = np.flatnonzero(dataset().features["split"] != "")[:-10]
    every = every[dataset().panel().ahead[every] >= BUILD["horizon"]]
    X = dataset().features[list(dataset().spec.features)].to_numpy()[every]
    y = targets(dataset().features, every, BUILD["horizon"], "return")
    bad = replace(dataset(), scalers=Scalers.fit("standard", X, y))
    assert of(check_data.table_checks(bad), FAILED) == {(results.SCALERS, "data")}


LEAKS = {
    "tomorrow's return": (RETURN["ret_1"].shift(-1).fill_null(0.0), {results.PREFIX, results.FUTURE}),
    "the mean of all days": (pl.col("close") / pl.col("close").mean(), {results.PREFIX, results.FUTURE}),
    "filled from behind": (pl.col("close").fill_nan(None).backward_fill().log().diff(), {results.HOLES}),
    "a price level": (pl.col("close"), {results.ADJUSTMENT}),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_in_the_users_features_is_named(name, monkeypatch):
    expression, expected = LEAKS[name]
    found = audit.full(with_features(monkeypatch, ret_2=expression), [])
    assert expected <= {check for check, _ in of(found.checks, FAILED)}
    for check in found.checks:
        if check.name in expected:
            assert "ret_2" in check.violations[0]
    assert found.outcome() == FAILED


def test_a_feature_of_the_other_tickers_is_named(monkeypatch):
    compute = features.compute

    def together(bars, target="return"):
        day = bars.groupby("date")["close"].transform("mean")
        return compute(bars, target).assign(ret_2=lambda table: table["ret_2"] * day)

    monkeypatch.setattr(features, "compute", together)
    found = audit.full(build(market(BARS), **BUILD), [])
    assert (results.ISOLATION, "data") in of(found.checks, FAILED)
    assert of(found.checks, FAILED) <= {(results.ISOLATION, "data"), (results.ADJUSTMENT, "data")}


@pytest.mark.parametrize(
    "columns",
    [
        {"actual": lambda x: x["last_close"]},
        {"date": lambda x: x["cutoff"]},
        {"horizon": lambda x: x["horizon"] + 1},
        {"last_close": lambda x: x["actual"]},
    ],
)
def test_forecasts_that_were_scored_too_early_are_named(columns):
    found = audit.quick(dataset(), {}, forecasts_of().assign(**columns))
    assert of(found.checks, FAILED) == {(results.LAG, "data")}


def test_of_very_many_forecasts_some_tickers_are_looked_up(monkeypatch):
    monkeypatch.setattr(audit, "MOST_FORECASTS", 100)
    monkeypatch.setattr(audit, "QUICK_TICKERS", 1)
    (check,) = [check for check in audit.quick(dataset(), {}, forecasts_of()).checks if check.name == results.LAG]
    own = (forecasts_of()["ticker"] == "AAA").sum()
    assert (check.result, check.tried) == (
        PASSED, f"{own:,} of the {len(forecasts_of()):,} forecasts that were judged",
    )  # fmt: skip


# --- leaks in models ----------------------------------------------------------------------------------------


class Neighbour(naive.Model):
    """Takes the row above for yesterday's, even if it is another ticker's."""

    def predict(self, panel, origins):
        return Forecast(center=0.1 * panel.unit(origins) * np.nan_to_num(panel.X[origins - 800, :1]))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Peek, {results.PREFIX, results.FUTURE, results.START}),
        (Batch, {results.PREFIX, results.FUTURE, results.START}),
        (Neighbour, {results.ISOLATION}),
    ],
)
def test_a_kept_model_that_looks_where_it_must_not_is_named(model, expected):
    found = model_checks(replace(kept(), model=model()))
    assert expected <= {check for check, _ in of(found, FAILED)}


def test_a_kept_model_that_peeks_is_named_by_the_quick_audit():
    peeking = replace(kept(), model=Peek())
    table = evaluate.forecast_test_span("naive", peeking, dataset())
    found = audit.quick(dataset(), {"naive": peeking}, table)
    assert of(found.checks, FAILED) == {(results.START, "naive")}
    assert (found.outcome("naive"), found.outcome("other")) == (FAILED, PASSED)


def test_too_short_a_warm_up_is_named():
    hasty = replace(kept(), spec=replace(dataset().spec, warmup=60))
    assert of(model_checks(hasty), FAILED) >= {(results.START, "it")}


@pytest.mark.slow
def test_a_fit_on_all_rows_is_named(monkeypatch):
    fit = drift.Model.fit

    def greedy(self, panel, train, valid, on_epoch=None):
        return fit(self, panel, np.flatnonzero(panel.ahead >= panel.spec.horizon), train[:0])

    honest = kept("drift")
    monkeypatch.setattr(drift.Model, "fit", greedy)
    bad = fitting.fit("drift", {}, dataset())
    assert of(model_checks(bad), FAILED) == {(results.FITS, "it"), (results.AS_TRAINED, "it")}
    assert (results.FITS, "drift") in of(audit.full(dataset(), [Subject("drift", "drift", {})]).checks, FAILED)
    # Of a model that was made elsewhere, nothing is known if training does not give it again.
    assert of(model_checks(honest), NOT_TRIED) == {(results.AS_TRAINED, "it")}
    monkeypatch.undo()
    assert of(model_checks(bad), FAILED) == set()
    assert of(model_checks(bad), NOT_TRIED) == {(results.AS_TRAINED, "it")}


def test_a_model_refitted_for_use_is_audited_as_far_as_that_makes_sense():
    again = fitting.refit(kept("drift"), dataset())
    found = model_checks(again)
    assert of(found, NO_MATTER) == {(results.AS_TRAINED, "it")}
    assert {check.result for check in found} == {PASSED, NO_MATTER}


# --- what cannot be tried -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_cannot_be_tried_leaves_the_audit_incomplete():
    short = dataset(bars=(("AAA", 420), ("BBB", 360)))
    found = audit.full(short, [Subject.of("naive", fitting.fit("naive", {}, short))])
    assert of(found.checks, FAILED) == set()
    assert of(found.checks, NOT_TRIED) == {(results.START, "naive")}
    (check,) = [check for check in found.checks if check.result == NOT_TRIED]
    assert check.tried == "no cutoff has the bars that a forecast needs"
    assert (found.outcome(), found.outcome("naive"), found.outcome("other")) == ("incomplete", "incomplete", PASSED)


def test_code_that_fails_is_told_and_the_other_checks_go_on(monkeypatch):
    def broken(self, panel, train, valid, on_epoch=None):
        raise ZeroDivisionError("one line\nand another")

    monkeypatch.setattr(drift.Model, "fit", broken)
    found = audit.full(dataset(), [Subject("drift", "drift", {}), Subject("naive", "naive", {})])
    about = [check for check in found.checks if check.about == "drift"]
    assert {check.result for check in about} == {NOT_TRIED}
    assert all("ZeroDivisionError: one line and another" in check.tried for check in about)
    assert found.outcome("naive") == PASSED


def test_a_function_that_fails_on_garbage_only_is_not_passed():
    check = results.run_check(
        results.FUTURE, "data", "x", lambda: [Violation("computes", "(all)", how="no: ValueError")]
    )
    assert (check.result, check.tried) == (NOT_TRIED, "no: ValueError")
    both = [Violation("computes", "(all)", how="no"), Violation("future", "it", how="moved")]
    check = results.run_check(results.FUTURE, "data", "x", lambda: both)
    assert (check.result, check.count, check.violations) == (FAILED, 1, ("future: it: moved",))


def test_a_model_that_lacks_its_package_is_named():
    found = audit.full(dataset(), [], ["xgboost needs xgboost-cpu"])
    assert of(found.checks, NOT_TRIED) == {(results.MODEL, "xgboost")}
    assert found.outcome() == "incomplete"


def test_models_of_other_data_are_refused_in_one_line():
    other = fitting.fit("naive", {}, build(market(BARS), horizon=2, max_lookback=20))
    for look in (
        lambda: audit.full(dataset(), [Subject.of("mine", other)]),
        lambda: audit.quick(dataset(), {"mine": other}),
    ):
        with pytest.raises(InputError, match=r"this dataset's horizon 3, got mine with 2: .* give the dataset"):
            look()
    long = replace(kept("moving_average"), model=models.create("moving_average", {"lookback": 21}))
    with pytest.raises(InputError, match="a lookback of at most 20, got 21 of mine"):
        audit.quick(dataset(), {"mine": long})


def test_an_audit_reads_a_dataset_whose_spans_are_wrong_where_others_refuse_it(tmp_path):
    bad = replace(dataset(), features=dataset().features.assign(split=without_gap(dataset())))
    bad.save(tmp_path)
    with pytest.raises(InputError, match="expected the spans"):
        Dataset.load(tmp_path)
    pd.testing.assert_frame_equal(Dataset.load(tmp_path, spans=False).features, bad.features)


# --- the page -----------------------------------------------------------------------------------------------

SHOWN = audit.Audit(
    (
        Check(results.PREFIX, "data", PASSED, "5 cuts"),
        Check(results.FUTURE, "data", FAILED, "5 cuts", ("future: <b>ret</b>", "b", "c"), 7),
        Check(results.START, "<i>m</i>", NOT_TRIED, "too few bars"),
        Check(results.ISOLATION, "<i>m</i>", NO_MATTER, "one ticker"),
    ),
    {"Tickers": "A&B", "Bars": "10"},
)


def test_the_page_shows_every_check_and_escapes_all_text():
    page = render(SHOWN)
    assert "<b>ret" not in page
    assert "<i>m" not in page
    assert "future: &lt;b&gt;ret&lt;/b&gt;" in page
    assert "A&amp;B" in page
    assert "and 4 more" in page
    assert "1 check passed, 1 failed, 1 not tried" in page
    for check in SHOWN.checks:
        assert page.count(check.rule.replace("'", "&#39;")) == 1
    assert page.index("failed</td>") < page.index("passed</td>")
    assert "http" not in page.replace("http-equiv", "")
    assert "too few bars" in page


@pytest.mark.parametrize(
    ("results_of", "says"),
    [([PASSED], "No leak found"), ([PASSED, NOT_TRIED], "not everything could be tried"), ([FAILED], "Failed")],
)
def test_the_page_begins_with_the_outcome(results_of, says):
    checks = tuple(Check(results.PREFIX, "data", result, "x") for result in results_of)
    assert says in render(audit.Audit(checks, {"Tickers": "A"}, quick=True))


def test_the_summary_names_what_did_not_pass():
    assert summary(SHOWN) == (
        "1 check passed, 1 failed, 1 not tried.\n\n"
        "- future perturbation, data: failed. future: <b>ret</b>\n"
        "- recursive start, <i>m</i>: not tried. too few bars\n"
    )
    assert summary(audit.Audit((SHOWN.checks[0],), {})) == "1 check passed, 0 failed.\n"


def test_the_audit_as_json_holds_every_check_with_its_rule():
    values = json.loads(json.dumps(SHOWN.to_json()))
    assert values["outcome"] == "failed"
    assert [check["result"] for check in values["checks"]] == [PASSED, FAILED, NOT_TRIED, NO_MATTER]
    assert values["checks"][1]["count"] == 7
    assert values["checks"][1]["rule"] == RULES[results.FUTURE]


def test_a_complaint_is_one_short_line():
    many = tuple(Check(results.PREFIX, f"model {i}", FAILED, "x", ("v",), 2) for i in range(50))
    line = audit.failure_message(audit.Audit(many, {}))
    assert "got 50 of 50 checks with violations: prefix equality of model 0 (2), " in line
    assert line.endswith("and 44 more")
