"""An evaluation for the terminal and the file system: a summary in Markdown, pictures as files."""

import re
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from pricecast import plots
from pricecast.report import HEADLINE, Report, format_cell

# Files of an evaluation.
REPORT, VERDICT, SUMMARY = "report.html", "verdict.json", "summary.md"


def summary(report: Report) -> str:
    """Verdict, a sentence per model and the leaderboard, as Markdown that also reads well in a terminal."""
    board = report.leaderboard
    columns = {"model": "model", **{name: label for name, (label, _) in HEADLINE.items() if name in board}}
    rows = [list(columns.values())] + [
        [format_cell(name, row[name]) for name in columns] for row in board.to_dict("records")
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [
        [
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in [rows[0], rule, *rows[1:]]
    ]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    sentences = "\n".join(f"- {about['sentence']}" for about in report.verdict["models"].values())
    warnings = "".join(f"- {warning}\n" for warning in report.warnings)
    return f"{report.verdict['sentence']}\n\n{sentences}\n{warnings}\n{table}\n"


def save_pictures(figures: Mapping[str, tuple[Figure, str]], folder: Path) -> None:
    """Writes each figure to a file named after its title."""
    for title, (figure, _) in figures.items():
        plots.save(figure, folder / f"{re.sub('[^a-z0-9]+', '_', title.lower()).strip('_')}.svg")
