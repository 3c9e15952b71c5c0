"""Helpers of the tree models: checks of their parameters and files, and boosting with early stopping."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pricecast.errors import InputError
from pricecast.files import read_json
from pricecast.json_checks import check_object
from pricecast.models import OnEpoch
from pricecast.schema import QUANTILE_LEVELS
from pricecast.text import short

# Deeper trees than this only make a damaged file expensive to read.
MAX_DEPTH = 64
# Of boosted trees, which LightGBM grows leaf by leaf: XGBoost walks down them by recursion.
MAX_LEVELS = 1024
SHAPES = {"input_dim": int, "horizon": int, "best_epoch": int}
_LEVELS = np.array(QUANTILE_LEVELS)


def pinball(levels: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean pinball loss of quantiles (n, ..., levels) of labels (n, ...) (Koenker & Bassett 1978)."""
    error = labels[..., None].astype(np.float64) - levels
    return float(np.maximum(_LEVELS * error, (_LEVELS - 1) * error).mean())


def boost(advance: Callable[[], dict[str, float]], epochs: int, patience: int, on_epoch: OnEpoch | None) -> int:
    """Boost round by round and return the best round (from 1), or `epochs` when nothing validates.

    Args:
        advance: adds a round of trees; returns `train_loss` and, with validation rows, `val_loss`.
        epochs: rounds at most.
        patience: rounds without a better `val_loss` after which it stops.
        on_epoch: called after each round.
    """
    best, best_round = np.inf, epochs
    for number in range(1, epochs + 1):
        losses = advance()
        if on_epoch:
            on_epoch(number, losses)
        if "val_loss" not in losses:
            continue
        if losses["val_loss"] < best:
            best, best_round = losses["val_loss"], number
        elif number - best_round >= patience:
            break
    return best_round


def check_numbers(
    name: str, params: Mapping[str, Any], least: Mapping[str, float], most: Mapping[str, float]
) -> None:
    """Refuse parameters that are not above zero, or that are outside of further bounds.

    Args:
        name: of the model.
        params: numbers by name.
        least: lowest allowed values, for some of them.
        most: highest allowed values, for some of them.

    Raises:
        InputError: one is; the message names it.
    """
    for key, value in params.items():
        low, high = least.get(key, 0), most.get(key, np.inf)
        if not (value >= low and value > 0 and value <= high):
            expected = f"{f'from {low}' if low else 'above zero'}{'' if high == np.inf else f' up to {high}'}"
            raise InputError(f"expected {key} of {name} {expected}, got {value!r}")


def check_tree(nodes: Mapping[str, Any], width: int, leaf: np.ndarray) -> bool:
    """Return True if links lead to later nodes only, each node has one parent at most, and features exist.

    Following a tree's links then ends; with shared nodes, a library that visits both children would take for ever.

    Args:
        nodes: "left" and "right" (children) and "feature" by node, (nodes,) each; those of leaves are not read.
        width: number of features.
        leaf: (nodes,) mask of the leaves.
    """
    split = np.flatnonzero(~leaf)
    children = np.stack([nodes["left"][split], nodes["right"][split]])
    feature = nodes["feature"][split]
    later = (children > split) & (children < len(leaf))
    unshared = len(np.unique(children)) == children.size
    return bool(later.all() and unshared and (feature >= 0).all() and (feature < width).all())


def is_shallow(nodes: Mapping[str, Any], leaf: np.ndarray) -> bool:
    """Return True if a tree that passes `check_tree` has at most `MAX_LEVELS` levels below its root."""
    level = np.array([0])
    for _ in range(MAX_LEVELS + 1):
        level = level[~leaf[level]]
        if not len(level):
            return True
        level = np.concatenate([nodes["left"][level], nodes["right"][level]])
    return False


def read_shapes(name: str, folder: Path) -> dict[str, int]:
    """Read the numbers of features, horizons and rounds of boosters.

    Raises:
        InputError: they are missing, or not whole numbers above zero.
    """
    shapes = check_object(read_json(folder / "state.json"), SHAPES, "state.json")
    if min(shapes.values()) < 1:
        raise damaged(name, folder / "state.json", shapes)
    return shapes


def damaged(name: str, file: object, content: object) -> InputError:
    """Return the error of a file that does not hold the trees of a model, but other content."""
    return InputError(f"expected the trees of {name} in {file}, got {short(content, 80)}: train it again")
