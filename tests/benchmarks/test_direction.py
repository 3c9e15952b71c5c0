"""The published direction protocol: its samples, its scores, its command."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.metrics import accuracy_score, matthews_corrcoef

from benchmarks import data, hits, protocol
from benchmarks.classifiers import Settings, fit_lstm, predict_logistic, predict_lstm
from benchmarks.direction import main, spans_of, verdict
from benchmarks.hits import Figure

FOLDER = Path(os.environ.get("PRICECAST_DATA") or Path(__file__).parents[3] / "shared" / "data")
SEQ = 5
DAYS = 120
PUBLISHED = {"acl18": (20315, 2555, 3720), "kdd17": (64644, 8070, 7398)}


@pytest.fixture
def bars():
    """Three stocks; GAP has no bars on days 50 and 51, NEW none before day 20, OLD has a bar of NaN on day 60."""
    rng = np.random.default_rng(5)
    dates = pd.bdate_range("2020-01-01", periods=DAYS)
    tables = []
    for ticker in ("GAP", "NEW", "OLD"):
        close = 50 * np.exp(np.cumsum(rng.normal(0, 0.012, DAYS)))
        wide = rng.uniform(0.001, 0.02, (2, DAYS))
        tables.append(pd.DataFrame({
            "date": dates, "ticker": ticker, "open": close * rng.uniform(0.99, 1.01, DAYS),
            "high": close * (1 + wide[0]), "low": close * (1 - wide[1]), "close": close,
            "adj_close": close * np.linspace(0.9, 1, DAYS), "volume": 1e6,
        }))  # fmt: skip
    tables[0] = tables[0].drop(index=[50, 51])
    tables[1] = tables[1].iloc[20:]
    tables[2].loc[60, ["open", "high", "low", "close", "adj_close", "volume"]] = np.nan
    return pd.concat(tables, ignore_index=True)


def plain_samples(bars, seq):
    """The protocol one number at a time: {(date, ticker): (window, up)}."""
    dates = sorted(bars["date"].unique())
    table = bars.set_index(["ticker", "date"])

    def cell(ticker, i, column):
        key = (ticker, dates[i])
        return table.at[key, column] if i >= 0 and key in table.index else np.nan

    def row(ticker, i):
        o, h, low, c, a = (cell(ticker, i, name) for name in ("open", "high", "low", "close", "adj_close"))
        found = [o / c - 1, h / c - 1, low / c - 1, c / cell(ticker, i - 1, "close") - 1]
        found.append(a / cell(ticker, i - 1, "adj_close") - 1)
        for k in (5, 10, 15, 20, 25, 30):
            found.append(sum(cell(ticker, i - j, "adj_close") for j in range(k)) / k / a - 1)
        return [100 * value for value in found]

    made = {}
    for ticker in sorted(bars["ticker"].unique()):
        rows = [row(ticker, i) for i in range(len(dates))]
        for i in range(seq, len(dates)):
            change = cell(ticker, i, "adj_close") / cell(ticker, i - 1, "adj_close") - 1
            window = np.array(rows[i - seq : i])
            if np.isfinite(window).all() and (change >= 0.0055 or change <= -0.005):
                made[dates[i], ticker] = (window, change > 0)
    return made


def keyed(samples):
    keys = zip(pd.to_datetime(samples.date), samples.ticker, strict=True)
    return {key: (x, bool(up)) for key, x, up in zip(keys, samples.X, samples.up, strict=True)}


def test_samples_equal_those_of_a_plain_loop(bars):
    found, expected = keyed(protocol.samples(bars, SEQ)), plain_samples(bars, SEQ)
    assert found.keys() == expected.keys()
    assert len(found) > 50
    for key, (window, up) in expected.items():
        np.testing.assert_allclose(found[key][0], window, rtol=1e-5, atol=1e-5)
        assert found[key][1] == up


def test_samples_are_in_order_of_date_whatever_the_order_of_the_bars(bars):
    made = protocol.samples(bars, SEQ)
    assert (np.diff(made.date) >= np.timedelta64(0)).all()
    shuffled = protocol.samples(bars.sample(frac=1, random_state=1), SEQ)
    for one, other in zip(made, shuffled, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_bar_given_twice_is_refused(bars):
    with pytest.raises(ValueError, match="duplicate"):
        protocol.samples(pd.concat([bars, bars.tail(1)]), SEQ)


@pytest.mark.parametrize(
    ("change", "label"), [(0.0056, 1), (0.0054, 0), (0.0, 0), (-0.0049, 0), (-0.0051, -1), (np.nan, 0)]
)
def test_labels_leave_small_moves_out(change, label):
    adj = pd.DataFrame({"A": [50.0, 50 * (1 + change)]})
    assert protocol.labels(adj).tolist() == [[0], [label]]


def test_a_window_needs_all_its_rows(bars):
    made = protocol.samples(bars, SEQ)
    dates = np.sort(bars["date"].unique())
    number = np.searchsorted(dates, made.date)
    days = {ticker: number[made.ticker == ticker] for ticker in ("GAP", "NEW", "OLD")}
    # 29 rows without a 30-day average; the window is SEQ rows before the label's day.
    assert days["OLD"].min() >= 29 + SEQ
    assert days["NEW"].min() >= 20 + 29 + SEQ
    # Nothing after a gap until the average over 30 days is whole again.
    assert not ((days["GAP"] > 51) & (days["GAP"] < 51 + 30 + SEQ)).any()
    assert days["GAP"].max() >= 51 + 30 + SEQ
    assert not ((days["OLD"] >= 60) & (days["OLD"] < 60 + 30 + SEQ)).any()


def test_no_later_row_changes_a_sample_and_a_window_ends_the_day_before(bars):
    day = protocol.samples(bars, SEQ).date[20]
    changed = bars.copy()
    changed.loc[changed["date"] >= day, list(protocol.COLUMNS)] *= 3.0
    before, after = protocol.samples(bars, SEQ), protocol.samples(changed, SEQ)
    for one, other in zip(
        before.between("2020-01-01", str(day)), after.between("2020-01-01", str(day)), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    now, then = keyed(before), keyed(after)
    shared = [key for key in now if key[0] == day and key in then]
    assert shared
    for key in shared:
        np.testing.assert_array_equal(now[key][0], then[key][0])
        assert then[key][1]  # tripled: the label, and it alone, belongs to the day itself


def test_spans_take_their_first_day_and_leave_the_next_ones(bars):
    made = protocol.samples(bars, SEQ)
    days = [str(day)[:10] for day in np.unique(made.date)]
    train, valid, test = protocol.split(made, protocol.Spans(days[2], days[10], days[20], days[25]))
    assert [str(part.date[edge])[:10] for part in (train, valid, test) for edge in (0, -1)] == [
        days[2], days[9], days[10], days[19], days[20], days[25],
    ]  # fmt: skip


def test_the_name_of_a_file_decides_the_spans_and_options_override_them():
    assert spans_of("kdd17", ("", "", "", "")).test == "2016-01-04"
    assert spans_of("acl18", ("", "", "", "2015-11-30")) == ("2014-01-02", "2015-08-03", "2015-10-01", "2015-11-30")


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_counts_come_out(name):
    path = FOLDER / f"{name}_raw.parquet"
    if not path.exists():
        pytest.skip(f"no market data in {FOLDER}: set PRICECAST_DATA to the folder that holds {path.name}")
    parts = protocol.split(protocol.samples(data.bars(str(path)), SEQ), protocol.SPANS[name])
    assert tuple(len(part.up) for part in parts) == PUBLISHED[name]


def some_samples(days, stocks, seed=0, features=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(days * stocks, SEQ, features)).astype(np.float32)
    date = np.repeat(np.datetime64("2020-01-01") + np.arange(days), stocks)
    ticker = np.tile([f"T{i}" for i in range(stocks)], days)
    return protocol.Samples(X, X[:, -1, 0] > 0, date, ticker)


def test_accuracy_and_mcc_are_those_of_scikit_learn():
    samples = some_samples(12, 7)
    says = np.random.default_rng(1).random(len(samples.up)) < 0.6
    cases = hits.counts(samples, says)
    assert cases.shape == (12, 4)
    assert hits.accuracy(cases.sum(axis=0)) == pytest.approx(100 * accuracy_score(samples.up, says))
    assert hits.mcc(cases.sum(axis=0)) == pytest.approx(matthews_corrcoef(samples.up, says))
    assert hits.mcc(np.array([3.0, 4.0, 0.0, 0.0])) == 0


@pytest.mark.parametrize("days", [1, 2, 10, 64])
def test_a_draw_holds_as_many_days_as_there_are_each_as_often(days):
    times = hits.drawn_days(days)
    assert (times.sum(axis=1) == days).all()
    np.testing.assert_allclose(times.mean(axis=0), 1, atol=0.1)
    np.testing.assert_array_equal(times, hits.drawn_days(days))


def test_days_are_drawn_in_blocks():
    wave = np.sin(np.arange(64) / 3) + np.random.default_rng(3).normal(0, 0.3, 64)
    means = [np.mean([wave[(start + step) % 64] for step in range(4)]) for start in range(64)]
    drawn = hits.drawn_days(64) @ wave / 64
    # The 16 blocks of a draw are independent, and each start is as likely as any other.
    assert drawn.std() == pytest.approx(np.std(means) / 4, rel=0.03)
    assert drawn.std() > 1.3 * wave.std() / 8  # what days drawn one by one would give


def test_more_stocks_that_do_the_same_do_not_narrow_the_interval():
    one = some_samples(40, 1)
    says = np.random.default_rng(2).random(40) < 0.5
    many = protocol.Samples(*(np.repeat(part, 50, axis=0) for part in one))
    times = hits.drawn_days(40)

    def of(samples, says):
        return hits.figures(hits.counts(samples, says)[None], hits.counts(samples, np.ones(len(says), bool)), times)

    np.testing.assert_allclose(of(one, says), of(many, np.repeat(says, 50)))
    right = of(one, says)[0]
    assert right.low < right.value < right.high


def test_figures_are_means_over_seeds_and_compare_on_the_same_draws():
    samples = some_samples(30, 6)
    up = hits.counts(samples, np.ones(180, bool))
    other = hits.counts(samples, samples.X[:, -2, 0] > 0)
    times = hits.drawn_days(30)
    both = hits.figures(np.stack([up, other]), up, times)
    alone = [hits.figures(cases[None], up, times) for cases in (up, other)]
    for mean, first, second in zip(both, *alone, strict=True):
        assert mean.value == pytest.approx((first.value + second.value) / 2)
    assert alone[0][2] == (0, 0, 0)


def test_the_lstm_finds_what_is_there_and_a_seed_gives_it_again():
    train, valid, test = some_samples(100, 10), some_samples(20, 10, 1), some_samples(30, 10, 2)
    settings = Settings(units=8, l2=0.0, batch=100, epochs=12)
    network, best = fit_lstm(train, valid, settings, 0)
    says = predict_lstm(network, test)
    assert accuracy_score(test.up, says) > 0.9
    assert best == pytest.approx((predict_lstm(network, valid) == valid.up).mean())
    np.testing.assert_array_equal(says, predict_lstm(fit_lstm(train, valid, settings, 0)[0], test))
    assert accuracy_score(test.up, predict_logistic(train, test)) > 0.9


def test_the_verdict_says_whether_always_up_can_be_told_apart():
    right, none = Figure(52.0, 49.0, 55.0), Figure(0.0, 0.0, 0.0)
    says = verdict((right, none, Figure(0.7, -1.0, 2.0)), 51.3, 64)
    assert "lies inside" in says
    assert "cannot tell" in says
    assert "better than" in verdict((right, none, Figure(3.5, 1.0, 5.0)), 48.5, 64)
    assert "lies outside" in verdict((right, none, Figure(3.5, 1.0, 5.0)), 48.5, 64)
    assert "worse than" in verdict((right, none, Figure(-4.0, -6.0, -1.0)), 56.0, 64)


def invoke(path, *options):
    return CliRunner().invoke(main, ["--data", str(path), *options])


def test_the_command_prints_every_forecaster(bars, tmp_path):
    path = tmp_path / "mine.csv"
    bars.to_csv(path, index=False)
    spans = ("--train", "2020-01-01", "--valid", "2020-03-10", "--test", "2020-03-17", "--end", "2020-03-24")
    result = invoke(path, *spans, "--seeds", "2")
    assert result.exit_code == 0, result.output
    rows = [line.split("|")[1].strip() for line in result.output.splitlines() if line.startswith("|")]
    assert rows[2:7] == [
        "LSTM, seed 0",
        "LSTM, seed 1",
        "LSTM, mean of 2 seeds",
        "logistic regression",
        "always up",
    ]
    assert rows[7].startswith("training majority")
    assert "days cannot tell" in result.output or "on these" in result.output


def test_the_command_asks_for_spans_it_does_not_know(bars, tmp_path):
    path = tmp_path / "mine.csv"
    bars.to_csv(path, index=False)
    assert "begins with acl18 or kdd17" in invoke(path).output
    spans = ("--train", "2020-04-01", "--valid", "2020-03-10", "--test", "2020-03-17", "--end", "2020-03-24")
    assert "in order of time" in invoke(path, *spans).output
    later = ("--train", "2021-01-01", "--valid", "2021-02-01", "--test", "2021-03-01", "--end", "2021-04-01")
    assert "expected samples in every span, got [0, 0, 0]" in invoke(path, *later).output
