"""The learned state of a model: JSON files, and checks of what is read back."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pricecast.errors import InputError
from pricecast.text import parse_ticker, short

if TYPE_CHECKING:
    from pricecast.dataset.panel import Panel


def write_state(folder: Path, state: dict[str, Any]) -> None:
    """Write a small learned state as `state.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state.json").write_text(json.dumps(state, sort_keys=True), encoding="utf-8")


def read_state(folder: Path) -> dict[str, Any]:
    """Read the state that `write_state` wrote."""
    return json.loads((folder / "state.json").read_text(encoding="utf-8"))


def check_shape(name: str, panel: "Panel", horizon: int, features: int | None = None) -> None:
    """Refuse a panel of another horizon, or another number of features, than a model was trained on.

    Args:
        name: of the model.
        panel: to forecast from.
        horizon: of the training, in days.
        features: number of features in training, None for a model that does not look at them.

    Raises:
        InputError: the panel has another horizon, or more or fewer features.
    """
    width = panel.X.shape[1]
    if features is not None and features != width:
        raise InputError(
            f"expected the {features} features that {name} was trained on, got {width}: train it again"
        )
    if horizon != panel.spec.horizon:
        raise InputError(
            f"expected the {horizon} days ahead that {name} was trained for, got {panel.spec.horizon}: "
            "train it again"
        )


def floats(values: Any, where: Path, dims: int) -> np.ndarray:
    """Return lists of finite numbers, as read from JSON, as an array.

    Args:
        values: nested lists.
        where: the folder that they were read from, for messages.
        dims: expected number of dimensions.

    Raises:
        InputError: they are no such array.

    >>> floats([[1, 2], [3, 4]], Path("model"), 2).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    try:
        array = np.array(values, dtype=float)
    except (TypeError, ValueError, OverflowError):
        array = np.empty(())
    if array.ndim != dims or not np.isfinite(array).all():
        raise InputError(f"expected finite numbers in {where}, got {short(values)}: train it again")
    return array


def check_tickers(tickers: Collection[Any], where: object) -> None:
    """Refuse names, as read from a file, that are not tickers or come twice.

    Raises:
        InputError: a name is not a ticker, or comes twice.
    """
    for ticker in tickers:
        if parse_ticker(ticker) != ticker:
            raise InputError(f"expected tickers in upper case in {where}, got {short(ticker)}: train it again")
    if len(set(tickers)) < len(tickers):
        raise InputError(f"expected different tickers in {where}, got one twice: train it again")
