"""A quantile regression forest as plain arrays: grown by scikit-learn, evaluated by numpy.

A quantile regression forest (Meinshausen 2006) keeps in each leaf not the mean but the distribution of the
training labels there. Here that is a histogram per leaf and horizon on one grid of label values, whose
cumulative shares are averaged over the trees and inverted to quantiles.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.ensemble import RandomForestRegressor

from pricecast.schema import QUANTILE_LEVELS

BINS = 64
# Rows evaluated at once: what a chunk needs stays within some 10 MB.
_CHUNK = 1024


@dataclass(frozen=True)
class Forest:
    """The nodes of all trees, tree after tree; a leaf is its own child.

    Attributes:
        roots: (trees,) first node of each tree.
        feature: (nodes,) column that a node splits on.
        threshold: (nodes,) float32; values up to it go left.
        children: (nodes, 2) left and right; later nodes of the same tree.
        counts: (leaves, horizons, bins) numbers of training labels, leaves in the order of their nodes.
        edges: (horizons, bins + 1) edges of the bins, from the least label to the greatest.
    """

    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    children: np.ndarray
    counts: np.ndarray
    edges: np.ndarray


def grow(X: np.ndarray, labels: np.ndarray, params: dict[str, Any]) -> Forest:
    """Grow the trees on bootstrap samples, then count all training labels in their leaves.

    Args:
        X: (n, features) float32.
        labels: (n, horizons).
        params: of scikit-learn's RandomForestRegressor.
    """
    # What can be learned of returns is mostly how far they go, not where. Splits that reduce the variance of the
    # labels alone look for shifts of the mean; with the distance from the median as further outputs, a
    # split that parts calm days from wild ones counts, too. The leaves keep the labels only.
    spread = np.abs(labels - np.median(labels, axis=0))
    regressor = RandomForestRegressor(**params, n_jobs=1).fit(X, np.hstack([labels, spread]))
    trees = [estimator.tree_ for estimator in regressor.estimators_]
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
    return replace(forest, counts=_counts(forest, X, labels, params["max_depth"]))


def leaves(forest: Forest, X: np.ndarray, depth: int) -> np.ndarray:
    """Return the leaf of each row of features (n, features) in each tree, (n, trees), as an index into `counts`."""
    node = np.tile(forest.roots, (len(X), 1))
    rows = np.arange(len(X))[:, None]
    for _ in range(depth):
        right = X[rows, forest.feature[node]] > forest.threshold[node]
        node = forest.children[node, right.astype(np.intp)]
    return (np.cumsum(is_leaf(forest)) - 1)[node]


def is_leaf(forest: Forest) -> np.ndarray:
    """Mark the nodes that are leaves, (nodes,)."""
    return forest.children[:, 0] == np.arange(len(forest.children))


def quantiles(forest: Forest, X: np.ndarray, depth: int) -> np.ndarray:
    """Return the labels' quantiles at `QUANTILE_LEVELS`, (n, horizons, levels), given features (n, features)."""
    levels = np.empty((len(X), len(forest.edges), len(QUANTILE_LEVELS)))
    for start in range(0, len(X), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        levels[chunk] = _invert(_average(forest.counts, leaves(forest, X[chunk], depth)), forest.edges)
    return levels


def _average(counts: np.ndarray, leaf: np.ndarray) -> np.ndarray:
    # Tree by tree, so that a row's sum does not depend on how many rows there are; shares only of the leaves
    # that are reached, since those of all leaves can be eight times the file's size.
    total = np.zeros((len(leaf), *counts.shape[1:]))
    for column in leaf.T:
        reached, at = np.unique(column, return_inverse=True)
        sums = np.cumsum(counts[reached], axis=2, dtype=np.float64)
        total += (sums / sums[:, :, -1:])[at]
    return total / leaf.shape[1]


def _invert(shares: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the quantiles of cumulative shares (n, horizons, bins) at the bins' upper edges, linear in between."""
    quantiles = []
    horizon = np.arange(len(edges))
    at_lower_edges = np.concatenate([np.zeros_like(shares[:, :, :1]), shares[:, :, :-1]], axis=2)
    for level in QUANTILE_LEVELS:
        at = np.minimum((shares < level).sum(axis=2), shares.shape[2] - 1)
        low, high = (np.take_along_axis(x, at[:, :, None], axis=2)[:, :, 0] for x in (at_lower_edges, shares))
        inside = (level - low) / (high - low)
        quantiles.append(edges[horizon, at] + inside * (edges[horizon, at + 1] - edges[horizon, at]))
    return np.stack(quantiles, axis=2)


def _children(tree: Any) -> np.ndarray:
    node = np.arange(tree.node_count)
    children = (tree.children_left, tree.children_right)
    return np.stack([np.where(child < 0, node, child) for child in children], axis=1)


def _below(threshold: np.ndarray) -> np.ndarray:
    """Return the largest float32 up to each threshold, so that a float32 feature stays on its side of it."""
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
