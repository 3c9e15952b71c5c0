"""The bars of all tickers as columns, with the findings in them, while they are cleaned."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pricecast.data.quality_rules import KINDS


@dataclass
class Rows:
    """A table of n bars that is changed in place; sorted by ticker and date once `order` has run.

    Attributes:
        tickers: all tickers, each once, sorted.
        code: (n,) index of each row's ticker.
        date: (n,) datetime64.
        columns: the prices and the volume, each (n,), NaN where missing.
        findings: by kind, as the report has them.
        guessed_open: (n,) rows whose raw open was not a price; the one filled in says nothing of the night before.
    """

    tickers: np.ndarray
    code: np.ndarray
    date: np.ndarray
    columns: dict[str, np.ndarray]
    findings: dict[str, dict[str, Any]] = field(default_factory=dict)
    guessed_open: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=bool))

    def keep(self, rows: np.ndarray) -> None:
        """Keep the rows of a mask, or of an array of row numbers in that order."""
        self.code, self.date = self.code[rows], self.date[rows]
        self.columns = {name: values[rows] for name, values in self.columns.items()}
        self.guessed_open = self.guessed_open[rows] if len(self.guessed_open) else self.guessed_open

    @property
    def first(self) -> np.ndarray:
        """Mask of the first row of each ticker, (n,)."""
        return np.diff(self.code, prepend=-1) != 0

    def previous(self, values: np.ndarray) -> np.ndarray:
        """Return each row's value one bar before, (n,); NaN on a ticker's first bar."""
        previous = np.concatenate([[np.nan], values[:-1]])
        previous[self.first] = np.nan
        return previous

    def of_tickers_with(self, rows: np.ndarray) -> np.ndarray:
        """Mark all rows of the tickers that have any of the rows of a mask, (n,)."""
        return (np.bincount(self.code, weights=rows, minlength=len(self.tickers)) > 0)[self.code]

    def note(self, kind: str, rows: np.ndarray, text: str, **values: np.ndarray) -> None:
        """Record a finding.

        Args:
            kind: a key of `quality_rules.KINDS`.
            rows: (n,) mask; without any row, nothing is recorded.
            text: of an example, formatted with the row's columns and `values`.
            **values: further (n,) arrays for the text.
        """
        (marked,) = np.nonzero(rows)
        if not len(marked):
            return
        counts = np.bincount(self.code[marked], minlength=len(self.tickers))
        shown = self.columns | values
        self.findings[kind] = {
            "kind": kind,
            "action": KINDS[kind][0],
            "count": len(marked),
            "tickers": {str(self.tickers[i]): int(counts[i]) for i in np.flatnonzero(counts)},
            "examples": [
                f"{self.tickers[self.code[i]]} {np.datetime_as_string(self.date[i], 'D')}: "
                + text.format(**{name: column[i] for name, column in shown.items()})
                for i in marked[:3]
            ],
        }

    def drop(self, kind: str, rows: np.ndarray, text: str) -> None:
        """Record a finding, and remove its rows."""
        self.note(kind, rows, text)
        if rows.any():
            self.keep(~rows)
