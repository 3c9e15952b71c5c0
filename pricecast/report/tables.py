"""Tables of the report: their cells as texts, and the order of their rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import pandas as pd

from pricecast.evaluation.trading import HOLD
from pricecast.schema import NAIVE

PERCENT = ("coverage_", "direction", "majority")
MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"
# Columns of the trading table: label, tooltip, format.
TRADING = {
    "return": ("Return a year", "Compound, after costs", "{:.1f} %"),
    "volatility": ("Volatility a year", "Standard deviation of the daily returns", "{:.1f} %"),
    "sharpe": ("Sharpe ratio", "Mean over standard deviation, of a year, without an interest rate", "{:.2f}"),
    "deflated_sharpe": (
        "Deflated Sharpe",
        "Probability that the ratio is not the best of many lucky ones",
        "{:.2f}",
    ),
    "max_drawdown": ("Deepest fall", "From a peak to the lowest point after it", "{:.1f} %"),
    "turnover": ("Turnover a year", "Capital bought or sold, 1 = all of it once", "{:.1f}"),
    "invested": ("Invested", "Mean share of the tickers that are held", "{:.1f} %"),
}
# Columns of the ranking table: label, tooltip, format, and the column of the standard error.
RANKING = {
    "n_days": ("Days", "Days on which not all forecasts are equal", "{:,.0f}", ""),
    "ic": ("IC", "Correlation of forecast and actual return over the tickers of a day", "{:.4f}", "ic_error"),
    "rank_ic": ("Rank IC", "The same of their ranks", "{:.4f}", "rank_ic_error"),
    "icir": ("ICIR", "Mean IC over its standard deviation by day", "{:.3f}", ""),
    "spread": (
        "Spread (%)", "Return of the highest fifth less that of the lowest, a horizon", "{:.3f}", "spread_error",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """Row of a table: its name, its figures, each with a note beside it, and how it looks."""

    name: str
    cells: Sequence[tuple[str, str]]
    kind: str = ""  # "naive" (what the others are compared with) or "selected"
    tags: Sequence[str] = ()
    marked: bool = False


@dataclass(frozen=True)
class Table:
    """Table: columns as label and tooltip, rows with a cell for each."""

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Row]


def trading_table(trading: pd.DataFrame, order: Sequence[str] = ()) -> Table:
    """Return the table of `trading.trading`: buy and hold first, the models in the order of the leaderboard."""
    rows = [
        Row(
            str(row["model"]),
            [(written(text, row[name]), "") for name, (*_, text) in TRADING.items()],
            kind="naive" if row["model"] == HOLD else "",
        )
        for row in _sorted(trading, [HOLD, *order]).to_dict("records")
    ]
    return Table([(label, meaning) for label, meaning, _ in TRADING.values()], rows)


def ranking_table(ranking: pd.DataFrame, headline: int, order: Sequence[str] = ()) -> Table:
    """Return the table of `ranking.ranking` at the headline horizon, without models that rank nothing."""
    table = ranking[ranking["horizon"].eq(headline) & ranking["n_days"].gt(0)]
    rows = [
        Row(
            str(row["model"]),
            [
                (written(text, row[name]), f"± {written(text, row[error])}" if error else "")
                for name, (_, _, text, error) in RANKING.items()
            ],
        )
        for row in _sorted(table, order).to_dict("records")
    ]
    return Table([(label, meaning) for label, meaning, *_ in RANKING.values()], rows)


def format_cell(column: str, value: Any) -> str:
    """Return a leaderboard value for people: percent signs, p-values with a floor, a dash where there is none.

    Skill comes as a share (1 - loss / naive's); coverage and direction come in percent already.

    >>> format_cell("skill_crps", 0.0123), format_cell("coverage_90", 89.6), format_cell("dm_p_crps_holm", 0.0001)
    ('+1.23 %', '89.6 %', '< 0.001')
    """
    if _is_missing(value):
        return DASH
    return _number(column, float(value)) if isinstance(value, Real) else str(value)


def _number(column: str, value: float) -> str:
    if column.startswith("skill_"):
        percent = f"{100 * value:+.2f} %".replace("-", MINUS)
        return "0.00 %" if percent[1:] == "0.00 %" else percent
    if column.startswith(PERCENT):
        return f"{value:.1f} %"
    if "_p_" in column or column == "mcs_p":
        return "< 0.001" if value < 0.001 else f"{value:.3f}"
    if value.is_integer() and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", MINUS)
    return (f"{value:,.1f}" if abs(value) >= 1000 else f"{value:#.4g}").replace("-", MINUS)


def written(text: str, value: Any) -> str:
    """Return a number in a format, or a dash where there is none."""
    return DASH if _is_missing(value) else text.format(value).replace("-", MINUS)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, Real) and not math.isfinite(value))


def naive_first(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the rows of naive first, the others in their order."""
    return _sorted(table, [NAIVE])


def _sorted(table: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    """Return the rows in a given order of the models; others come last."""
    ranks = {name: rank for rank, name in enumerate(order)}
    return table.sort_values("model", key=lambda names: names.map(ranks).fillna(len(ranks)), kind="stable")
