"""Violations of a rule, and the comparison of tables that finds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Violation:
    """Column that knows what it cannot know.

    Attributes:
        check: name of the check; `computes` if the function failed on the changed bars, so that nothing is known.
        column: column that moved.
        ticker: ticker of the first row that moved.
        date: date of that row.
        cut: last date that was left as it was, where there is one.
        size: largest move relative to the column's largest value; infinite where a value came or went.
        how: what was changed, and how many rows moved.
    """

    check: str
    column: str
    ticker: str = ""
    date: str = ""
    cut: str = ""
    size: float = float("inf")
    how: str = ""

    def __str__(self) -> str:
        where = f" of {self.ticker} on {self.date}" if self.ticker else ""
        since = f" (known until {self.cut})" if self.cut else ""
        size = f", by up to {self.size:.2g} of its largest value" if np.isfinite(self.size) else ""
        return f"{self.check}: {self.column}{where}{since}: {self.how}{size}"


def compare_tables(
    check: str,
    actual: pd.DataFrame,
    expected: pd.DataFrame,
    rows: pd.DataFrame,
    how: str,
    cut: pd.Timestamp | None = None,
    tolerance: float = 0.0,
    slack: Mapping[str, float] = MappingProxyType({}),
) -> list[Violation]:
    """Compare two tables over the same rows (their date and ticker), bit for bit unless a tolerance is given.

    The tolerance is a share of a column's largest value, or what `slack` has for the column, if that is more. A
    missing value equals a missing value only, and -0.0 is not 0.0.
    """
    violations = []
    for name in expected.columns.union(actual.columns, sort=False):
        if name not in expected or name not in actual:
            violations.append(Violation(check, str(name), cut=day(cut), how=f"{how}: the column comes or goes"))
            continue
        differs, size = _difference(actual[name], expected[name], tolerance, slack.get(name, 0.0))
        if differs.any():
            first = rows.iloc[int(differs.argmax())]
            where = (str(first["ticker"]), day(first["date"]), day(cut))
            violations.append(Violation(check, str(name), *where, size, f"{how}, {differs.sum()} rows move"))
    return violations


def day(moment: pd.Timestamp | None) -> str:
    """Return a date as YYYY-MM-DD, empty for none."""
    return "" if moment is None else f"{moment:%Y-%m-%d}"


def _difference(actual: pd.Series, expected: pd.Series, tolerance: float, slack: float) -> tuple[np.ndarray, float]:
    if not all(pd.api.types.is_numeric_dtype(column) for column in (actual, expected)):
        differs = actual.astype(str).to_numpy() != expected.astype(str).to_numpy()
        return differs, float("inf")
    a, b = (column.to_numpy(float, na_value=np.nan) for column in (actual, expected))
    holes = np.isnan(a) | np.isnan(b)
    with np.errstate(invalid="ignore"):
        step = np.where(a == b, 0.0, np.abs(a - b))
    largest = np.abs(b[np.isfinite(b)]).max(initial=0.0)
    differs = (step > max(tolerance * largest, slack)) if tolerance else (a != b) | (np.signbit(a) != np.signbit(b))
    differs = np.where(holes, np.isnan(a) != np.isnan(b), differs)
    if (holes & differs).any():
        return differs, float("inf")
    return differs, float(step.max(initial=0.0, where=differs) / (largest or 1.0))
