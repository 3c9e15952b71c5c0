"""The report: one HTML file that needs nothing else, verdict first."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from pricecast.evaluation.coverage import PERCENTS
from pricecast.evaluation.trading import COST_BPS
from pricecast.experiments.comparison import Comparison
from pricecast.report import html, plots
from pricecast.report.comparison_table import comparison_table
from pricecast.report.forecast import forecast_sentences, forecast_tables
from pricecast.report.leaderboard import CONFIDENCE, leaderboard_table
from pricecast.report.tables import format_cell, naive_first, ranking_table, trading_table
from pricecast.report.ticker_table import FIRST, ticker_table
from pricecast.text import listed

TEMPLATE = Path(__file__).with_name("report.html.jinja")
# More sentences than these, one a model, would push the table out of sight: they are folded away.
SENTENCES = 6
# The word that an answer opens with, where it has one.
LEAD = re.compile(r"((?:Yes|No|Not [^:]{1,30}):) ")


@dataclass(frozen=True, eq=False)
class Report:
    """Content of a report.

    Attributes:
        title: heading of the page.
        verdict: verdict.json: `sentence`, and as far as known `answers` (each a `question` and `answer`), `models`
            (by name a `sentence`), `best`, `reference`, `horizon`, `n_days` and `selected`.
        leaderboard: one row per model with a column `model`; other columns may be missing or extra.
        kicker: a line under the heading: the days that the models were evaluated on.
        read: a line on the bars that were read.
        upcoming: forecast of the coming days (see `intervals.for_people`); None where none was made.
        upcoming_figures: a figure of it by ticker.
        coverage: rows of `coverage.coverage` at one horizon, of one or two models.
        tickers: result of `ticker_table.ticker_scores`, of the model `shown`.
        shown: model that tables of one model are about.
        direction: result of `direction.direction`.
        trading: result of `trading.trading`.
        ranking: result of `ranking.ranking`.
        warnings: sentences on dropped tickers and the like.
        facts: tickers, dates, splits, source and so on, by label.
        quality: quality.json, whose `findings` name kind, action, count, tickers and examples.
        comparison: comparison of experiments, where the models are trainings of some.
        figures: figure and caption by title, in the order of the page.
    """

    title: str
    verdict: Mapping[str, Any]
    leaderboard: pd.DataFrame
    kicker: str = ""
    read: str = ""
    upcoming: pd.DataFrame | None = None
    upcoming_figures: Mapping[str, Figure] = field(default_factory=dict)
    coverage: pd.DataFrame | None = None
    tickers: pd.DataFrame = field(default_factory=pd.DataFrame)
    shown: str = ""
    direction: pd.DataFrame = field(default_factory=pd.DataFrame)
    trading: pd.DataFrame = field(default_factory=pd.DataFrame)
    ranking: pd.DataFrame = field(default_factory=pd.DataFrame)
    warnings: list[str] = field(default_factory=list)
    facts: Mapping[str, str] = field(default_factory=dict)
    quality: Mapping[str, Any] = field(default_factory=dict)
    comparison: Comparison | None = None
    figures: Mapping[str, tuple[Figure, str]] = field(default_factory=dict)


def render(report: Report) -> str:
    """Return the report as HTML without any outside reference; every text in it is escaped."""
    models = naive_first(report.leaderboard)
    order = [str(name) for name in models["model"]]
    upcoming = pd.DataFrame(columns=["ticker", "horizon"]) if report.upcoming is None else report.upcoming
    headline, _, more = unbroken(report.verdict["sentence"]).partition(". ")
    return html.render(
        TEMPLATE,
        report=report,
        headline=f"{headline}." if more else headline,
        more=more,
        forecast_sentences=[unbroken(text) for text in forecast_sentences(upcoming)],
        forecast_tables=forecast_tables(upcoming),
        forecast_figures=[
            {"title": f"Forecast of {ticker}", **_embedded(figure)}
            for ticker, figure in report.upcoming_figures.items()
        ],
        trust=[unbroken(text) for text in report.verdict.get("trust") or ()],
        answers=_answers(report.verdict),
        sentences=_sentences(report.verdict, order),
        many=SENTENCES,
        experiments=comparison_table(report.comparison.table) if report.comparison else None,
        recommendation=[unbroken(sentence) for sentence in report.comparison.sentences]
        if report.comparison
        else [],
        leaderboard=leaderboard_table(report.leaderboard, report.verdict, report.direction),
        confidence=CONFIDENCE,
        rows=models.to_dict("records"),
        columns=[column for column in models.columns if column != "model"],
        cell=format_cell,
        coverage=[] if report.coverage is None else coverage_rows(report.coverage),
        tickers=ticker_table(report.tickers) if len(report.tickers) else None,
        first=FIRST,
        trading=trading_table(report.trading, order) if len(report.trading) else None,
        cost=f"{COST_BPS:g}",
        ranking=ranking_table(report.ranking, report.verdict.get("horizon", 1), order)
        if len(report.ranking)
        else None,
        findings=[_finding(finding) for finding in report.quality.get("findings", ())],
        figures=[
            {"title": title, "caption": caption, **_embedded(figure)}
            for title, (figure, caption) in report.figures.items()
        ],
    )


def coverage_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the coverage table's rows: group, days, and by model the coverage of each interval with its error."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in naive_first(table).to_dict("records"):
        group = rows.setdefault(
            (row["by"], row["group"]), {"by": row["by"], "group": row["group"], "days": row["n_days"], "models": {}}
        )
        group["models"][str(row["model"])] = [
            (percent, f"{row[f'coverage_{percent}']:.1f}", f"{row[f'error_{percent}']:.1f}") for percent in PERCENTS
        ]
    return list(rows.values())


def _answers(verdict: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return each question, the word that its answer opens with, and the rest of the answer."""
    answers = []
    for item in verdict.get("answers") or ():
        text = unbroken(item["answer"])
        lead = LEAD.match(text)
        first, rest = (lead[1], text[lead.end() :]) if lead else ("", text)
        answers.append({"question": str(item["question"]), "lead": first, "text": rest})
    return answers


def _sentences(verdict: Mapping[str, Any], order: list[str]) -> list[tuple[str, str]]:
    """Return each model with its sentence of the verdict, in the order of the leaderboard."""
    models = verdict.get("models") or {}
    names = sorted(models, key=lambda name: order.index(name) if name in order else len(order))
    return [(name, unbroken(models[name]["sentence"]).removeprefix(f"{name}: ")) for name in names]


def unbroken(text: Any) -> str:
    """Return a text whose numbers stay on one line with their percent signs, and p with its value.

    >>> unbroken("p = .03, 90 %").count(" ")
    1
    """
    return re.sub(r" (?=%)|(?<=\bp) (?=[<=])|(?<=[<=±]) | (?=±)", "\N{NO-BREAK SPACE}", str(text))


def _embedded(figure: Figure) -> dict[str, Any]:
    width, height = figure.get_size_inches() * 96
    wide, narrow = (
        "data:image/svg+xml;base64," + base64.b64encode(draw(figure)).decode("ascii")
        for draw in (plots.svg, plots.narrow_svg)
    )
    return {"source": wide, "narrow": narrow, "width": round(width), "height": round(height)}


def _finding(finding: Mapping[str, Any]) -> dict[str, str]:
    """Return a quality finding as texts; long lists keep their first entries and say how many follow."""
    texts = {name: str(finding.get(name, "")) for name in ("kind", "action", "count")}
    return texts | {name: _entries(finding.get(name)) for name in ("tickers", "examples")}


def _entries(value: Any) -> str:
    if isinstance(value, Mapping):
        value = [f"{name} ({count})" for name, count in value.items()]
    if not isinstance(value, (list, tuple)):
        return "" if value is None else str(value)
    return listed(value)
