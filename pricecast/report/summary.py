"""The report for the terminal and the file system: a summary in Markdown, figures as files."""

import re
import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from pricecast.evaluation.wording import ahead
from pricecast.experiments.comparison import Comparison
from pricecast.report import plots
from pricecast.report.comparison_table import comparison_table
from pricecast.report.forecast import forecast_sentences, forecast_tables
from pricecast.report.leaderboard import CONFIDENCE, leaderboard_table
from pricecast.report.report import SENTENCES, Report, unbroken
from pricecast.report.tables import Table

# Files of an evaluation.
REPORT, VERDICT, SUMMARY = "report.html", "verdict.json", "summary.md"
# Width of the terminal that the text is for, columns that its tables leave out, and shorter labels.
WIDTH = 120
LEFT_OUT = ("RMSE skill",)
EXPERIMENTS_LEFT_OUT = ("MAE",)
IN_FIGURES = "The same in figures, for those who know the words (docs/glossary.md):"
MARKED = f"Marked *: not ruled out as the best {{ahead}} (Model Confidence Set, {CONFIDENCE} %)."
SHORT = {
    "90 % coverage": "90 % held", "Winkler 90 (%)": "Winkler 90", "R2 of prices": "R2", "Training loss": "training",
    "Validation loss": "validation", "Best epoch": "epoch", "Seconds": "s",
}  # fmt: skip


def summary(report: Report) -> str:
    """Return the forecast, how far to trust it, verdict, answers, a sentence per model where few, and leaderboard.

    It is Markdown that also reads well in a terminal.
    """
    verdict = report.verdict
    sentences = [about["sentence"] for about in verdict["models"].values()]
    lists = [
        [f"{item['question']} {item['answer']}" for item in verdict.get("answers", ())],
        sentences if len(sentences) <= SENTENCES else [],
        report.warnings,
    ]
    blocks = ["\n".join(map(_item, items)) for items in lists if items]
    table = leaderboard_table(report.leaderboard, verdict)
    first = experiment_blocks(report.comparison) if report.comparison else []
    opening = forecast_blocks(report.read, report.upcoming, verdict.get("trust") or ())
    figures = [IN_FIGURES] if report.upcoming is not None else []
    parts = [*opening, *first, *figures, _wrapped(verdict["sentence"]), *blocks, markdown(table, LEFT_OUT)]
    return "\n\n".join(parts) + f"\n{_legend(table, report)}"


def forecast_blocks(read: str, intervals: pd.DataFrame | None, trust: Sequence[str]) -> list[str]:
    """Return what was read, the forecast with a sentence a ticker, and how far to trust it, as blocks of Markdown.

    Args:
        read: line on the bars, or nothing.
        intervals: result of `intervals.for_people`, None where there is no forecast.
        trust: plain sentences.
    """
    blocks = [read]
    if intervals is not None:
        tables, sentences = forecast_tables(intervals), forecast_sentences(intervals)
        first = "day" if len(tables) == len(sentences) else "ticker"
        for caption, table in tables.items():
            blocks += [caption, markdown(table, (), first)]
        blocks += map(_wrapped, sentences)
    return [block for block in [*blocks, "\n".join(map(_item, trust))] if block]


def experiment_blocks(comparison: Comparison, whole: bool = False) -> list[str]:
    """Return the recommendation and the table of experiments, as blocks of Markdown.

    Args:
        comparison: comparison of the experiments.
        whole: whether to show every column, with the spread over the seeds, wider than a terminal.
    """
    table = comparison_table(comparison.table)
    if whole:
        rows = [replace(row, cells=[(" ".join(cell).strip(), "") for cell in row.cells]) for row in table.rows]
        return ["\n".join(map(_item, comparison.sentences)), markdown(replace(table, rows=rows), ())]
    return ["\n".join(map(_item, comparison.sentences)), markdown(table, EXPERIMENTS_LEFT_OUT)]


def save_figures(figures: Mapping[str, tuple[Figure, str]], folder: Path) -> None:
    """Write each figure to a file named after its title."""
    for title, (figure, _) in figures.items():
        plots.save(figure, folder / f"{re.sub('[^a-z0-9]+', '_', title.lower()).strip('_')}.svg")


def _item(text: str) -> str:
    return _wrapped(text, "- ")


def _wrapped(text: str, bullet: str = "") -> str:
    """Return a text in lines of the terminal's width, in which numbers stay with their signs."""
    return textwrap.fill(
        unbroken(text),
        WIDTH,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    ).replace("\N{NO-BREAK SPACE}", " ")


def markdown(table: Table, left_out: Collection[str], first: str = "model") -> str:
    """Return a table without some columns as Markdown, aligned for a terminal; `first` heads the rows' names."""
    kept = [number for number, (label, _) in enumerate(table.columns) if label not in left_out]
    labels = [SHORT.get(table.columns[number][0], table.columns[number][0]) for number in kept]
    rows = [[first, *labels]] + [
        [row.name + (" *" if row.marked else ""), *(row.cells[number][0] for number in kept)] for row in table.rows
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [
        [
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in [rows[0], rule, *rows[1:]]
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


ALWAYS = (
    "naive and ewma, the last close with its usual swing, calibrated and not, are always judged beside the others."
)


def _legend(table: Table, report: Report) -> str:
    """Explain the marks and the last row, where there are any."""
    selected = report.verdict.get("selected")
    lines = [ALWAYS]
    if any(row.marked for row in table.rows):
        lines.append(MARKED.format(ahead=ahead(report.verdict.get("horizon", 1))))
    if selected:
        days = f"{selected['n_days']:,} days of the folds from the second on"
        lines.append(f"selected: the best of the folds before, judged on the next; on the {days}.")
    return "".join(f"\n{line}\n" for line in lines)
