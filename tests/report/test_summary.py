"""Summary of a report for the terminal and for the folder of a run."""

from dataclasses import replace

from matplotlib.figure import Figure

from pricecast.dataset.dataset import build
from pricecast.evaluation.evaluate import evaluate
from pricecast.failures import Failure
from pricecast.forecasting.upcoming import fitted_on_all, forecast_by_first
from pricecast.forecasting.walk_plan import Candidate, Plan
from pricecast.report import summary, tables
from pricecast.report.assemble import make_report
from pricecast.statistics.confidence_set import SIZE
from tests.support.evaluation_samples import evaluated, walked
from tests.support.market_samples import TWO, market, small_dataset


def test_the_summary_is_an_aligned_table_under_the_verdict():
    text = summary.summary(make_report(evaluated(), small_dataset(), figures=False))
    lines = text.splitlines()
    assert lines[0].startswith("Read from a prices table: AAA, BBB")
    assert evaluated().verdict["sentence"] in [block.replace("\n", " ") for block in text.split("\n\n")]
    table = [line for line in lines if line.startswith("|")]
    assert lines[-len(table) - 4 :] == [
        *table,
        "",
        summary.ALWAYS,
        "",
        summary.MARKED.format(ahead="one day ahead"),
    ]
    assert len(table) == 2 + 5
    assert len({len(line) for line in table}) == 1
    bars = [[i for i, letter in enumerate(line) if letter == "|"] for line in table]
    assert all(places == bars[0] for places in bars)
    names = [line.split("|")[1].strip() for line in table[2:]]
    assert [name.removesuffix(" *") for name in names] == evaluated().leaderboard["model"].tolist()
    kept = evaluated().leaderboard.set_index("model")["mcs_p"] > SIZE
    assert [name.endswith(" *") for name in names] == kept.tolist()
    assert table[1].split("|")[1].strip("- ") == ""
    assert all(cell.strip().endswith("-:") for cell in table[1].split("|")[2:-1])


def unwrapped(text):
    """List items in one line each, as Markdown reads them."""
    return text.replace("\n  ", " ").splitlines()


def test_the_summary_answers_and_says_a_sentence_for_each_of_few_models():
    made_report = make_report(evaluated(), small_dataset(), figures=False)
    text = summary.summary(made_report)
    lines = unwrapped(text)
    for each in evaluated().verdict["answers"]:
        assert f"- {each['question']} {each['answer']}" in lines
    sentences = [f"- {about['sentence']}" for about in evaluated().verdict["models"].values()]
    assert set(sentences) <= set(lines)
    assert max(map(len, text.splitlines())) <= summary.WIDTH
    assert not [line for line in text.splitlines() if line.strip().startswith(("%", "= ", "< "))]
    names = {f"{name}_{i}": about for name, about in evaluated().verdict["models"].items() for i in (1, 2)}
    many = replace(made_report, verdict={**evaluated().verdict, "models": names})
    assert not set(sentences) & set(unwrapped(summary.summary(many)))


def test_the_summary_of_a_backtest_ends_with_the_selected_row_and_what_it_is():
    found = walked(Plan(folds=3))
    lines = summary.summary(make_report(found, small_dataset(), figures=False)).splitlines()
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
        for line in summary.summary(make_report(evaluated(), small_dataset(), False)).splitlines()
        if line[:1] == "|"
    ]
    header = [cell.strip() for cell in table[0].split("|")[1:-1]]
    cells = dict(zip(header, [cell.strip() for cell in table[2].split("|")[1:-1]], strict=True))
    naive = evaluated().leaderboard.iloc[0]
    assert cells["model"].removesuffix(" *") == "naive"
    assert cells["RMSE"] == tables.format_cell("rmse", naive["rmse"])
    assert "RMSE skill" not in cells
    assert cells["90 % held"] == f"{naive['coverage_90']:.1f} %"
    assert cells["Direction"] == "\N{EN DASH}"


def test_the_summary_says_what_was_left_out():
    data = build(market((*TWO, ("NEW", 150))), horizon=3, max_lookback=20)
    text = summary.summary(make_report(evaluate([], data), data, figures=False))
    assert f"- Left out: {data.spec.dropped['NEW']}." in unwrapped(text)


def test_pictures_are_named_after_their_titles(tmp_path):
    titles = {
        "Prices and intervals: lstm, BTC-USD": "prices_and_intervals_lstm_btc_usd.svg",
        "Does it?": "does_it.svg",
        "Prices: naive, M&M.NS": "prices_naive_m_m_ns.svg",
    }
    summary.save_figures({title: (Figure((2, 1)), "") for title in titles}, tmp_path / "plots")
    found = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert found == sorted(titles.values())
    assert all(b"<svg" in path.read_bytes() for path in (tmp_path / "plots").iterdir())


def test_the_forecast_comes_first_then_how_far_to_trust_it_then_the_verdict():
    coming = forecast_by_first(
        ["naive"], lambda name: fitted_on_all(Candidate(name, {}), small_dataset()), small_dataset()
    )
    report = make_report(evaluated(), small_dataset(), figures=False, upcoming=coming)
    trusted = replace(report, verdict={**report.verdict, "trust": ["It held 9 times in 10."]})
    text = summary.summary(trusted).replace("\n", " ")
    places = [
        text.index(part)
        for part in ("Read from", "AAA, from the last close", "9 times in 10 between", "- It held",
                     report.verdict["sentence"], "| model ")
    ]  # fmt: skip
    assert places == sorted(places)
    failed = replace(coming, failures={"har": Failure("har cannot be fitted on all rows: it has no data")})
    warned = make_report(evaluated(), small_dataset(), figures=False, upcoming=failed)
    assert "The forecast is naive's: har cannot be fitted on all rows: it has no data." in warned.warnings
