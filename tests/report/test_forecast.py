"""The forecast of the coming days in words, tables and pictures."""

from dataclasses import replace

import pandas as pd
import pytest

from pricecast.data.adjust import adjust
from pricecast.forecasting.intervals import for_people
from pricecast.forecasting.upcoming import fitted_on_all, forecast_by_first, upcoming
from pricecast.forecasting.walk_plan import Candidate
from pricecast.report.assemble import make_report
from pricecast.report.forecast import (
    FIGURES,
    MOST,
    forecast_sentences,
    forecast_tables,
    price,
    upcoming_figures,
    what_was_read,
)
from pricecast.report.report import render, unbroken
from tests.support.evaluation_samples import evaluated
from tests.support.fitted_samples import data, raw
from tests.support.market_samples import small_dataset

ROW = {
    "ticker": "AAPL", "cutoff": pd.Timestamp("2013-03-01"), "horizon": 1, "date": pd.Timestamp("2013-03-04"),
    "model": "har", "last_close": 430.47, "forecast": 430.47, "lower_50": 425.4, "upper_50": 436.4,
    "lower_80": 418.5, "upper_80": 442.8, "lower_90": 414.77, "upper_90": 447.52, "p_rise": 0.5,
}  # fmt: skip


def rows(*changes):
    return pd.DataFrame([{**ROW, **change} for change in changes])


def test_the_sentence_names_day_price_and_range_in_plain_words():
    (text,) = forecast_sentences(rows({}))
    assert text == (
        "AAPL, Mon 4 Mar 2013: 9 times in 10 between 415 and 448, middle 430.47. Up or down is a coin toss; the "
        "forecast knows how far the price may move, either way."
    )


@pytest.mark.parametrize(
    ("chance", "words"),
    [(0.62, "It sees a rise 62 times in 100."), (0.4, "It sees a fall 60 times in 100."), (0.55, "coin toss")],
)
def test_the_direction_is_named_only_where_the_chance_is_no_coin_toss(chance, words):
    (text,) = forecast_sentences(rows({"p_rise": chance}))
    assert words in text
    assert ("coin toss" in text) == (words == "coin toss")


@pytest.mark.parametrize(
    ("value", "width", "text"),
    [
        (430.4712, 0, "430.47"), (1.08312, 0, "1.0831"), (0.0000213, 0, "0.00002130"),
        (1234567.891, 0, "1,234,567.89"), (415.37, 31.2, "415"), (1.0831, 0.012, "1.083"),
        (84213.7, 5200, "84,214"), (27.512, 0.94, "27.51"),
    ],
)  # fmt: skip
def test_a_price_has_the_decimals_that_its_size_or_its_interval_deserves(value, width, text):
    assert price(value, width) == text


def test_each_of_few_tickers_has_a_table_of_all_days():
    days = [{"horizon": 2, "date": pd.Timestamp("2013-03-05")}, {}]
    table = rows(*({"ticker": ticker, **day} for ticker in ("AAPL", "IBM") for day in reversed(days)))
    found = forecast_tables(table)
    assert list(found) == [
        f"{ticker}, from the last close, 430.47 on Fri 1 Mar 2013, by har" for ticker in ("AAPL", "IBM")
    ]
    first = found["AAPL, from the last close, 430.47 on Fri 1 Mar 2013, by har"]
    assert [label for label, _ in first.columns] == [
        "median",
        "50 % within",
        "80 % within",
        "90 % within",
        "above last",
    ]
    assert [row.name for row in first.rows] == ["Mon 4 Mar 2013", "Tue 5 Mar 2013"]
    assert [text for text, _ in first.rows[0].cells] == [
        "430.47", "425.40 to 436.40", "418.50 to 442.80", "414.77 to 447.52", "50 %",
    ]  # fmt: skip


def test_many_tickers_share_a_table_of_the_first_day():
    table = rows(*({"ticker": f"T{n}", "horizon": h} for n in range(MOST + 5) for h in (1, 2)))
    ((caption, found),) = forecast_tables(table).items()
    assert caption == "One day ahead, 25 tickers; 5 more in forecast.csv"
    assert [row.name for row in found.rows] == [f"T{n}" for n in range(MOST)]
    assert found.rows[0].cells[0][0] == "Mon 4 Mar 2013"
    assert len(forecast_sentences(table)) == 1


def test_a_level_has_a_column_of_its_own():
    (table,) = forecast_tables(rows({"level": 440.0, "p_above": 0.157})).values()
    assert table.columns[-1][0] == "above 440"
    assert table.rows[0].cells[-1][0] == "16 %"


def test_what_was_read_is_a_line():
    quality = {"source": "csv", "findings": [
        {"action": "repaired", "count": 2, "kind": "range"}, {"action": "repaired", "count": 1, "kind": "volume"},
        {"action": "reported", "count": 4, "kind": "split"},
    ]}  # fmt: skip
    line = what_was_read(data().bars, quality)
    assert line == (
        f"Read from csv: AAA, BBB, {len(data().bars):,} daily bars from {data().bars['date'].min():%Y-%m-%d} to "
        "2024-07-03; 3 repaired (range, volume), 4 noted and kept (split)."
    )
    assert what_was_read(data().bars, {}).startswith("Read from a prices table: ")
    assert what_was_read(data().bars, {}).endswith("; nothing repaired.")


def test_the_picture_ends_its_closes_where_the_fan_begins_whatever_was_adjusted():
    table = upcoming(fitted_on_all(Candidate("har", {}), data()), data())
    bars = adjust(raw().assign(adj_close=raw()["close"] / 3))
    figures = upcoming_figures(bars, table, days=30)
    assert list(figures) == ["AAA", "BBB"]
    lines = {line.get_label(): line for line in figures["AAA"].axes[0].lines}
    last = raw().groupby("ticker")["close"].last()["AAA"]
    assert lines["close"].get_ydata()[-1] == pytest.approx(last)
    assert lines["median"].get_ydata()[0] == pytest.approx(last)
    assert len(lines["close"].get_xdata()) == 30
    many = pd.concat([table[table["ticker"] == "AAA"].assign(ticker=f"T{n:02}") for n in range(20)])
    copies = pd.concat([bars[bars["ticker"] == "AAA"].assign(ticker=f"T{n:02}") for n in range(20)])
    assert len(upcoming_figures(copies, many)) == FIGURES


def test_intervals_of_a_forecast_make_a_table():
    table = forecast_tables(for_people(upcoming(fitted_on_all(Candidate("naive", {}), data()), data())))
    assert [len(each.rows) for each in table.values()] == [3, 3]


def test_the_page_opens_with_the_forecast_and_how_far_to_trust_it():
    coming = forecast_by_first(
        ["naive"], lambda name: fitted_on_all(Candidate(name, {}), small_dataset()), small_dataset()
    )
    report = make_report(evaluated(), small_dataset(), figures=True, upcoming=coming)
    page = render(replace(report, verdict={**report.verdict, "trust": ["It held 9 times in 10."]}))
    (first, *_) = forecast_sentences(for_people(coming.table))
    parts = (
        "Read from", unbroken(first), "AAA, from the last close", 'alt="Forecast of BBB"', "How far to trust it",
        "It held 9", 'id="leaderboard"',
    )  # fmt: skip
    places = [page.index(part) for part in parts]
    assert places == sorted(places)
    assert "How far to trust it" not in render(make_report(evaluated(), small_dataset(), figures=False))
