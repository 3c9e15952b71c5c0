"""XGBoost: its matrices and its JSON format, checked before the library reads it."""

import json
from typing import Any

import numpy as np
import xgboost

from pricecast.models._trees import check_tree, is_shallow
from pricecast.schema import QUANTILE_LEVELS

MAX_BIN = 64
QUIET = {"nthread": 1, "verbosity": 0}
_LEVELS = len(QUANTILE_LEVELS)
_ARRAYS = (
    "base_weights", "default_left", "left_children", "loss_changes", "parents", "right_children",
    "split_conditions", "split_indices", "split_type", "sum_hessian",
)  # fmt: skip
_NO_CATEGORIES = {"categories", "categories_nodes", "categories_segments", "categories_sizes"}


def matrix(X: np.ndarray, labels: np.ndarray) -> xgboost.DMatrix:
    """Return the library's matrix of features (n, columns) and labels (n,)."""
    return xgboost.DMatrix(X, labels, nthread=1)


def to_json(booster: xgboost.Booster) -> str:
    """Return a booster in the library's JSON format."""
    return bytes(booster.save_raw("json")).decode("utf-8")


def from_json(text: str) -> xgboost.Booster:
    """Read a booster from the library's JSON format."""
    booster = xgboost.Booster(QUIET)
    booster.load_model(bytearray(text, "utf-8"))
    return booster


def is_sound(model: Any, width: int) -> bool:
    """Return True if parsed JSON is a booster of plain trees on `width` features whose arrays fit one another.

    The library trusts sizes and links in the file; a wrong one reads foreign memory or never ends.
    """
    try:
        learner = model["learner"]
        forest = learner["gradient_booster"]["model"]
        return (
            learner["objective"]["name"] == "reg:quantileerror"
            and learner["gradient_booster"]["name"] == "gbtree"
            and _fits(learner["learner_model_param"], width)
            and len(json.loads(learner["objective"]["quantile_loss_param"]["quantile_alpha"])) == _LEVELS
            and not any(forest["cats"].values())
            and _in_rounds(forest)
            and all(_is_tree(tree, width) for tree in forest["trees"])
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError):
        return False


def _fits(shape: dict[str, str], width: int) -> bool:
    base = json.loads(shape["base_score"])
    numbers = {"num_feature": width, "num_target": _LEVELS, "num_class": 0}
    return len(base) == _LEVELS and all(shape[name] == str(number) for name, number in numbers.items())


def _in_rounds(forest: dict[str, Any]) -> bool:
    """Return True if every round holds one tree per level, in the order of the levels."""
    trees = len(forest["trees"])
    shape = forest["gbtree_model_param"]
    return (
        trees > 0
        and trees % _LEVELS == 0
        and (shape["num_trees"], shape["num_parallel_tree"]) == (str(trees), "1")
        and forest["tree_info"] == list(range(_LEVELS)) * (trees // _LEVELS)
        and forest["iteration_indptr"] == list(range(0, trees + 1, _LEVELS))
    )


def _is_tree(tree: dict[str, Any], width: int) -> bool:
    shape = tree["tree_param"]
    nodes = len(tree["left_children"])
    if any(len(tree[name]) != nodes for name in _ARRAYS) or any(tree[name] for name in _NO_CATEGORIES):
        return False
    left, right, feature = (np.array(tree[name]) for name in ("left_children", "right_children", "split_indices"))
    whole_numbers = all(x.dtype == np.int64 and x.ndim == 1 for x in (left, right, feature))
    leaf = left == -1
    expected = {"num_nodes": nodes, "num_feature": width, "num_deleted": 0, "size_leaf_vector": 1}
    links = {"left": left, "right": right, "feature": feature}
    return (
        whole_numbers
        and nodes > 0
        and all(shape[name] == str(number) for name, number in expected.items())
        and not any(tree["split_type"])
        and bool((right[leaf] == -1).all())
        and check_tree(links, width, leaf)
        and is_shallow(links, leaf)
    )
