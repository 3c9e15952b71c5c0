import itertools
import json
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from market_samples import SMALL, TWO, market, small_dataset
from pricecast import evaluation, evaluation_report, facts, fitting, judge, models, outputs, report, tables
from pricecast.backtest import Plan
from pricecast.confidence_set import SIZE
from pricecast.dataset import build
from pricecast.errors import InputError
from pricecast.evaluation import evaluate, insample_mae, label, walk
from pricecast.evaluation_report import make_report
from pricecast.schema import FORECASTS


@cache
def made(name, seed=0):
    params = models.settle(name, {}, {**SMALL, "seed": seed, "epochs": 1})
    return fitting.fit(name, params, small_dataset())


@cache
def judged():
    return evaluate([made("drift"), made("lstm"), made("lstm", 1)], small_dataset())


# --- who is judged -----------------------------------------------------------------------------------------


def test_models_are_shown_under_the_names_they_are_given():
    found = evaluate([made("lstm"), made("lstm", 1)], small_dataset(), names=["A", "B"])
    assert list(found.contestants) == ["A", "B", "naive", "ewma"]
    assert set(found.forecasts["model"]) == {"A", "B", "naive", "ewma"}


def test_a_naive_model_under_another_name_does_not_stand_for_naive():
    found = evaluate([made("naive"), made("drift")], small_dataset(), names=["base", "A"])
    assert list(found.contestants) == ["base", "A", "naive", "ewma"]


def test_trials_count_against_what_they_chose():
    plain, tuned = (evaluate([made("drift")], small_dataset(), trials=trials) for trials in (0, 40))
    assert (plain.verdict["trials"], tuned.verdict["trials"]) == (0, 40)
    assert "40 trials on earlier dates chose their settings" in tuned.verdict["answers"][-1]["answer"]
    assert "trials" not in plain.verdict["answers"][-1]["answer"]
    counts = (each.money.set_index("model")["n_trials"] for each in (tuned, plain))
    more = next(counts) - next(counts)
    assert set(more.drop("buy and hold")) == {40}


def test_naive_and_ewma_are_added_where_they_are_missing():
    assert list(judged().contestants) == ["drift", "lstm", "lstm_2", "naive", "ewma"]
    assert list(evaluate([made("ewma")], small_dataset()).contestants) == ["ewma", "naive"]
    given = evaluate([made("ewma"), made("naive")], small_dataset())
    assert list(given.contestants) == ["ewma", "naive"]
    assert judged().contestants["lstm_2"].params == made("lstm", 1).params
    assert judged().contestants["lstm"].curve.equals(made("lstm").curve())


def test_nobody_given_leaves_the_naive_ones():
    alone = evaluate([], small_dataset())
    assert list(alone.leaderboard["model"]) == ["naive", "ewma"]
    assert alone.verdict["best"] in ("naive", "ewma")


def test_labels_are_numbered_where_a_model_comes_more_than_once():
    models = [made("lstm"), made("drift"), made("lstm", 1), made("lstm", 2)]
    labels = label(models)
    assert list(labels) == ["lstm", "drift", "lstm_2", "lstm_3"]
    assert list(labels.values()) == models


def test_every_model_forecasts_from_every_test_origin():
    data, table = small_dataset(), judged().forecasts
    assert list(table.columns) == list(FORECASTS)
    origins = data.origins("test")
    keys = list(zip(*(data.features[name].to_numpy()[origins] for name in ("ticker", "date")), strict=True))
    for _, own in table.groupby("model"):
        for horizon in (1, 2, 3):
            rows = own[own["horizon"] == horizon]
            assert list(zip(rows["ticker"], rows["cutoff"], strict=True)) == [(t, pd.Timestamp(d)) for t, d in keys]
    assert table["model"].nunique() == 5


def test_naives_point_forecast_is_the_last_close_to_the_last_bit():
    own = judged().forecasts.query("model in ('naive', 'ewma')")
    assert (own["forecast"] == own["last_close"]).all()
    closes = small_dataset().features.set_index(["ticker", "date"])["close"]
    keys = pd.MultiIndex.from_frame(own[["ticker", "cutoff"]])
    assert (closes[keys].to_numpy() == own["last_close"].to_numpy()).all()


def test_models_of_one_kind_are_judged_apart():
    one, two = (judged().forecasts.query("model == @name")["q95"].to_numpy() for name in ("lstm", "lstm_2"))
    assert (one != two).any()


def test_walk_names_rows_by_label():
    table = walk({"mine": made("naive")}, small_dataset())
    assert set(table["model"]) == {"mine"}


# --- who is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["naive", "drift", "lstm"])
def test_a_refitted_model_is_refused(name):
    again = fitting.refit(made(name), small_dataset())
    said = f"nothing of the test span from .*, got {name}, which has seen closes up to 2024-07-03: evaluate"
    with pytest.raises(InputError, match=said):
        evaluate([again], small_dataset())


def test_a_model_that_saw_one_day_of_the_test_span_is_refused():
    data, prices = small_dataset(), market(TWO)
    dates = np.sort(prices["date"].unique())
    bounds = [pd.Timestamp(data.spec.valid_start), pd.Timestamp(data.spec.test_start)]
    place = np.searchsorted(dates, bounds[1])
    for shift, refused in ((-1, False), (0, False), (1, True)):
        start = pd.Timestamp(dates[place + shift])
        other = build(prices, horizon=3, max_lookback=20, valid_start=bounds[0], test_start=start)
        model = fitting.fit("naive", {}, other)
        if refused:
            with pytest.raises(InputError, match="nothing of the test span"):
                evaluate([model], data)
        else:
            evaluate([model], data)


def test_another_horizon_or_recipe_is_refused():
    for other, field in (
        (small_dataset(horizon=5), "horizon 3, got naive with 5"),
        (small_dataset(target="price"), "target return"),
    ):
        with pytest.raises(InputError, match=f"this dataset's {field}"):
            evaluate([fitting.fit("naive", {}, other)], small_dataset())


def test_other_features_are_refused():
    spec = replace(made("naive").spec, features=("ret_1",))
    with pytest.raises(InputError, match="this dataset's features"):
        evaluate([replace(made("naive"), spec=spec)], small_dataset())


def test_a_longer_lookback_than_the_context_is_refused():
    long = small_dataset(max_lookback=40)
    model = fitting.fit("lstm", models.settle("lstm", {}, {**SMALL, "epochs": 1, "lookback": 40}), long)
    with pytest.raises(InputError, match="a lookback of at most 20, got 40 of lstm"):
        evaluate([model], small_dataset())


# --- figures -----------------------------------------------------------------------------------------------


def test_the_insample_error_equals_a_loop():
    data = small_dataset()
    found = insample_mae(data, pd.Timestamp(data.spec.valid_start))
    for ticker, group in data.features.groupby("ticker"):
        closes = [
            c for c, d in zip(group["close"], group["date"], strict=True) if d < pd.Timestamp(data.spec.valid_start)
        ]
        changes = [abs(b - a) for a, b in itertools.pairwise(closes)]
        assert found[ticker] == pytest.approx(sum(changes) / len(changes), rel=1e-12)
    assert len(found) == 2


def test_mase_is_measured_against_the_insample_error():
    board = judged().leaderboard.set_index("model")
    data, naive = small_dataset(), judged().forecasts.query("model == 'naive' and horizon == 1").dropna()
    errors = (naive["actual"] - naive["forecast"]).abs().groupby(naive["ticker"]).mean()
    scale = insample_mae(data, pd.Timestamp(data.spec.valid_start))
    assert board.loc["naive", "mase"] == pytest.approx((errors / scale).mean())


def test_naive_stands_beside_the_best():
    figures = judged().best_beside_naive()
    best = judged().verdict["best"]
    assert figures["test_crps"] == judged().scores.loc[(best, 1), "crps"]
    assert figures["naive_test_crps"] == judged().scores.loc[("naive", 1), "crps"]
    assert figures["naive_test_rmse_h3"] == judged().scores.loc[("naive", 3), "rmse"]
    assert judged().metrics("drift") == judge.headline(judged().scores, "drift")
    json.dumps(judged().verdict, allow_nan=False)


def test_evaluating_twice_gives_the_same_tables():
    again = evaluate([made("drift"), made("lstm"), made("lstm", 1)], small_dataset())
    pd.testing.assert_frame_equal(again.forecasts, judged().forecasts, check_exact=True)
    pd.testing.assert_frame_equal(again.leaderboard, judged().leaderboard, check_exact=True)


# --- the report --------------------------------------------------------------------------------------------


def test_the_report_states_the_facts():
    data = build(
        market((*TWO, ("NEW", 150))), horizon=3, max_lookback=20, quality={"source": "made up", "findings": []}
    )
    made_report = make_report(evaluate([], data), data, pictures=False)
    assert made_report.title == "AAA, BBB: 3 trading days ahead"
    assert made_report.facts == {
        "Tickers": "AAA, BBB",
        "Source": "made up",
        "Bars": f"780 from {data.features['date'].min():%Y-%m-%d} to 2024-07-03",
        "Validation from": data.spec.valid_start,
        "Test from": data.spec.test_start,
        "Origins": ", ".join(
            f"{(data.features['split'] == name).sum()} {name}" for name in ("train", "valid", "test")
        ),
        "Horizon": "3 trading days",
        "Target": "log return in units of volatility",
        "Prices": "adjusted closes (close times adj_close / close of the same row); "
        "later dividends move levels, not returns",
    }
    assert made_report.warnings == [f"Left out: {data.spec.dropped['NEW']}."]
    assert made_report.quality is data.quality
    assert made_report.leaderboard["model"].iloc[0] == "naive"


def test_the_report_says_on_what_the_models_were_judged():
    known = judged().forecasts.query("horizon == 1").dropna(subset="actual")
    days, first, last = known["cutoff"].nunique(), known["cutoff"].min(), known["cutoff"].max()
    expected = f"Judged on {days} test days from {first:%Y-%m-%d} to {last:%Y-%m-%d}."
    assert make_report(judged(), small_dataset(), False).kicker == expected
    assert expected in report.render(make_report(judged(), small_dataset(), False))
    assert facts.kicker(judged().forecasts.assign(actual=np.nan)) == ""


def walked(plan):
    """The forecasts as if they came from a backtest, cut into folds by date."""
    table = judged().forecasts
    place = table["cutoff"].rank(method="dense").astype(int) - 1
    table = table.assign(fold=1 + place * plan.folds // (place.max() + 1))
    known = pd.Timestamp(small_dataset().spec.valid_start)
    return evaluation.judged(table, small_dataset(), judged().contestants, known, plan)


@pytest.mark.parametrize(
    ("plan", "window", "refits"),
    [
        (Plan(folds=2), "expanding: each fold learns from all of its past, and from nothing after it", None),
        (
            Plan(folds=3, window="rolling", refit_every=2),
            "rolling: each fold learns from as many dates as the first has behind it, and from nothing after it",
            "models that stop early in every 2nd fold, others in each",
        ),
    ],
)
def test_the_report_of_a_backtest_tells_its_folds_and_not_the_datasets_spans(plan, window, refits):
    found = walked(plan)
    made_report = make_report(found, small_dataset(), pictures=False)
    days = found.forecasts.groupby("fold")["cutoff"].nunique()
    size = str(days.min()) if days.min() == days.max() else f"{days.min()} to {days.max()}"
    cutoffs = found.forecasts["cutoff"]
    assert not {"Validation from", "Test from"} & made_report.facts.keys()
    assert made_report.facts["Folds"] == f"{plan.folds} of {size} trading days each"
    assert made_report.facts["Window"] == window
    assert made_report.facts.get("Refits") == refits
    assert made_report.facts["Cutoffs"] == f"{cutoffs.min():%Y-%m-%d} to {cutoffs.max():%Y-%m-%d}"
    assert made_report.facts["Origins"] == f"{len(small_dataset().origins('test'))} (a ticker on a day)"
    assert made_report.kicker.startswith(f"Backtest of {plan.folds} folds: ")
    assert "Validation from" not in report.render(made_report)


@pytest.mark.parametrize(("number", "text"), [(2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (21, "21st")])
def test_ordinals(number, text):
    assert facts._ordinal(number) == text


def test_the_report_of_a_backtest_has_its_folds_as_a_picture_and_the_selected_row():
    page = report.render(make_report(walked(Plan(folds=3)), small_dataset(), pictures=True))
    assert "Is it better in every fold?" in page
    assert '<tr class="selected">' in page
    one = report.render(make_report(judged(), small_dataset(), pictures=True))
    assert "Is it better in every fold?" not in one
    assert '<tr class="selected">' not in one


def test_a_report_without_pictures_has_none_and_renders():
    made_report = make_report(judged(), small_dataset(), pictures=False)
    assert made_report.figures == {}
    assert made_report.warnings == []
    page = report.render(made_report)
    assert "data:image" not in page
    assert made_report.facts["Test from"] in page


def test_a_report_with_pictures_has_those_of_the_best_model_that_is_not_naive(monkeypatch):
    asked = []
    monkeypatch.setattr(
        evaluation_report, "draw", lambda *args: asked.append(args) or {"One": (Figure(), "caption")}
    )
    made_report = make_report(judged(), small_dataset(), pictures=True)
    assert list(made_report.figures) == ["One"]
    table, curves, ranked, folds = asked[0]
    assert table is judged().forecasts
    assert folds is judged().folds
    best = judged().leaderboard.sort_values("crps")["model"].tolist()
    assert ranked[0] == next(name for name in best if name not in ("naive", "ewma"))
    assert ranked[1:] == [name for name in best if name != ranked[0]]
    assert {name: len(curve) for name, curve in curves.items()} == {
        "drift": 0, "lstm": 1, "lstm_2": 1, "naive": 0, "ewma": 0,
    }  # fmt: skip


def test_the_textbook_recipe_is_called_so():
    data = small_dataset(target="price")
    assert make_report(evaluate([], data), data, pictures=False).facts["Target"] == "price level (textbook)"


def test_a_long_list_of_tickers_is_cut():
    tickers = tuple(f"T{i}" for i in range(11))
    assert facts.listed(tickers) == "T0, T1, T2, T3, T4, T5, T6, T7 and 3 more"
    assert facts.listed(tickers[:8]) == "T0, T1, T2, T3, T4, T5, T6, T7"


# --- for the terminal --------------------------------------------------------------------------------------


def test_the_summary_is_an_aligned_table_under_the_verdict():
    text = outputs.summary(make_report(judged(), small_dataset(), pictures=False))
    lines = text.splitlines()
    assert lines[0] == judged().verdict["sentence"]
    table = [line for line in lines if line.startswith("|")]
    assert lines[-len(table) - 2 :] == [*table, "", outputs.MARKED]
    assert len(table) == 2 + 5
    assert len({len(line) for line in table}) == 1
    bars = [[i for i, letter in enumerate(line) if letter == "|"] for line in table]
    assert all(places == bars[0] for places in bars)
    names = [line.split("|")[1].strip() for line in table[2:]]
    assert [name.removesuffix(" *") for name in names] == judged().leaderboard["model"].tolist()
    kept = judged().leaderboard.set_index("model")["mcs_p"] > SIZE
    assert [name.endswith(" *") for name in names] == kept.tolist()
    assert table[1].split("|")[1].strip("- ") == ""
    assert all(cell.strip().endswith("-:") for cell in table[1].split("|")[2:-1])


def unwrapped(text):
    """List items in one line each, as Markdown reads them."""
    return text.replace("\n  ", " ").splitlines()


def test_the_summary_answers_and_says_a_sentence_for_each_of_few_models():
    made_report = make_report(judged(), small_dataset(), pictures=False)
    text = outputs.summary(made_report)
    lines = unwrapped(text)
    for each in judged().verdict["answers"]:
        assert f"- {each['question']} {each['answer']}" in lines
    sentences = [f"- {about['sentence']}" for about in judged().verdict["models"].values()]
    assert set(sentences) <= set(lines)
    assert max(map(len, text.splitlines()[1:])) <= outputs.WIDTH
    assert not [line for line in text.splitlines() if line.strip().startswith(("%", "= ", "< "))]
    names = {f"{name}_{i}": about for name, about in judged().verdict["models"].items() for i in (1, 2)}
    many = replace(made_report, verdict={**judged().verdict, "models": names})
    assert not set(sentences) & set(unwrapped(outputs.summary(many)))


def test_the_summary_of_a_backtest_ends_with_the_selected_row_and_what_it_is():
    found = walked(Plan(folds=3))
    lines = outputs.summary(make_report(found, small_dataset(), pictures=False)).splitlines()
    row = [line for line in lines if line.startswith("|")][-1]
    selected = found.verdict["selected"]
    assert [cell.strip() for cell in row.split("|")][1:3] == ["selected", f"{selected['crps']:#.4g}"]
    assert lines[-1] == (
        f"selected: the best of the folds before, judged on the next; on the {selected['n_days']:,} days of the "
        "folds from the second on."
    )


def test_the_summary_shows_the_figures_of_the_leaderboard():
    table = [
        line
        for line in outputs.summary(make_report(judged(), small_dataset(), False)).splitlines()
        if line[:1] == "|"
    ]
    header = [cell.strip() for cell in table[0].split("|")[1:-1]]
    cells = dict(zip(header, [cell.strip() for cell in table[2].split("|")[1:-1]], strict=True))
    naive = judged().leaderboard.iloc[0]
    assert cells["model"].removesuffix(" *") == "naive"
    assert cells["RMSE"] == tables.format_cell("rmse", naive["rmse"])
    assert "RMSE skill" not in cells
    assert cells["90 % held"] == f"{naive['coverage_90']:.1f} %"
    assert cells["Direction"] == "\N{EN DASH}"


def test_the_summary_says_what_was_left_out():
    data = build(market((*TWO, ("NEW", 150))), horizon=3, max_lookback=20)
    text = outputs.summary(make_report(evaluate([], data), data, pictures=False))
    assert f"- Left out: {data.spec.dropped['NEW']}." in unwrapped(text)


def test_pictures_are_named_after_their_titles(tmp_path):
    titles = {
        "Prices and intervals: lstm, BTC-USD": "prices_and_intervals_lstm_btc_usd.svg",
        "Does it?": "does_it.svg",
    }
    outputs.save_pictures({title: (Figure((2, 1)), "") for title in titles}, tmp_path / "plots")
    found = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert found == sorted(titles.values())
    assert all(b"<svg" in path.read_bytes() for path in (tmp_path / "plots").iterdir())
