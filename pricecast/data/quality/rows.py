"""The bars of all tickers while they are repaired, by columns, with what was found in them."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pricecast.data.quality_rules import KINDS


@dataclass
class Rows:
    """The table under repair, by columns; rows are sorted by ticker and date once `order` has run."""

    tickers: np.ndarray  # unique, sorted
    code: np.ndarray  # per row, the place of its ticker
    date: np.ndarray
    columns: dict[str, np.ndarray]
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Rows whose raw open was no price: the refilled one says nothing of the night before.
    guessed_open: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=bool))

    def keep(self, rows: np.ndarray) -> None:
        """Take a mask or an order of rows."""
        self.code, self.date = self.code[rows], self.date[rows]
        self.columns = {name: values[rows] for name, values in self.columns.items()}

    @property
    def first(self) -> np.ndarray:
        """Marks the first row of each ticker."""
        return np.diff(self.code, prepend=-1) != 0

    def previous(self, values: np.ndarray) -> np.ndarray:
        """Each row's value one bar before, NaN on a ticker's first bar."""
        before = np.concatenate([[np.nan], values[:-1]])
        before[self.first] = np.nan
        return before

    def note(self, kind: str, rows: np.ndarray, text: str, **values: np.ndarray) -> None:
        """Record the marked rows; `text` is formatted with the columns and the values of a row."""
        (places,) = np.nonzero(rows)
        if not len(places):
            return
        counts = np.bincount(self.code[places], minlength=len(self.tickers))
        shown = self.columns | values
        self.found[kind] = {
            "kind": kind,
            "action": KINDS[kind][0],
            "count": len(places),
            "tickers": {str(self.tickers[i]): int(counts[i]) for i in np.flatnonzero(counts)},
            "examples": [
                f"{self.tickers[self.code[i]]} {np.datetime_as_string(self.date[i], 'D')}: "
                + text.format(**{name: column[i] for name, column in shown.items()})
                for i in places[:3]
            ],
        }

    def drop(self, kind: str, rows: np.ndarray, text: str) -> None:
        """Record and removes the marked rows."""
        self.note(kind, rows, text)
        if rows.any():
            self.keep(~rows)
