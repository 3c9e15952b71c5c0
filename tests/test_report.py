import base64
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forecast_samples import sample_forecasts
from pricecast.coverage import coverage
from pricecast.report import Report, covered, figures, format_cell, render

EVIL = "<script>alert('x')</script>"
CURVES = pd.DataFrame(
    {"epoch": [1, 2, 3, 4], "train_loss": [1.2, 0.8, 0.7, 0.65], "val_loss": [1.1, 0.9, 0.88, 0.93]}
)


def sample_report() -> Report:
    forecasts = sample_forecasts()
    board = pd.DataFrame(
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
        leaderboard=board,
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
        figures=figures(forecasts, {"lstm": CURVES, "drift": None}, "lstm"),
    )


def a_coverage_table(models=("lstm", "naive")) -> pd.DataFrame:
    table = sample_forecasts()
    table = table[table["model"].isin(models) & table["horizon"].eq(1)]
    scale = table[["ticker", "cutoff"]].drop_duplicates().rename(columns={"cutoff": "date"})
    return coverage(table, scale.assign(scale=np.linspace(1, 2, len(scale))))


def test_coverage_stands_in_the_report_group_by_group_naive_first(report):
    table = a_coverage_table()
    rows = covered(table)
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
    words = ("No model beats doing nothing", "within chance", "TWTR was dropped")
    marks = [*words, "<table", "<figure", "missing close", "Winkler</dt>"]
    places = [body.index(mark) for mark in marks]
    assert places == sorted(places)


def test_naive_is_the_highlighted_first_row(html: str) -> None:
    assert "lstm</strong>: CRPS 0.6\N{NO-BREAK SPACE}%" in html
    rows = re.findall(r"<tr( class=\"naive\")?>\s*<th scope=\"row\">([a-z]+)", html)
    assert rows[:4] == [(' class="naive"', "naive"), ("", "lstm"), ("", "ewma"), ("", "drift")]


def test_nothing_is_fetched_from_outside(html: str) -> None:
    assert "http://" not in html
    assert "https://" not in html
    assert all(src.startswith("data:image/svg+xml;base64,") for src in re.findall(r"src=\"([^\"]*)", html))
    assert not re.search(r"<(script|link|iframe)|url\(|@import", html)
    assert len(html) < 2_000_000


def test_each_picture_has_an_alt_text_and_a_caption(html: str, report: Report) -> None:
    assert len(re.findall(r"<img [^>]*alt=\"[^\"]{40,}\"", html)) == len(report.figures) == 6
    assert html.count("<figcaption>") == 6


def test_the_details_table_keeps_columns_without_a_headline(html: str) -> None:
    assert "skill_crps_h5" in html
    assert "1,180" in html


def test_hostile_texts_are_escaped_everywhere(report: Report) -> None:
    verdict = {"sentence": EVIL, "models": {EVIL: {"sentence": EVIL}}, "best": EVIL, "n_days": EVIL}
    picture = report.figures["Training"][0]
    hostile = Report(
        title=EVIL,
        verdict=verdict,
        leaderboard=pd.DataFrame({"model": [EVIL, "naive"], "crps": [EVIL, 0.1], EVIL: [1.0, 2.0]}),
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
    pictures = figures(forecasts, {}, "a$b$<i>")
    text = render(replace(sample_board(), figures=pictures))
    assert "<script" not in text
    assert "<i>" not in text
    svgs = [base64.b64decode(code).decode() for code in re.findall(r"svg\+xml;base64,([^\"]+)", text)]
    assert len(svgs) == 5
    assert not any("<script" in svg or "<i>" in svg for svg in svgs)


def sample_board() -> Report:
    return Report("t", {"sentence": "s"}, pd.DataFrame({"model": ["naive"]}))


def test_the_smallest_report_renders() -> None:
    text = render(sample_board())
    assert "<figure" not in text
    assert "naive" in text


def test_equal_inputs_give_equal_bytes_and_are_left_alone() -> None:
    forecasts = sample_forecasts(tickers=("AAPL",), days=40, horizons=1)
    before, board = forecasts.copy(deep=True), sample_board().leaderboard
    first, second = (
        render(Report("t", {"sentence": "s"}, board, figures=figures(forecasts, {}, "lstm"))) for _ in range(2)
    )
    assert first == second
    pd.testing.assert_frame_equal(forecasts, before)
    assert list(board["model"]) == ["naive"]


def test_captions_give_naives_r2_on_prices_beside_the_models() -> None:
    caption = figures(sample_forecasts(), {}, "lstm")["Forecast against outcome: lstm"][1]
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
    text = render(replace(sample_board(), quality={"findings": [finding]}))
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
