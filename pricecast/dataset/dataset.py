"""The dataset artifact: adjusted bars, features with their spans, and scalers fitted on training rows only."""

import logging
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pricecast import defaults
from pricecast.data.adjust import adjust
from pricecast.data.quality_rules import LOOKS_LIKE_SPLIT
from pricecast.dataset import features, splits
from pricecast.dataset.checks import check_quality, check_spans, check_tickers, has_context, too_short
from pricecast.dataset.lacking import lacking, left, of_closes
from pricecast.dataset.ordinary import ordinary
from pricecast.dataset.panel import Panel, targets
from pricecast.dataset.scalers import Scalers
from pricecast.dataset.spec import Spec, check_scalers
from pricecast.dataset.splits import Fold
from pricecast.errors import InputError
from pricecast.files import read_json, read_parquet, seal, verify, write_json, write_parquet
from pricecast.table_checks import check_bars, check_features, check_prices
from pricecast.text import listed

_log = logging.getLogger(__name__)
_LIBRARIES = ("numpy", "pandas", "polars", "scikit-learn")


@dataclass(frozen=True)
class Dataset:
    """A dataset: adjusted bars, features with their split, scalers, spec, and the quality report of its prices."""

    bars: pd.DataFrame
    features: pd.DataFrame
    scalers: Scalers
    spec: Spec
    quality: dict[str, Any] = field(default_factory=dict)

    def panel(self, scalers: Scalers | None = None) -> Panel:
        """Return the arrays that models see, scaled by the given scalers or, without any, by the dataset's own."""
        chosen = scalers or self.scalers
        return Panel.build(self.bars, self.features, self.spec, chosen.X, chosen.y)

    def origins(self, split: str) -> np.ndarray:
        """Return the row numbers of the origins of a split, (n,)."""
        return np.flatnonzero(self.features["split"].to_numpy() == split)

    @cached_property
    def usable(self) -> pd.Series:
        """Mask of the rows that one may forecast from, whatever their span."""
        return has_context(self.features, self.spec.features, self.spec.max_lookback)

    def as_of(self, valid_start: pd.Timestamp, test_start: pd.Timestamp) -> "Dataset":
        """Return the dataset with the spans of other dates, and scalers fitted on their training rows."""
        bounds = splits.Bounds(valid_start, test_start)
        split = splits.assign(self.features, bounds, self.spec.horizon, self.usable)
        spec = replace(self.spec, **bounds.texts())
        scalers = fit_scalers(self.features, spec, np.flatnonzero(split == "train"))
        return replace(self, features=self.features.assign(split=split), spec=spec, scalers=scalers)

    def fold(self) -> Fold:
        """Return the spec's spans as a fold: learn from training and validation, forecast the test span."""
        bounds = (pd.Timestamp(day) for day in (self.spec.valid_start, self.spec.test_start))
        return splits.fold(self.features, self.usable, self.spec.horizon, *bounds)

    def save(self, folder: Path) -> Path:
        """Write the dataset's files and their manifest; return the folder."""
        write_parquet(self.bars, folder / "bars.parquet")
        write_parquet(self.features, folder / "features.parquet")
        self.scalers.save(folder)
        write_json(asdict(self.spec), folder / "spec.json")
        write_json(self.quality, folder / "quality.json")
        seal(folder)
        return folder

    @classmethod
    def load(cls, folder: Path, spans: bool = True) -> "Dataset":
        """Read a folder that `save` wrote, and verify it.

        Args:
            folder: to read.
            spans: False takes spans that do not follow from the dates, for an audit to say what is wrong with them.

        Raises:
            InputError: a file is missing or damaged, or breaks a rule of its table.
        """
        verify(folder)
        spec = Spec.from_json(read_json(folder / "spec.json"))
        bars = check_bars(read_parquet(folder / "bars.parquet"))
        table = check_features(read_parquet(folder / "features.parquet"), bars, spec.features)
        if spans:
            check_spans(table, spec)
        check_tickers(table, spec)
        scalers = check_scalers(Scalers.load(folder), spec)
        return cls(bars, table, scalers, spec, check_quality(read_json(folder / "quality.json")))


def build(
    prices: pd.DataFrame,
    *,
    horizon: int = defaults.HORIZON,
    max_lookback: int = defaults.MAX_LOOKBACK,
    valid_size: float = defaults.VALID_SIZE,
    test_size: float = defaults.TEST_SIZE,
    valid_start: pd.Timestamp | None = None,
    test_start: pd.Timestamp | None = None,
    scaler: str = defaults.SCALER,
    target: str = defaults.TARGET,
    quality: dict[str, Any] | None = None,
) -> Dataset:
    """Build the dataset of a prices table.

    Args:
        prices: a table that passes `table_checks.check_prices`.
        horizon: trading days ahead.
        max_lookback: days of context that every origin has, so that all models are judged on the same rows.
        valid_size: share of the dates for validation.
        test_size: share of the dates for the test, the last ones.
        valid_start: first validation date, instead of the share (together with `test_start`).
        test_start: first test date, instead of the share.
        scaler: a key of `scalers.SCALERS`; the textbook recipe always takes "minmax".
        target: "return" (log return over scale * sqrt(h)) or "price" (the textbook recipe).
        quality: the report of the download, to be shown with the results.

    Raises:
        InputError: the prices break a rule of their table, no ticker has enough rows for its spans, or the bounds
            make no sense.
    """
    bars = adjust(check_prices(prices))
    chosen = bounds(bars["date"], valid_size, test_size, valid_start, test_start)
    table = features.compute(bars, target)
    usable = has_context(table, list(features.FEATURES[target]), max_lookback)
    table["split"] = splits.assign(table, chosen, horizon, usable)
    dropped = too_short(table)
    keep = ~table["ticker"].isin(list(dropped))
    if not keep.any():
        raise InputError(
            "expected at least one ticker with enough bars, got " + "; ".join(dropped.values())
            + ": take a longer history (or, where there are such options, a shorter --max-lookback or other spans)"
        )  # fmt: skip
    bars, table = bars[keep].reset_index(drop=True), table[keep].reset_index(drop=True)
    bars, table, names = _of_what_is_there(bars, table, chosen.valid_start, target)
    kind = "minmax" if target == "price" else scaler
    spec = Spec(
        target=target, features=tuple(names), horizon=horizon, max_lookback=max_lookback,
        warmup=features.warmup(), scaler=kind, **chosen.texts(),
        tickers=tuple(table["ticker"].unique()), dropped=dropped,
        allow_splits=_holds_splits(quality or {}),
        versions={name: version(name) for name in _LIBRARIES},
    )  # fmt: skip
    scalers = fit_scalers(table, spec, np.flatnonzero(table["split"] == "train"))
    return Dataset(bars, table, scalers, spec, quality or {})


def _of_what_is_there(
    bars: pd.DataFrame, table: pd.DataFrame, until: pd.Timestamp, target: str
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Return bars and features, and their names, without what some tickers lack; say so."""
    lacks = lacking(bars, until)
    names = left(target, lacks)
    if features.RANGE in lacks:
        bars = of_closes(bars)
        table = features.compute(bars, target).assign(split=table["split"])
    for name, tickers in lacks.items():
        gone = ", ".join(feature for feature in features.NEEDS[name] if feature in features.FEATURES[target])
        _log.warning("no %s of %s: models do without the features %s", name, listed(tickers), gone)
    return bars, table[["date", "ticker", *names, "close", "scale", "split"]], names


def bounds(
    dates: pd.Series, valid_size: float, test_size: float,
    valid_start: pd.Timestamp | None, test_start: pd.Timestamp | None,
) -> splits.Bounds:  # fmt: skip
    """Return the bounds of the spans, by date where dates are given.

    Args:
        dates: of all rows.
        valid_size: share of the dates for validation.
        test_size: share of the dates for the test.
        valid_start: first validation date, instead of the share (together with `test_start`).
        test_start: first test date, instead of the share.

    Raises:
        InputError: one date of the two is missing, they lie outside the dates, or nothing is left to train on.
    """
    if valid_start is None and test_start is None:
        return splits.bounds_by_share(dates, valid_size, test_size)
    if valid_start is None or test_start is None:
        raise InputError("expected valid-start and test-start together, got one of them: give both or none")
    return splits.bounds_by_date(dates, valid_start, test_start)


def _holds_splits(quality: dict[str, Any]) -> bool:
    """Return True if unadjusted splits were let through: then a forecaster must take them, too."""
    return any(finding["kind"] in LOOKS_LIKE_SPLIT for finding in quality.get("findings", ()))


def fit_scalers(table: pd.DataFrame, spec: Spec, origins: np.ndarray) -> Scalers:
    """Fit scalers on the features and targets of those training origins that are ordinary.

    Args:
        table: the features of a dataset.
        spec: of the dataset.
        origins: (n,) row numbers; all their labels are known.
    """
    tickers, scale = (table[name].to_numpy()[origins] for name in ("ticker", "scale"))
    rows = origins[ordinary(tickers, scale, targets(table, origins, 1, "return")[:, 0])]
    X = table[list(spec.features)].to_numpy()[rows]
    # Returns and their features are in units of volatility, price levels in any currency.
    size = 1.0 if spec.target == "return" else 0.0
    return Scalers.fit(spec.scaler, X, targets(table, rows, spec.horizon, spec.target), size)
