"""LightGBM: its import, its data sets and its text format, checked before the library reads it."""

import re
from typing import Any

import numpy as np

from pricecast.errors import InputError
from pricecast.models._trees import check_tree, is_shallow

try:
    import lightgbm
except OSError as error:  # its wheel brings no OpenMP library
    raise InputError(
        f"expected the OpenMP library that lightgbm needs, got: {error}; install it: apt-get install libgomp1 "
        "(Debian, Ubuntu), conda install libgomp (conda), brew install libomp (macOS)"
    ) from error

_HEADER = {"version": "v4", "num_class": "1", "num_tree_per_iteration": "1", "label_index": "0"}
_END = "end of trees\n"
_PER_SPLIT = (
    "split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child", "internal_value",
    "internal_weight", "internal_count",
)  # fmt: skip
_OTHERS = {"num_leaves", "num_cat", "is_linear", "shrinkage"}
_PER_LEAF = ("leaf_value", "leaf_weight", "leaf_count")
# The library reads the trees within OpenMP, where what it takes for no number ends the process.
_NUMBER = r"-?\d{1,20}(\.\d{1,20})?(e[-+]?\d{1,3})?"
_NUMBERS = re.compile(rf"({_NUMBER}( {_NUMBER})*)?", re.ASCII)


def dataset(
    X: np.ndarray, labels: np.ndarray, params: dict[str, Any], reference: lightgbm.Dataset | None = None
) -> lightgbm.Dataset:
    """Return the library's binned data set of features (n, columns) and labels (n,), with the reference's bins."""
    return lightgbm.Dataset(X, np.ascontiguousarray(labels), reference=reference, params=params)


def to_text(booster: lightgbm.Booster, rounds: int) -> str:
    """Return a booster's first rounds in the library's text format, up to the end of the trees.

    What follows there (importances, parameters) has no effect on predictions.
    """
    text = booster.model_to_string(num_iteration=rounds)
    return text[: text.index(_END) + len(_END)]


def from_text(text: str) -> lightgbm.Booster:
    """Read a booster from the library's text format."""
    return lightgbm.Booster(model_str=text)


def is_sound(text: Any, width: int) -> bool:
    """Return True if a text is one that `to_text` writes, of plain trees on `width` features.

    The library trusts sizes and links in the file; a wrong one reads foreign memory or never ends.
    """
    if not (isinstance(text, str) and text.isascii() and text.endswith(_END)):
        return False
    head, _, trees = text.removesuffix(_END).partition("\n\n")
    try:
        header = _lines(head.removeprefix("tree\n"))
        sizes = [int(size) for size in header["tree_sizes"].split(" ")]
        fits = head.startswith("tree\n") and header["max_feature_idx"] == str(width - 1)
        fits = fits and all(header[key] == value for key, value in _HEADER.items())
        fits = fits and header["objective"] == "quantile" and min(sizes) > 0 and sum(sizes) == len(trees)
        fits = fits and all(len(header[key].split(" ")) == width for key in ("feature_names", "feature_infos"))
        ends = np.cumsum(sizes)
        cut = [trees[end - size : end] for size, end in zip(sizes, ends, strict=True)] if fits else []
        return fits and all(_is_tree(tree, number, width) for number, tree in enumerate(cut))
    except (KeyError, ValueError, OverflowError):
        return False


def _is_tree(text: str, number: int, width: int) -> bool:
    title, _, body = text.partition("\n")
    tree = _lines(body.rstrip("\n"))
    leaves = int(tree["num_leaves"])
    lengths = dict.fromkeys(_PER_SPLIT, leaves - 1) | dict.fromkeys(_PER_LEAF, leaves)
    if any(len(tree[name].split()) != length for name, length in lengths.items()):
        return False
    if tree.keys() - lengths.keys() != _OTHERS or not all(map(_NUMBERS.fullmatch, tree.values())):
        return False
    left, right, feature = (_integers(tree[name]) for name in ("left_child", "right_child", "split_feature"))
    kinds = _integers(tree["decision_type"])
    if max(left.max(initial=0), right.max(initial=0)) > max(leaves - 2, 0):
        return False
    # Below zero stands ~leaf; as nodes behind the splits, leaves are later nodes like any other.
    left, right = (np.where(child < 0, leaves - 2 - child, child) for child in (left, right))
    leaf = np.arange(2 * leaves - 1) >= leaves - 1
    links = {"left": left, "right": right, "feature": feature}
    return (
        title == f"Tree={number}"
        and leaves > 0
        and (tree["num_cat"], tree["is_linear"]) == ("0", "0")
        and not (kinds & 1).any()
        and check_tree(links, width, leaf)
        and is_shallow(links, leaf)
    )


def _lines(text: str) -> dict[str, str]:
    """Parse a block of lines "key=value".

    Raises:
        ValueError: a line is of another form, or a key comes twice.
    """
    pairs = [line.split("=", 1) for line in text.split("\n")]
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key comes twice")
    return values


def _integers(text: str) -> np.ndarray:
    if not re.fullmatch(r"(-?\d{1,9}( -?\d{1,9})*)?", text):
        raise ValueError("not whole numbers")
    return np.array([int(number) for number in text.split()], dtype=np.int64)
