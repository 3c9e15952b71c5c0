import base64
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pricecast.evaluation.by_fold import by_fold
from pricecast.evaluation.coverage import coverage
from pricecast.evaluation.scores import measure
from pricecast.report.figures import MOST, MOST_TICKERS, draw
from pricecast.report.report import Report, coverage_rows, render
from pricecast.report.tables import format_cell
from pricecast.report.ticker_table import ticker_scores
from tests.support.forecast_samples import sample_forecasts

EVIL = "<script>alert('x')</script>"
SELECTED = {
    "choice": {"2": "lstm", "3": "naive"},
    "n_days": 1104,
    "crps": 0.8642,
    "winkler_90": 7.113,
    "coverage_90": 88.4,
    "against": {"naive": {"skill_crps": 0.0031, "p_crps": 0.0441, "skill_winkler": 0.01, "p_winkler": 0.2}},
}
DIRECTION = pd.DataFrame(
    {
        "model": ["lstm", "naive", "lstm"],
        "horizon": [1, 1, 2],
        "hit_rate": [52.1, np.nan, 50.0],
        "low": [48.82, np.nan, 47.0],
        "high": [55.37, np.nan, 53.0],
    }
)
TRADING = pd.DataFrame(
    {
        "model": ["naive", "lstm", "buy and hold"],
        "return": [0.0, -3.14, 12.51],
        "volatility": [0.0, 9.0, 14.2],
        "sharpe": [np.nan, -0.351, 0.881],
        "deflated_sharpe": [np.nan, 0.0712, 0.9934],
        "max_drawdown": [0.0, 12.0, 19.86],
        "turnover": [0.0, 31.41, 0.51],
        "invested": [0.0, 41.2, 100.0],
    }
)
RANKED = pd.DataFrame(
    {
        "model": ["naive", "lstm", "lstm"],
        "horizon": [1, 1, 2],
        "n_days": [0, 1104, 1000],
        "ic": [np.nan, -0.01234, 0.5],
        "ic_error": [np.nan, 0.0101, 0.5],
        "rank_ic": [np.nan, 0.0321, 0.5],
        "rank_ic_error": [np.nan, 0.0099, 0.5],
        "icir": [np.nan, 0.0551, 0.5],
        "spread": [np.nan, 0.0423, 0.5],
        "spread_error": [np.nan, 0.0171, 0.5],
    }
)
CURVES = pd.DataFrame(
    {"epoch": [1, 2, 3, 4], "train_loss": [1.2, 0.8, 0.7, 0.65], "val_loss": [1.1, 0.9, 0.88, 0.93]}
)


def sample_report() -> Report:
    forecasts = sample_forecasts()
    leaderboard = pd.DataFrame(
        {
            "model": ["lstm", "naive", "ewma", "drift"],
            "horizon": [1] * 4,
            "crps": [0.871, 0.876, 0.891, 0.877],
            "skill_crps": [0.0058, 0.0, -0.0171, -0.0011],
            "dm_p_crps_holm": [0.41, np.nan, 0.0004, 0.88],
            "rmse": [1.611, 1.621, 1.621, 1.624],
            "skill_rmse": [0.0062, 0.0, 0.0, -0.0019],
            "dm_p_point_holm": [0.52, np.nan, 1.0, 0.9],
            "coverage_90": [87.4, 89.1, 91.2, 87.1],
            "winkler_90": [7.21, 7.02, 7.29, 7.22],
            "width_90": [4.81, 5.34, 5.83, 4.81],
            "direction": [52.1, np.nan, np.nan, 50.8],
            "majority": [52.9, np.nan, np.nan, 52.9],
            "mcs_p": [1.0, 0.64, 0.02, 0.31],
            "skill_crps_h5": [0.0031, 0.0, -0.021, -0.004],
            "n_rows": [1180] * 4,
        }
    )
    verdict = {
        "sentence": "No model beats doing nothing: the naive forecast is as good as any on these 119 days.",
        "models": {
            "lstm": {"sentence": "lstm: CRPS 0.6 % lower than naive's, within chance (p = 0.41)."},
            "ewma": {"sentence": "CRPS 1.7 % higher than naive's, and that is no accident (p < 0.001)."},
            "drift": {"sentence": "no different from naive in any measure."},
        },
        "best": "lstm",
        "reference": "naive",
        "horizon": 1,
        "n_days": 119,
        "answers": [
            {"question": "Are the intervals honest?", "answer": "Not at 90 %: lstm's held 87.4 ± 1.1 %."},
            {"question": "In every fold?", "answer": "lstm's CRPS is below naive's in 5 of 8 folds."},
        ],
        "selected": SELECTED,
    }
    dropped = {"kind": "missing close", "action": "bar dropped", "count": 3, "tickers": {"AAPL": 3}}
    repaired = {"kind": "split repaired", "action": "back-adjusted", "count": 1, "tickers": {"MSFT": 1}}
    findings = [
        dropped | {"examples": ["AAPL 2019-03-04: no close"]},
        repaired | {"examples": ["MSFT 2003-02-18: 2 for 1"]},
    ]
    return Report(
        title="pricecast: AAPL, MSFT, 5 trading days ahead",
        verdict=verdict,
        leaderboard=leaderboard,
        warnings=["TWTR was dropped: it has no bar after 2022-10-27."],
        facts={
            "Tickers": "AAPL, MSFT",
            "Training": "2010-01-04 to 2021-06-30 (2,892 days)",
            "Validation": "2021-07-09 to 2023-12-22 (620 days)",
            "Test": "2024-01-02 to 2024-06-17 (120 days)",
            "Horizon": "5 trading days",
            "Source": "sample",
        },
        quality={"findings": findings},
        kicker="Backtest of 8 folds: 1,180 days from 2020-01-02 to 2024-06-17.",
        direction=DIRECTION,
        trading=TRADING,
        ranking=RANKED,
        figures=draw(forecasts, {"lstm": CURVES, "drift": None}, ["lstm", "naive", "drift", "ewma"]),
    )


def a_coverage_table(models=("lstm", "naive")) -> pd.DataFrame:
    table = sample_forecasts()
    table = table[table["model"].isin(models) & table["horizon"].eq(1)]
    scale = table[["ticker", "cutoff"]].drop_duplicates().rename(columns={"cutoff": "date"})
    return coverage(table, scale.assign(scale=np.linspace(1, 2, len(scale))))


def test_coverage_stands_in_the_report_group_by_group_naive_first(report):
    table = a_coverage_table()
    rows = coverage_rows(table)
    assert [row["group"] for row in rows] == ["all", "calm", "middle", "wild", "2024", "AAPL", "MSFT"]
    assert list(rows[0]["models"]) == ["naive", "lstm"]
    wild = table[(table["group"] == "wild") & (table["model"] == "lstm")].iloc[0]
    expected = [(p, f"{wild[f'coverage_{p}']:.1f}", f"{wild[f'error_{p}']:.1f}") for p in (50, 80, 90)]
    assert rows[3]["models"]["lstm"] == expected
    page = render(replace(report, coverage=table))
    for text in ("wild volatility", f"{expected[2][1]} <span", "coverage.csv"):
        assert text in page
    assert "coverage.csv" not in render(report)


@pytest.fixture(scope="module")
def report() -> Report:
    return sample_report()


@pytest.fixture(scope="module")
def html(report: Report) -> str:
    return render(report)


def test_the_verdict_comes_first_then_the_table_then_pictures_then_data(html: str) -> None:
    body = html[html.index("<body>") :]
    words = ("Backtest of 8 folds", "No model beats doing nothing", "Are the intervals honest?", "In every fold?")
    words += ("TWTR was dropped", "within chance")
    tables = ("Leaderboard</h2>", "Does it rank", "<figure", "Would it have paid?</h2>")
    marks = [*words, *tables, "missing close", "Winkler</dt>"]
    places = [body.index(mark) for mark in marks]
    assert places == sorted(places)


def test_naive_is_the_highlighted_first_row(html: str) -> None:
    assert "lstm</strong>: CRPS 0.6\N{NO-BREAK SPACE}%" in html
    rows = re.findall(r"<tr( class=\"naive\")?>\s*<th scope=\"row\">([a-z]+)", html)
    assert rows[:4] == [(' class="naive"', "naive"), ("", "lstm"), ("", "ewma"), ("", "drift")]


def cells(html: str, name: str, nth: int = 0) -> list[str]:
    """Texts of the cells of a row, tags left out."""
    rows = re.findall(rf"<tr[^>]*>\s*<th scope=\"row\">{name}\b.*?</tr>", html, re.DOTALL)
    return [re.sub("<.*?>", " ", cell).strip() for cell in re.findall("<td>(.*?)</td>", rows[nth], re.DOTALL)]


def test_answers_stand_beside_their_questions_with_their_first_word_set_off(html: str) -> None:
    answers = re.search('<dl class="answers">(.*?)</dl>', html, re.DOTALL)[1].replace("\N{NO-BREAK SPACE}", " ")
    assert "<dt>Are the intervals honest?</dt>" in answers
    assert "<dd><strong>Not at 90 %:</strong> lstm&#39;s held 87.4 ± 1.1 %.</dd>" in answers
    assert "<dd>lstm&#39;s CRPS is below naive&#39;s in 5 of 8 folds.</dd>" in answers
    assert '<dl class="answers">' not in render(bare_report())


def test_the_first_sentence_is_the_heading_and_the_others_follow(report: Report) -> None:
    verdict = {"sentence": "har beats naive (CRPS, p = .012). At horizon 5 nothing beats naive. So it is."}
    text = render(replace(report, verdict=verdict)).replace("\N{NO-BREAK SPACE}", " ")
    assert '<p class="verdict">har beats naive (CRPS, p = .012).</p>' in text
    assert '<p class="more">At horizon 5 nothing beats naive. So it is.</p>' in text
    assert 'class="more"' not in render(bare_report())


def test_models_that_may_be_the_best_are_marked_and_the_mark_is_explained(report: Report, html: str) -> None:
    marked = re.findall(r"<th scope=\"row\">(\w+)\s*<span class=\"mark\"", html)
    assert marked == ["naive", "lstm", "drift"]
    assert "Model Confidence Set at 90 %" in html
    leaderboard = report.leaderboard
    alone = render(replace(report, leaderboard=leaderboard.assign(mcs_p=[1.0, 0.1, 0.02, 0.0])))
    assert "stands alone in the Model Confidence Set" in alone
    few = render(replace(report, leaderboard=leaderboard.assign(mcs_p=np.nan)))
    assert 'class="mark"' not in few


def test_the_selected_row_is_the_last_and_has_its_own_figures(html: str) -> None:
    leaderboard = html[html.index('id="leaderboard"') : html.index("<details")]
    assert re.findall(r"<tr class=\"(\w+)\"", leaderboard) == ["naive", "selected"]
    dash = "\N{EN DASH}"
    expected = ["0.8642", "+0.31 %", "0.044", dash, dash, dash, "88.4 %", "7.113", dash, dash]
    assert cells(leaderboard, "selected") == expected
    assert leaderboard.rindex("<tr") == leaderboard.index('<tr class="selected"')
    assert "judged on 1,104 days" in html
    assert 'class="selected"' not in render(bare_report())


def test_direction_has_its_interval_beside_the_majority(html: str) -> None:
    assert cells(html, "lstm")[-2:] == ["52.1 % 48.8\N{EN DASH}55.4", "52.9 %"]
    assert cells(html, "drift")[-2:] == ["50.8 %", "52.9 %"]


def test_money_is_a_sanity_check_beside_buy_and_hold(html: str) -> None:
    section = html[html.index('id="money"') : html.index('id="data"')]
    assert "A sanity check, no strategy." in section
    assert "costs\n    5 basis points" in section
    names = re.findall(r"<th scope=\"row\">([\w ]+)", section)
    assert [name.strip() for name in names] == ["buy and hold", "naive", "lstm"]
    assert cells(section, "buy and hold") == ["12.5 %", "14.2 %", "0.88", "0.99", "19.9 %", "0.5", "100.0 %"]
    minus, dash = "\N{MINUS SIGN}", "\N{EN DASH}"
    assert cells(section, "lstm")[:4] == [f"{minus}3.1 %", "9.0 %", f"{minus}0.35", "0.07"]
    assert cells(section, "naive")[2:4] == [dash, dash]
    assert 'id="money"' not in render(bare_report())


def test_the_ranking_of_tickers_is_that_of_the_shortest_horizon(html: str) -> None:
    section = html[html.index('id="ranking"') : html.index('id="pictures"')]
    assert re.findall(r"<th scope=\"row\">(\w+)", section) == ["lstm"]
    assert cells(section, "lstm") == [
        "1,104", "\N{MINUS SIGN}0.0123 ± 0.0101", "0.0321 ± 0.0099", "0.055", "0.042 ± 0.017",
    ]  # fmt: skip
    assert 'id="ranking"' not in render(bare_report())


def many(count: int) -> Report:
    names = ["naive", *(f"m{i:02}" for i in range(count - 1))]
    leaderboard = pd.DataFrame({"model": names, "crps": np.linspace(1, 2, count)})
    verdict = {"sentence": "s", "models": {name: {"sentence": f"{name}: fine."} for name in names}}
    return Report("t", verdict, leaderboard)


def test_sentences_of_many_models_are_folded_away() -> None:
    verdicts = [text[text.index("<body>") : text.index("<nav")] for text in (render(many(n)) for n in (6, 7, 20))]
    assert ["<details>" in text for text in verdicts] == [False, True, True]
    assert "Each of the 20 models in a sentence" in verdicts[2]
    assert all("<strong>m04</strong>: fine." in text for text in verdicts)


def test_pictures_of_many_models_show_the_first_few_and_say_so() -> None:
    names = [f"m{i:02}" for i in range(20)]
    forecasts = sample_forecasts(days=30, horizons=2, models=("naive", *names))
    ranked = [*names[10:], "naive", *names[:10]]
    captions = draw(forecasts, {}, ranked)
    horizons = captions["Does it beat naive, by horizon?"]
    shown = {text.get_text() for text in horizons[0].legends[0].get_texts()}
    assert shown == {"naive", *names[10 : 10 + MOST]}
    assert horizons[1].endswith(f"Of 20 models the first {MOST} by CRPS are drawn.")
    few = draw(forecasts[forecasts["model"].isin(["naive", *names[:MOST]])], {}, names[:MOST])
    assert "are drawn" not in few["Does it beat naive, by horizon?"][1]


def test_a_model_without_an_opinion_is_not_drawn_against_outcomes() -> None:
    forecasts = sample_forecasts(days=30, horizons=1)
    assert "Forecast against outcome: lstm" in draw(forecasts, {}, ["ewma", "lstm", "drift", "naive"])
    still = draw(forecasts[forecasts["model"].isin(["naive", "ewma"])], {}, ["ewma", "naive"])
    assert not [title for title in still if "against" in title]


def test_prices_come_first_and_folds_have_a_picture_of_their_own() -> None:
    forecasts = sample_forecasts(days=60, horizons=1)
    forecasts["fold"] = 1 + (forecasts["cutoff"] > "2024-02-10").astype(int)
    ranked = ["lstm", "naive", "drift", "ewma"]
    titles = list(draw(forecasts, {}, ranked, by_fold(forecasts)))
    assert titles[:3] == [
        "Prices and intervals: lstm, AAPL", "Ticker by ticker: lstm", "Is it better in every fold?",
    ]  # fmt: skip
    one = forecasts.assign(fold=1)
    assert "Is it better in every fold?" not in draw(one, {}, ranked, by_fold(one))


def test_prices_are_those_of_the_recommended_model_as_the_market_quoted_them() -> None:
    forecasts = sample_forecasts(days=60)
    rows = forecasts[["ticker", "cutoff", "last_close"]].drop_duplicates()
    bars = rows.rename(columns={"cutoff": "date", "last_close": "close"})
    bars["quote"] = bars["close"] * np.where(bars["date"] < "2024-03-01", 14, 7)  # a split, and dividends after it
    figures = draw(forecasts, {}, ["lstm", "naive"], recommended="ewma", bars=bars)
    chart, caption = figures["Prices and intervals: ewma, AAPL"]
    path = next(line for line in chart.axes[0].lines if line.get_label() == "ewma median").get_ydata()
    assert path[0] == pytest.approx(bars.loc[bars["ticker"] == "AAPL", "quote"].iloc[-1])
    assert chart.axes[0].get_ylabel() == "Price as quoted"
    assert chart.axes[1].get_ylabel() == "Price as quoted\nadjusted up to 2024-02-29"
    assert "adjusted" in caption
    as_they_are = draw(forecasts, {}, ["lstm", "naive"])["Prices and intervals: lstm, AAPL"]
    assert "adjusted" not in as_they_are[1]


def test_every_ticker_has_a_fan_up_to_twelve_and_a_row() -> None:
    many = sample_forecasts([f"T{i:02}" for i in range(14)], ("naive", "lstm"), days=30, horizons=2)
    chart, caption = draw(many, {}, ["lstm", "naive"])["Ticker by ticker: lstm"]
    assert len(chart.axes) == MOST_TICKERS == 12
    assert caption.endswith("Of 14 tickers the first 12 are drawn.")
    one = draw(sample_forecasts(["AAPL"], days=30), {}, ["lstm", "naive"])
    assert "Ticker by ticker: lstm" not in one
    features = many[["ticker", "cutoff"]].drop_duplicates().rename(columns={"cutoff": "date"}).assign(scale=0.01)
    scores = ticker_scores(many, coverage(many, features), "lstm")
    text = render(replace(bare_report(), tickers=scores, shown="lstm"))
    assert len(re.findall(r'<th scope="row">T\d\d', text)) == 14
    assert "The other 2 tickers" in text
    assert "The other" not in render(replace(bare_report(), tickers=scores[:12], shown="lstm"))


def test_the_row_of_a_ticker_is_what_it_scores_alone() -> None:
    forecasts = sample_forecasts(days=40, horizons=2)
    features = forecasts[["ticker", "cutoff"]].drop_duplicates().rename(columns={"cutoff": "date"})
    scores = ticker_scores(forecasts, coverage(forecasts, features.assign(scale=0.01)), "lstm")
    for row in scores.to_dict("records"):
        alone = measure(forecasts[forecasts["ticker"] == row["ticker"]]).loc[1]
        assert row["skill_crps"] == pytest.approx(alone.loc["lstm", "skill_crps"])
        for name in ("coverage_50", "coverage_80", "coverage_90", "winkler_90"):
            assert row[name] == pytest.approx(alone.loc["lstm", name])
            assert row[f"naive_{name}"] == pytest.approx(alone.loc["naive", name])
        assert row["n_days"] == alone.loc["naive", "n_days"]
    one = forecasts[forecasts["ticker"] == "AAPL"]
    alone = coverage(one, features[features["ticker"] == "AAPL"].assign(scale=0.01))
    assert ticker_scores(one, alone, "lstm").empty


def test_nothing_is_fetched_from_outside(html: str) -> None:
    assert "http://" not in html
    assert "https://" not in html
    sources = re.findall(r"src(?:set)?=\"([^\"]*)", html)
    assert len(sources) == 2 * html.count("<figure>")
    assert all(src.startswith("data:image/svg+xml;base64,") for src in sources)
    assert not re.search(r"<(script|link|iframe)|url\(|@import", html)
    assert len(html) < 2_000_000


def test_each_picture_has_an_alt_text_and_a_caption(html: str, report: Report) -> None:
    assert len(re.findall(r"<img [^>]*alt=\"[^\"]{40,}\"", html)) == len(report.figures) == 7
    assert html.count("<figcaption>") == 7


def test_the_details_table_keeps_columns_without_a_headline(html: str) -> None:
    assert "skill_crps_h5" in html
    assert "1,180" in html


def test_hostile_texts_are_escaped_everywhere(report: Report) -> None:
    verdict = {
        "sentence": f"{EVIL}. {EVIL}", "models": {EVIL: {"sentence": EVIL}}, "best": EVIL, "n_days": EVIL,
        "reference": EVIL, "horizon": EVIL, "answers": [{"question": EVIL, "answer": f"No: {EVIL}"}],
    }  # fmt: skip
    picture = report.figures["Training"][0]
    hostile = Report(
        title=EVIL,
        verdict=verdict,
        leaderboard=pd.DataFrame({"model": [EVIL, "naive"], "crps": [EVIL, 0.1], EVIL: [1.0, 2.0]}),
        kicker=EVIL,
        direction=DIRECTION.assign(model=EVIL),
        trading=TRADING.assign(model=EVIL),
        ranking=RANKED.assign(model=EVIL),
        warnings=[EVIL],
        facts={EVIL: EVIL},
        quality={"findings": [dict.fromkeys(("kind", "action", "count", "tickers", "examples"), EVIL)]},
        figures={EVIL: (picture, f'" onerror="alert(1)" {EVIL}')},
    )
    text = render(hostile)
    assert "<script" not in text
    assert 'onerror="' not in text
    assert "&lt;script&gt;" in text


def test_hostile_ticker_in_a_picture_stays_text() -> None:
    forecasts = sample_forecasts(tickers=(EVIL,), models=("naive", "a$b$<i>"), days=30)
    pictures = draw(forecasts, {}, ["a$b$<i>", "naive"])
    text = render(replace(bare_report(), figures=pictures))
    assert "<script" not in text
    assert "<i>" not in text
    svgs = [base64.b64decode(code).decode() for code in re.findall(r"svg\+xml;base64,([^\"]+)", text)]
    assert len(svgs) == 2 * 5
    assert not any("<script" in svg or "<i>" in svg for svg in svgs)


def bare_report() -> Report:
    return Report("t", {"sentence": "s"}, pd.DataFrame({"model": ["naive"]}))


def test_the_smallest_report_renders() -> None:
    text = render(bare_report())
    assert "<figure" not in text
    assert "naive" in text


def test_equal_inputs_give_equal_bytes_and_are_left_alone() -> None:
    forecasts = sample_forecasts(tickers=("AAPL",), days=40, horizons=1)
    before, leaderboard = forecasts.copy(deep=True), bare_report().leaderboard
    first, second = (
        render(Report("t", {"sentence": "s"}, leaderboard, figures=draw(forecasts, {}, ["lstm", "naive"])))
        for _ in range(2)
    )
    assert first == second
    pd.testing.assert_frame_equal(forecasts, before)
    assert list(leaderboard["model"]) == ["naive"]


def test_captions_give_naives_r2_on_prices_beside_the_models() -> None:
    caption = draw(sample_forecasts(), {}, ["lstm", "naive"])["Forecast against outcome: lstm"][1]
    naive, lstm = re.findall(r"R² = ([\d.]+) on prices", caption)
    assert float(naive) > 0.8
    assert abs(float(naive) - float(lstm)) < 0.05


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("crps", 0.63, "0.6300"),
        ("mse", 12345.67, "12,345.7"),
        ("skill_crps", -0.0171, "\N{MINUS SIGN}1.71 %"),
        ("skill_rmse_h5", 0.02, "+2.00 %"),
        ("coverage_90", 90.0, "90.0 %"),
        ("dm_p_crps_holm", 0.0002, "< 0.001"),
        ("dm_p_point_holm", np.nan, "\N{EN DASH}"),
        ("note", None, "\N{EN DASH}"),
        ("note", "text", "text"),
        ("n", 12345, "12,345"),
    ],
)
def test_cells_are_written_for_people(column: str, value: object, text: str) -> None:
    assert format_cell(column, value) == text


def test_long_lists_of_findings_are_cut_and_counted() -> None:
    finding = {"kind": "gap", "count": 600, "tickers": {f"T{i}": 1 for i in range(600)}}
    text = render(replace(bare_report(), quality={"findings": [finding]}))
    assert "T7 (1) and 592 more" in text


@pytest.fixture
def page(html: str, tmp_path: Path) -> Iterator[object]:
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("Chromium or its driver is not installed")
    webdriver = pytest.importorskip("selenium.webdriver")
    (tmp_path / "report.html").write_text(html, encoding="utf-8")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    quiet = ("gpu", "quic", "background-networking", "component-update", "sync")
    flags = ["headless", "no-sandbox", "no-first-run", *(f"disable-{name}" for name in quiet)]
    for flag in (*flags, f"user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(f"--{flag}")
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        browser.get((tmp_path / "report.html").as_uri())
        yield browser
    finally:
        browser.quit()


@pytest.mark.browser
def test_a_browser_shows_every_picture_and_never_scrolls_sideways(page, report: Report) -> None:
    widths = page.execute_script("return Array.from(document.images, image => image.naturalWidth)")
    assert len(widths) == len(report.figures)
    assert min(widths) > 0
    for width in (1200, 400):
        # A window cannot be made as narrow as a telephone, an emulated screen can.
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        window, seen, needed = page.execute_script(
            "document.querySelector('details').open = true;"
            "const page = document.documentElement;"
            "return [window.innerWidth, page.clientWidth, page.scrollWidth]"
        )
        assert window == width
        assert needed == seen


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_first_screen_is_the_verdict(page, width: int, height: int) -> None:
    screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    bottoms = page.execute_script(
        "return Array.from(document.querySelectorAll('.verdict, .answers > *'),"
        " found => found.getBoundingClientRect().bottom)"
    )
    assert len(bottoms) == 5
    assert max(bottoms) < height


@pytest.mark.browser
def test_pictures_turn_dark_on_a_dark_screen_and_stay_light_on_paper(page) -> None:
    def seen(media: str, scheme: str) -> tuple[str, str]:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
        return tuple(
            page.execute_script(
                "return [getComputedStyle(document.querySelector('.picture img')).filter,"
                " getComputedStyle(document.body).backgroundColor]"
            )
        )

    assert seen("screen", "light") == ("none", "rgb(251, 251, 250)")
    dark, background = seen("screen", "dark")
    assert dark.startswith("invert")
    assert background == "rgb(21, 24, 28)"
    assert seen("print", "dark") == ("none", "rgb(255, 255, 255)")


@pytest.mark.browser
def test_nothing_is_cut_off_on_paper(page) -> None:
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    # The width of A4 between margins of half an inch.
    screen = {"width": 698, "height": 1027, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    edges = page.execute_script(
        "return Array.from(document.querySelectorAll('table, img'), found => found.getBoundingClientRect().right)"
    )
    assert len(edges) > 8
    assert max(edges) <= 698
