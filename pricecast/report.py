"""The report: one HTML file that needs nothing else, verdict first."""

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from matplotlib.figure import Figure

from pricecast import plots
from pricecast.coverage import PERCENTS
from pricecast.metrics import METRICS, Slice
from pricecast.schema import NAIVE

# Columns of the first table: label, and what it says (shown as a tooltip).
HEADLINE = {
    "crps": ("CRPS (%)", "Loss of the whole distribution, of log returns; lower is better"),
    "skill_crps": ("CRPS skill", "How much lower than naive's CRPS; above zero is better than naive"),
    "dm_p_crps_holm": ("p, CRPS", "Diebold-Mariano test against naive, corrected for the models tried"),
    "rmse": ("RMSE", "Error of the point forecast in price units, averaged over tickers; lower is better"),
    "skill_rmse": ("RMSE skill", "How much lower than naive's RMSE; above zero is better than naive"),
    "dm_p_point_holm": ("p, point", "Diebold-Mariano test against naive, corrected for the models tried"),
    "coverage_90": ("90 % coverage", "Share of outcomes inside the 90 % interval; 90 % is right"),
    "winkler_90": ("Winkler 90 (%)", "Width of the 90 % interval plus penalties for misses; lower is better"),
    "direction": ("Direction", "Share of days whose sign was right"),
    "majority": ("Majority", "Share that always saying the commoner sign would get right"),
}
PERCENT = ("coverage_", "direction", "majority")
MINUS = "\N{MINUS SIGN}"
SHOWN = 8


@dataclass(frozen=True, eq=False)
class Report:
    """What a report shows.

    Attributes:
        title: heading of the page.
        verdict: verdict.json: `sentence`, and as far as known `models` (by name a `sentence`), `best`,
            `reference`, `horizon` and `n_days`.
        leaderboard: one row per model with a column `model`; other columns may be missing or extra.
        coverage: rows of `coverage.coverage` at one horizon, of one or two models.
        warnings: sentences on dropped tickers and the like.
        facts: label and value of tickers, dates, splits, source and so on.
        quality: quality.json, whose `findings` name kind, action, count, tickers and examples.
        figures: title to picture and caption, in the order of the page.
    """

    title: str
    verdict: Mapping[str, Any]
    leaderboard: pd.DataFrame
    coverage: pd.DataFrame | None = None
    warnings: list[str] = field(default_factory=list)
    facts: Mapping[str, str] = field(default_factory=dict)
    quality: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, tuple[Figure, str]] = field(default_factory=dict)


def render(report: Report) -> str:
    """Returns the report as HTML without any outside reference; every text in it is escaped."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    board = _naive_first(report.leaderboard)
    columns = [column for column in board.columns if column != "model"]
    return environment.get_template("report.html.jinja").render(
        report=report,
        rows=board.to_dict("records"),
        sentence=_unbroken(report.verdict["sentence"]),
        sentences=_sentences(report.verdict, [str(name) for name in board["model"]]),
        headline={column: HEADLINE[column] for column in HEADLINE if column in columns},
        columns=columns,
        cell=format_cell,
        covered=[] if report.coverage is None else covered(report.coverage),
        findings=[_finding(finding) for finding in report.quality.get("findings", ())],
        pictures=[
            {"title": title, "caption": caption, **_picture(figure)}
            for title, (figure, caption) in report.figures.items()
        ],
    )


def covered(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of the coverage table: group, days, and by model the coverage of each interval with its error."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in sorted(table.to_dict("records"), key=lambda row: str(row["model"]) != NAIVE):
        found = rows.setdefault(
            (row["by"], row["group"]), {"by": row["by"], "group": row["group"], "days": row["n_days"], "models": {}}
        )
        found["models"][str(row["model"])] = [
            (percent, f"{row[f'coverage_{percent}']:.1f}", f"{row[f'error_{percent}']:.1f}") for percent in PERCENTS
        ]
    return list(rows.values())


def figures(
    forecasts: pd.DataFrame,
    curves: Mapping[str, pd.DataFrame | None],
    best: str,
    ticker: str | None = None,
) -> dict[str, tuple[Figure, str]]:
    """The report's pictures: of the best model, and of one ticker where a picture shows prices.

    Args:
        forecasts: table with the columns of `schema.FORECASTS`; it must hold the naive model.
        curves: loss by epoch per model (see `plots.loss_curves`).
        best: the model to draw where a picture shows one.
        ticker: whose prices to draw, by default the first of the table.

    Raises:
        InputError: the table does not hold `best`, naive or the ticker.
    """
    shown = str(forecasts["ticker"].iloc[0]) if ticker is None else ticker
    made = {
        f"Prices and intervals: {best}, {shown}": (plots.fan_chart(forecasts, best, shown), FAN),
        "Does it beat naive, by horizon?": (plots.error_by_horizon(forecasts), ERRORS),
        "Do the intervals keep their promise?": (plots.coverage(forecasts), COVERAGE),
        f"Forecast against outcome: {best}": (
            plots.predicted_vs_actual(forecasts, best),
            SCATTER + _r2_note(forecasts, best, shown),
        ),
        f"What is left over: {best}": (plots.residuals(forecasts, best), RESIDUALS),
    }
    losses = plots.loss_curves(curves, plots.styles(forecasts["model"].unique()))
    return made if losses is None else made | {"Training": (losses, LOSSES)}


FAN = (
    "Left: each day's median and 50, 80 and 90 % intervals as forecast from the close before, and what came. "
    "Right: the newest forecast for all horizons. The dashed line is the naive median, the last known close. "
    "A median that trails the price by a day is what no skill looks like; look at the width of the bands."
)
ERRORS = (
    "Loss divided by the naive forecast's at the same horizon, so the dashed line at 1 is naive. Below it is "
    "better. Small distances are often chance: the table's p-values say which are not."
)
COVERAGE = (
    "How much more (above zero) or less often than promised outcomes fell below each quantile. Flat on zero "
    "is calibrated; high on the left and low on the right means intervals too narrow, the reverse too wide. "
    "Lines inside the grey area may differ from zero by chance alone."
)
SCATTER = (
    "Left: forecasts at the shortest horizon on equal scales; forecasts of returns are far smaller than "
    "returns. Right: tenths of the forecasts with the mean of what came and its 95 % interval. A model with "
    "skill follows the solid diagonal, one without stays on the dashed line. "
)
RESIDUALS = (
    "Left: how often outcomes fell between neighbouring quantiles, relative to the promise. Bars at 1 are "
    "calibrated, high outer bars mean intervals too narrow. Right: residuals in units of the interval's "
    "half-width; dark points lie outside. They should be rare, spread evenly over time and on both sides."
)
LOSSES = (
    "Loss after each epoch, dashed on the training rows and solid on the validation rows; the dot marks the "
    "lowest validation loss. A gap between the two that widens from there on is overfitting."
)


def format_cell(column: str, value: Any) -> str:
    """A leaderboard value for people: percent signs, p-values with a floor, a dash for what there is not.

    Skill comes as a share (1 - loss / naive's); coverage and direction come in percent already.
    """
    if value is None or (isinstance(value, Real) and not math.isfinite(value)):
        return "\N{EN DASH}"
    return _number(column, float(value)) if isinstance(value, Real) else str(value)


def _number(column: str, value: float) -> str:
    if column.startswith("skill_"):
        percent = f"{100 * value:+.2f} %".replace("-", MINUS)
        return "0.00 %" if percent[1:] == "0.00 %" else percent
    if column.startswith(PERCENT):
        return f"{value:.1f} %"
    if "_p_" in column:
        return "< 0.001" if value < 0.001 else f"{value:.3f}"
    if value.is_integer() and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", MINUS)
    return (f"{value:,.1f}" if abs(value) >= 1000 else f"{value:#.4g}").replace("-", MINUS)


def _naive_first(leaderboard: pd.DataFrame) -> pd.DataFrame:
    return leaderboard.sort_values("model", key=lambda names: names != NAIVE, kind="stable")


def _sentences(verdict: Mapping[str, Any], order: list[str]) -> list[tuple[str, str]]:
    """Model and what the verdict says of it, in the leaderboard's order; the name is not said twice."""
    models = verdict.get("models") or {}
    names = sorted(models, key=lambda name: order.index(name) if name in order else len(order))
    return [(name, _unbroken(models[name]["sentence"]).removeprefix(f"{name}: ")) for name in names]


def _unbroken(text: Any) -> str:
    """Keeps a number and its percent sign on one line."""
    return str(text).replace(" %", "\N{NO-BREAK SPACE}%")


def _picture(figure: Figure) -> dict[str, Any]:
    width, height = figure.get_size_inches() * 96
    source = "data:image/svg+xml;base64," + base64.b64encode(plots.svg(figure)).decode("ascii")
    return {"source": source, "width": round(width), "height": round(height)}


def _finding(finding: Mapping[str, Any]) -> dict[str, str]:
    """A quality finding as texts; long lists keep their first entries and say how many follow."""
    texts = {name: str(finding.get(name, "")) for name in ("kind", "action", "count")}
    return texts | {name: _listed(finding.get(name)) for name in ("tickers", "examples")}


def _listed(value: Any) -> str:
    if isinstance(value, Mapping):
        value = [f"{name} ({count})" for name, count in value.items()]
    if not isinstance(value, (list, tuple)):
        return "" if value is None else str(value)
    rest = len(value) - SHOWN
    return ", ".join(map(str, value[:SHOWN])) + (f" and {rest} more" if rest > 0 else "")


def _r2_note(forecasts: pd.DataFrame, model: str, ticker: str) -> str:
    """Why the picture shows returns: R2 of prices and of returns of one ticker, beside naive's."""
    one = forecasts[(forecasts["ticker"] == ticker) & forecasts["actual"].notna()]
    one = one[one["horizon"] == forecasts["horizon"].min()]
    if one["cutoff"].nunique() < 2:
        return ""
    parts = []
    for name in dict.fromkeys((NAIVE, model)):
        rows = Slice.of(one[one["model"] == name])
        prices, returns = METRICS["r2"](rows), METRICS["return_r2"](rows)
        parts.append(f"{name} R² = {prices:.3f} on prices but {returns:.3f} on returns".replace("-", MINUS))
    why = "Returns, not price levels, because a level flatters every forecast, even naive. "
    return f"{why}For {ticker}: {'; '.join(parts)} (against a forecast of no change)."
