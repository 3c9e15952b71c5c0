"""The spec of a dataset: what a forecaster has to know about the table it learned from."""

from dataclasses import dataclass, field
from typing import Any, get_type_hints

import numpy as np
import pandas as pd

from pricecast.dataset.features import FEATURES
from pricecast.dataset.scalers import SCALERS, Scaler, Scalers
from pricecast.defaults import LONGEST_HORIZON, LONGEST_LOOKBACK
from pricecast.errors import InputError
from pricecast.json_checks import check_object
from pricecast.text import TICKER_PATTERN, short


@dataclass(frozen=True)
class Spec:
    """The content of `spec.json`.

    Attributes:
        target: "return" or "price".
        features: names of the features, in the order of their columns.
        horizon: trading days ahead.
        max_lookback: days of context that every origin has.
        warmup: bars after which the recursive features have forgotten what was before.
        scaler: a key of `SCALERS`.
        valid_start: first forecast date of the validation span.
        test_start: first forecast date of the test span.
        tickers: in the order of the rows.
        dropped: tickers with too few bars, each with the reason in words.
        allow_splits: moves that look like unadjusted splits were let through.
        adjustment: how bars were made of prices, in words.
        versions: of the libraries that made the dataset, by name.
    """

    target: str
    features: tuple[str, ...]
    horizon: int
    max_lookback: int
    warmup: int
    scaler: str
    valid_start: str
    test_start: str
    tickers: tuple[str, ...]
    dropped: dict[str, str] = field(default_factory=dict)
    allow_splits: bool = False
    adjustment: str = "close times adj_close / close of the same row"
    versions: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, values: Any) -> "Spec":
        """Read what `asdict` wrote.

        Raises:
            InputError: a key is missing, unknown or of the wrong type, or a value makes no sense.
        """
        checked = check_object(values, get_type_hints(cls), "the spec")
        lists = {name: tuple(checked[name]) for name in ("features", "tickers")}
        spec = cls(**{**checked, **lists})
        for name, sound in _sound(spec).items():
            if not sound:
                raise InputError(
                    f"expected a spec as transform writes it, got {short(getattr(spec, name))} in {name}: "
                    "run transform again"
                )
        return spec


def _sound(spec: Spec) -> dict[str, bool]:
    return {
        "target": spec.target in FEATURES,
        "features": bool(spec.features) and set(spec.features) <= set(FEATURES.get(spec.target, ())),
        "horizon": 0 < spec.horizon <= LONGEST_HORIZON,
        "max_lookback": 0 < spec.max_lookback <= LONGEST_LOOKBACK,
        "warmup": spec.warmup > 0,
        "scaler": spec.scaler in SCALERS,
        "valid_start": is_day(spec.valid_start),
        "test_start": is_day(spec.test_start) and spec.valid_start < spec.test_start,
        "tickers": bool(spec.tickers) and all(map(TICKER_PATTERN.fullmatch, spec.tickers)),
    }


def is_day(text: str) -> bool:
    """Return True if a text is a date as a spec writes it.

    >>> is_day("2024-03-28"), is_day("2024-3-28"), is_day("2024-02-30")
    (True, False, False)
    """
    try:
        return text != "NaT" and str(pd.Timestamp(text).date()) == text
    except ValueError:
        return False


def check_scalers(scalers: Scalers, spec: Spec) -> Scalers:
    """Return the scalers unchanged if they are of the spec's kind and shape.

    Raises:
        InputError: they are not.
    """
    for name, columns in {"X": len(spec.features), "y": spec.horizon}.items():
        scaler: Scaler = getattr(scalers, name)
        if (scaler.kind, scaler.columns) != (spec.scaler, columns):
            raise InputError(
                f"expected a fitted {SCALERS[spec.scaler].name} of {columns} columns as scaler {name}, got "
                f"{SCALERS[scaler.kind].name} of {scaler.columns}: run the step that writes it"
            )
        if not _is_sound(scaler):
            raise InputError(
                f"expected finite numbers for each column, scales above zero, in scaler {name}, got others: run "
                "the step that writes it"
            )
    return scalers


def _is_sound(scaler: Scaler) -> bool:
    arrays = scaler.learned.values()
    sound = all(array.shape == (scaler.columns,) and np.isfinite(array).all() for array in arrays)
    return sound and bool((scaler.learned["scale_"] > 0).all())
