"""A quantile regression forest as plain arrays: grown by scikit-learn, walked and inverted by numpy.

A quantile regression forest (Meinshausen 2006) keeps in each leaf not the mean but the distribution of the
training labels there. Here that is a histogram per leaf and horizon on one grid of label values, whose
cumulative shares are averaged over the trees and inverted to quantiles.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.ensemble import RandomForestRegressor

from pricecast.models._trees import check_tree
from pricecast.schema import QUANTILE_LEVELS

BINS = 64
# Rows walked at once: what a chunk needs stays within some 10 MB.
_CHUNK = 1024


@dataclass(frozen=True)
class Forest:
    """All trees under one another; a leaf is its own child.

    Attributes:
        roots: (trees,) first node of each tree.
        feature: (nodes,) column that a node splits on.
        threshold: (nodes,) float32; up to it goes left.
        children: (nodes, 2) left and right; later nodes of the same tree.
        counts: (leaves, horizons, bins) training labels, leaves in the order of their nodes.
        edges: (horizons, bins + 1) of the bins, from the least label to the greatest.
    """

    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    children: np.ndarray
    counts: np.ndarray
    edges: np.ndarray


def grow(X: np.ndarray, labels: np.ndarray, settings: dict[str, Any]) -> Forest:
    """Grow the trees on bootstrap samples and fills their leaves with all training labels.

    Args:
        X: (n, features) float32.
        labels: (n, horizons).
        settings: of scikit-learn's RandomForestRegressor.
    """
    # What can be learned of returns is mostly how far they go, not where. Splits that reduce the variance of the
    # labels alone look for shifts of the mean; with the distance from the median as further outputs, a
    # split that parts calm days from wild ones counts, too. The leaves keep the labels only.
    spread = np.abs(labels - np.median(labels, axis=0))
    learner = RandomForestRegressor(**settings, n_jobs=1).fit(X, np.hstack([labels, spread]))
    trees = [estimator.tree_ for estimator in learner.estimators_]
    roots = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]
    children = np.concatenate(
        [_children(tree) + root for tree, root in zip(trees, roots, strict=True)], dtype=np.int32
    )
    edges = _edges(labels)
    forest = Forest(
        roots=roots.astype(np.int32),
        feature=np.concatenate([np.maximum(tree.feature, 0) for tree in trees]).astype(np.int32),
        threshold=_below(np.concatenate([tree.threshold for tree in trees])),
        children=children,
        counts=np.empty(0),
        edges=edges,
    )
    return replace(forest, counts=_counts(forest, X, labels, settings["max_depth"]))


def leaves(forest: Forest, X: np.ndarray, depth: int) -> np.ndarray:
    """Return the leaf of each row in each tree, (n, trees), as a row of `counts`."""
    node = np.tile(forest.roots, (len(X), 1))
    rows = np.arange(len(X))[:, None]
    for _ in range(depth):
        right = X[rows, forest.feature[node]] > forest.threshold[node]
        node = forest.children[node, right.astype(np.intp)]
    return (np.cumsum(is_leaf(forest)) - 1)[node]


def is_leaf(forest: Forest) -> np.ndarray:
    """Which nodes are leaves, (nodes,)."""
    return forest.children[:, 0] == np.arange(len(forest.children))


def quantiles(forest: Forest, X: np.ndarray, depth: int) -> np.ndarray:
    """Quantiles of the labels at the project's levels, (n, horizons, levels)."""
    found = np.empty((len(X), len(forest.edges), len(QUANTILE_LEVELS)))
    for start in range(0, len(X), _CHUNK):
        part = slice(start, start + _CHUNK)
        found[part] = _invert(_average(forest.counts, leaves(forest, X[part], depth)), forest.edges)
    return found


def _average(counts: np.ndarray, leaf: np.ndarray) -> np.ndarray:
    # Tree by tree, so that a row's sum does not depend on how many rows there are; shares only of the leaves
    # that are reached, since those of all leaves can be eight times the file's size.
    total = np.zeros((len(leaf), *counts.shape[1:]))
    for column in leaf.T:
        used, at = np.unique(column, return_inverse=True)
        sums = np.cumsum(counts[used], axis=2, dtype=np.float64)
        total += (sums / sums[:, :, -1:])[at]
    return total / leaf.shape[1]


def _invert(shares: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Quantiles of cumulative shares (n, horizons, bins) at the bins' upper edges, linear within a bin."""
    found = []
    horizon = np.arange(len(edges))
    before = np.concatenate([np.zeros_like(shares[:, :, :1]), shares[:, :, :-1]], axis=2)
    for level in QUANTILE_LEVELS:
        at = np.minimum((shares < level).sum(axis=2), shares.shape[2] - 1)
        low, high = (np.take_along_axis(x, at[:, :, None], axis=2)[:, :, 0] for x in (before, shares))
        inside = (level - low) / (high - low)
        found.append(edges[horizon, at] + inside * (edges[horizon, at + 1] - edges[horizon, at]))
    return np.stack(found, axis=2)


def _children(tree: Any) -> np.ndarray:
    own = np.arange(tree.node_count)
    both = (tree.children_left, tree.children_right)
    return np.stack([np.where(child < 0, own, child) for child in both], axis=1)


def _below(threshold: np.ndarray) -> np.ndarray:
    """Return the largest float32 up to each threshold: a float32 feature stays on its side of it."""
    rounded = threshold.astype(np.float32)
    return np.where(rounded > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _edges(labels: np.ndarray) -> np.ndarray:
    # Quantiles of all labels, evenly spaced in log-odds: the tails decide most levels and get most bins.
    inner = expit(np.linspace(-6, 6, BINS - 1))
    return np.quantile(labels, np.concatenate([[0.0], inner, [1.0]]), axis=0).T.copy()


def _counts(forest: Forest, X: np.ndarray, labels: np.ndarray, depth: int) -> np.ndarray:
    horizons = labels.shape[1]
    shape = (int(is_leaf(forest).sum()), horizons, BINS)
    inner = forest.edges[:, 1:-1]
    bins = np.stack([np.searchsorted(inner[h], labels[:, h]) for h in range(horizons)], axis=1)
    offsets = np.arange(horizons) * BINS + bins
    total = np.zeros(np.prod(shape), dtype=np.int64)
    for start in range(0, len(X), _CHUNK):
        leaf = leaves(forest, X[start : start + _CHUNK], depth)
        cells = leaf[:, :, None] * (horizons * BINS) + offsets[start : start + _CHUNK, None]
        np.add.at(total, cells.ravel(), 1)
    return total.reshape(shape).astype(np.min_scalar_type(int(total.max())))


def problem(forest: Forest, width: np.ndarray) -> str:
    """What makes arrays out of a file no forest, or an empty text.

    Args:
        forest: the arrays.
        width: features that it was trained on, (1,).
    """
    nodes, floats = len(forest.feature), (forest.threshold, forest.edges)
    links = (forest.roots, forest.feature, forest.children, width)
    sound = {
        "kinds": all(x.dtype.kind == "f" for x in floats) and all(x.dtype == np.int32 for x in links)
        and forest.counts.dtype.kind == "u",
        "shapes": width.shape == (1,) and forest.roots.ndim == forest.feature.ndim == forest.edges.ndim - 1 == 1
        and forest.threshold.shape == (nodes,) and forest.children.shape == (nodes, 2)
        and forest.counts.shape[1:] == (len(forest.edges), forest.edges.shape[1] - 1) and len(forest.roots) > 0,
    }  # fmt: skip
    for what, good in sound.items():
        if not good:
            return f"arrays of other {what}"
    return _broken_tree(forest, int(width[0])) or _broken_leaf(forest)


def _broken_tree(forest: Forest, width: int) -> str:
    leaf = is_leaf(forest)
    own = np.arange(len(leaf))
    alike = (forest.children[leaf] == own[leaf, None]).all()
    nodes = {"left": forest.children[:, 0], "right": forest.children[:, 1], "feature": forest.feature}
    rooted = ((forest.roots >= 0) & (forest.roots < len(leaf))).all()
    # The walk looks at a leaf's feature, too.
    seen = ((forest.feature >= 0) & (forest.feature < width)).all()
    sound = alike and rooted and seen and check_tree(nodes, width, leaf)
    return "" if sound else "trees whose nodes lead astray"


def _broken_leaf(forest: Forest) -> str:
    sizes = forest.counts.sum(axis=2, dtype=np.float64)
    full = len(sizes) == is_leaf(forest).sum() and (sizes > 0).all()
    ordered = np.isfinite(forest.edges).all() and (forest.edges[:, 1:] >= forest.edges[:, :-1]).all()
    return "" if full and ordered else "leaves without a distribution"
