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
from pricecast.report.leaderboard import CONFIDENCE, board
from pricecast.report.tables import format_cell, money_table, naive_first, ranking_table
from pricecast.text import listed

TEMPLATE = Path(__file__).with_name("report.html.jinja")
# More sentences, one a model, would push the table out of sight: they are folded away.
SENTENCES = 6
# The word that an answer opens with, where it has one.
LEAD = re.compile(r"((?:Yes|No|Not [^:]{1,30}):) ")


@dataclass(frozen=True, eq=False)
class Report:
    """What a report shows.

    Attributes:
        title: heading of the page.
        verdict: verdict.json: `sentence`, and as far as known `answers` (each a `question` and `answer`), `models`
            (by name a `sentence`), `best`, `reference`, `horizon`, `n_days` and `selected`.
        leaderboard: one row per model with a column `model`; other columns may be missing or extra.
        kicker: a line under the heading: on what the models were judged.
        coverage: rows of `coverage.coverage` at one horizon, of one or two models.
        direction: of `direction.direction`.
        money: of `trading.money`.
        cross_section: of `ranking.cross_section`.
        warnings: sentences on dropped tickers and the like.
        facts: label and value of tickers, dates, splits, source and so on.
        quality: quality.json, whose `findings` name kind, action, count, tickers and examples.
        comparison: of experiments, where the models are some.
        figures: title to picture and caption, in the order of the page.
    """

    title: str
    verdict: Mapping[str, Any]
    leaderboard: pd.DataFrame
    kicker: str = ""
    coverage: pd.DataFrame | None = None
    direction: pd.DataFrame = field(default_factory=pd.DataFrame)
    money: pd.DataFrame = field(default_factory=pd.DataFrame)
    cross_section: pd.DataFrame = field(default_factory=pd.DataFrame)
    warnings: list[str] = field(default_factory=list)
    facts: Mapping[str, str] = field(default_factory=dict)
    quality: Mapping[str, Any] = field(default_factory=dict)
    comparison: Comparison | None = None
    figures: Mapping[str, tuple[Figure, str]] = field(default_factory=dict)


def render(report: Report) -> str:
    """Return the report as HTML without any outside reference; every text in it is escaped."""
    models = naive_first(report.leaderboard)
    order = [str(name) for name in models["model"]]
    headline, _, more = unbroken(report.verdict["sentence"]).partition(". ")
    return html.render(
        TEMPLATE,
        report=report,
        headline=f"{headline}." if more else headline,
        more=more,
        answers=_answers(report.verdict),
        sentences=_sentences(report.verdict, order),
        many=SENTENCES,
        compared=comparison_table(report.comparison.table) if report.comparison else None,
        said=[unbroken(sentence) for sentence in report.comparison.sentences] if report.comparison else [],
        board=board(report.leaderboard, report.verdict, report.direction),
        confidence=CONFIDENCE,
        rows=models.to_dict("records"),
        columns=[column for column in models.columns if column != "model"],
        cell=format_cell,
        covered=[] if report.coverage is None else covered(report.coverage),
        money=money_table(report.money, order) if len(report.money) else None,
        cost=f"{COST_BPS:g}",
        ranking=ranking_table(report.cross_section, order) if len(report.cross_section) else None,
        findings=[_finding(finding) for finding in report.quality.get("findings", ())],
        pictures=[
            {"title": title, "caption": caption, **_picture(figure)}
            for title, (figure, caption) in report.figures.items()
        ],
    )


def covered(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of the coverage table: group, days, and by model the coverage of each interval with its error."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in naive_first(table).to_dict("records"):
        found = rows.setdefault(
            (row["by"], row["group"]), {"by": row["by"], "group": row["group"], "days": row["n_days"], "models": {}}
        )
        found["models"][str(row["model"])] = [
            (percent, f"{row[f'coverage_{percent}']:.1f}", f"{row[f'error_{percent}']:.1f}") for percent in PERCENTS
        ]
    return list(rows.values())


def _answers(verdict: Mapping[str, Any]) -> list[dict[str, str]]:
    """Question, the answer's first word where it is yes or no, and the rest of it."""
    found = []
    for each in verdict.get("answers") or ():
        text = unbroken(each["answer"])
        lead = LEAD.match(text)
        first, rest = (lead[1], text[lead.end() :]) if lead else ("", text)
        found.append({"question": str(each["question"]), "lead": first, "text": rest})
    return found


def _sentences(verdict: Mapping[str, Any], order: list[str]) -> list[tuple[str, str]]:
    """Model and what the verdict says of it, in the leaderboard's order; the name is not said twice."""
    models = verdict.get("models") or {}
    names = sorted(models, key=lambda name: order.index(name) if name in order else len(order))
    return [(name, unbroken(models[name]["sentence"]).removeprefix(f"{name}: ")) for name in names]


def unbroken(text: Any) -> str:
    """Keep a number and its percent sign on one line, and so a p and its value."""
    return re.sub(r" (?=%)|(?<=\bp) (?=[<=])|(?<=[<=±]) | (?=±)", "\N{NO-BREAK SPACE}", str(text))


def _picture(figure: Figure) -> dict[str, Any]:
    width, height = figure.get_size_inches() * 96
    source = "data:image/svg+xml;base64," + base64.b64encode(plots.svg(figure)).decode("ascii")
    return {"source": source, "width": round(width), "height": round(height)}


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
