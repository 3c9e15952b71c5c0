"""From an evaluation to a report."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from pricecast.dataset.dataset import build
from pricecast.evaluation.evaluate import evaluate
from pricecast.forecasting.walk_plan import Plan
from pricecast.report import assemble, facts, report
from pricecast.report.assemble import make_report
from tests.support.evaluation_samples import evaluated, walked
from tests.support.market_samples import TWO, market, small_dataset


def test_the_report_states_the_facts():
    data = build(
        market((*TWO, ("NEW", 150))), horizon=3, max_lookback=20, quality={"source": "made up", "findings": []}
    )
    made_report = make_report(evaluate([], data), data, figures=False)
    assert made_report.title == "AAA, BBB: 3 trading days ahead"
    assert made_report.facts == {
        "Tickers": "AAA, BBB",
        "Source": "made up",
        "Bars": f"780 from {data.features['date'].min():%Y-%m-%d} to 2024-07-03",
        "Validation from": data.spec.valid_start,
        "Test from": data.spec.test_start,
        # The last cutoff of each ticker has no outcome: it is no judged day.
        "Origins": ", ".join(
            f"{(data.features['split'] == name).sum() - 2 * (name == 'test')} {name}"
            for name in ("train", "valid", "test")
        ),
        "Horizon": "3 trading days",
        "Target": "log return in units of volatility",
        "Prices": "scored as adjusted closes (close times adj_close / close of the same row), where later "
        "dividends move levels, not returns; shown as quoted",
    }
    assert made_report.warnings == [f"Left out: {data.spec.dropped['NEW']}."]
    assert made_report.quality is data.quality
    assert made_report.leaderboard["model"].iloc[0] == "naive"


def test_the_report_says_on_what_the_models_were_judged():
    known = evaluated().forecasts.query("horizon == 1").dropna(subset="actual")
    days, first, last = known["cutoff"].nunique(), known["cutoff"].min(), known["cutoff"].max()
    expected = f"Judged on {days} test days from {first:%Y-%m-%d} to {last:%Y-%m-%d}."
    assert make_report(evaluated(), small_dataset(), False).kicker == expected
    assert expected in report.render(make_report(evaluated(), small_dataset(), False))
    assert facts.kicker(evaluated().forecasts.assign(actual=np.nan), 1) == ""


@pytest.mark.parametrize("headline", [1, 3])
def test_days_mean_the_same_everywhere(headline):
    found = evaluate([], small_dataset(), headline=headline)
    days, page = found.verdict["n_days"], make_report(found, small_dataset(), figures=False)
    assert days == found.forecasts.query("horizon == @headline").dropna(subset="actual")["cutoff"].nunique()
    assert f"Judged on {days} test days" in page.kicker
    assert (
        f" {headline if headline > 1 else 'one'} day{'s' if headline > 1 else ''} ahead on {days} days"
        in (found.verdict["sentence"])
    )
    assert f"On {days} trading days" in found.verdict["trust"][0]
    assert page.facts["Origins"].endswith(f" {2 * days} test")
    assert set(found.leaderboard["n_days"]) == {days}
    assert found.coverage.query("by == 'all' and horizon == @headline")["n_days"].eq(days).all()


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
    made_report = make_report(found, small_dataset(), figures=False)
    known = found.forecasts.query("horizon == 1").dropna(subset="actual")
    days = known.groupby("fold")["cutoff"].nunique()
    size = str(days.min()) if days.min() == days.max() else f"{days.min()} to {days.max()}"
    cutoffs = known["cutoff"]
    assert not {"Validation from", "Test from"} & made_report.facts.keys()
    assert made_report.facts["Folds"] == f"{plan.folds} of {size} trading days each"
    assert made_report.facts["Window"] == window
    assert made_report.facts.get("Refits") == refits
    assert made_report.facts["Cutoffs"] == f"{cutoffs.min():%Y-%m-%d} to {cutoffs.max():%Y-%m-%d}"
    assert made_report.facts["Origins"] == f"{len(small_dataset().origins('test')) - 2} (a ticker on a day)"
    assert made_report.kicker.startswith(f"Backtest of {plan.folds} folds: ")
    assert "Validation from" not in report.render(made_report)


@pytest.mark.parametrize(("number", "text"), [(2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (21, "21st")])
def test_ordinals(number, text):
    assert facts._ordinal(number) == text


def test_the_report_of_a_backtest_has_its_folds_as_a_picture_and_the_selected_row():
    page = report.render(make_report(walked(Plan(folds=3)), small_dataset(), figures=True))
    assert "Is it better in every fold?" in page
    assert '<tr class="selected">' in page
    one = report.render(make_report(evaluated(), small_dataset(), figures=True))
    assert "Is it better in every fold?" not in one
    assert '<tr class="selected">' not in one


def test_a_report_without_pictures_has_none_and_renders():
    made_report = make_report(evaluated(), small_dataset(), figures=False)
    assert made_report.figures == {}
    assert made_report.warnings == []
    page = report.render(made_report)
    assert "data:image" not in page
    assert made_report.facts["Test from"] in page


def test_a_report_with_pictures_has_those_of_the_best_model_that_is_not_naive(monkeypatch):
    asked = []
    monkeypatch.setattr(assemble, "draw", lambda *args: asked.append(args) or {"One": (Figure(), "caption")})
    made_report = make_report(evaluated(), small_dataset(), figures=True)
    assert list(made_report.figures) == ["One"]
    table, curves, ranked, folds, recommended, bars, headline = asked[0]
    assert recommended == evaluated().verdict["recommended"]
    assert bars is small_dataset().bars
    assert headline == 1
    assert table is evaluated().forecasts
    assert folds is evaluated().folds
    best = evaluated().leaderboard.sort_values("crps")["model"].tolist()
    assert ranked[0] == next(name for name in best if name not in ("naive", "ewma"))
    assert ranked[1:] == [name for name in best if name != ranked[0]]
    assert {name: len(curve) for name, curve in curves.items()} == {
        "drift": 0, "lstm": 1, "lstm_2": 1, "naive": 0, "ewma": 0,
    }  # fmt: skip


def test_the_textbook_recipe_is_called_so():
    data = small_dataset(target="price")
    assert make_report(evaluate([], data), data, figures=False).facts["Target"] == "price level (textbook)"
