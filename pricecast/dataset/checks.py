"""Checks of a dataset: that origins have context, tickers enough of them, and that its files belong together."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pricecast.dataset import splits
from pricecast.dataset.panel import context
from pricecast.dataset.spec import Spec
from pricecast.errors import InputError
from pricecast.schema import SPLITS
from pricecast.text import short

# Fewer labels than this teach nothing; 5 % conformal quantiles need 19 residuals; the newest close has no outcome.
MIN_TRAIN, MIN_VALID, MIN_TEST = 50, 20, 2


def has_context(table: pd.DataFrame, names: Sequence[str], lookback: int) -> pd.Series:
    """Mark the rows whose last `lookback` rows of the same ticker have every feature.

    Args:
        table: ticker, scale and the features, sorted by ticker and date.
        names: of the features.
        lookback: trading days, the row's own included.

    Returns:
        A mask on the table's index.

    >>> table = pd.DataFrame({"ticker": ["A", "A", "A", "B"], "ret_1": [np.nan, 0.1, 0.2, 0.3], "scale": 0.01})
    >>> has_context(table, ["ret_1"], 2).tolist()
    [False, False, True, False]
    """
    complete = np.isfinite(table[[*names, "scale"]].to_numpy()).all(axis=1)
    return pd.Series(context(complete, table["ticker"].to_numpy(), lookback), index=table.index)


def too_short(table: pd.DataFrame) -> dict[str, str]:
    """Return the tickers that have too few origins in some span, each with the reason in words."""
    counts = pd.crosstab(table["ticker"], table["split"]).reindex(columns=list(SPLITS), fill_value=0)
    bars = table.groupby("ticker", sort=False).size()
    few = counts[(counts["train"] < MIN_TRAIN) | (counts["valid"] < MIN_VALID) | (counts["test"] < MIN_TEST)]
    return {
        ticker: f"{ticker} has {bars.loc[ticker]} bars, which leaves {row.train} training, {row.valid} validation "
        f"and {row.test} test origins ({MIN_TRAIN}, {MIN_VALID} and {MIN_TEST} are needed)"
        for ticker, row in zip(few.index.astype(str), few.itertuples(), strict=True)
    }


def check_spans(table: pd.DataFrame, spec: Spec) -> None:
    """Refuse spans that do not follow from the spec's dates: a model could learn from what it is judged on.

    Raises:
        InputError: a row belongs to another span; the message names the first.
    """
    bounds = splits.Bounds(pd.Timestamp(spec.valid_start), pd.Timestamp(spec.test_start))
    usable = has_context(table, spec.features, spec.max_lookback)
    expected = splits.assign(table, bounds, spec.horizon, usable)
    wrong = table["split"].ne(expected)
    if wrong.any():
        row = table[wrong].iloc[0]
        raise InputError(
            f"expected the spans that the spec's dates lead to, got {short(row['split'])} in {wrong.sum()} rows, "
            f"first {row['ticker']} on {row['date']:%Y-%m-%d}: run transform again"
        )


def check_tickers(table: pd.DataFrame, spec: Spec) -> None:
    """Refuse features of other tickers than the spec names, or of too few origins.

    Raises:
        InputError: the tickers differ, or one has too few origins in some span.
    """
    if spec.tickers != tuple(table["ticker"].unique()):
        present = short(", ".join(table["ticker"].unique()))
        raise InputError(f"expected the spec's tickers in the features, got {present}: run transform again")
    if reasons := too_short(table):
        raise InputError(
            f"expected enough origins in every span, got {'; '.join(reasons.values())}: run transform again"
        )


def check_quality(report: Any) -> dict[str, Any]:
    """Return a quality report, as read from JSON, unchanged if it has findings of a kind, or none.

    Raises:
        InputError: it is something else.
    """
    findings = report.get("findings", []) if isinstance(report, dict) else None
    if not isinstance(findings, list) or not all(isinstance(item, dict) and "kind" in item for item in findings):
        raise InputError(
            "expected a quality report with findings of a kind, got something else: run download again"
        )
    return report
