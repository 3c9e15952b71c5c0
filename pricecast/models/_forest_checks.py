"""Checks of a forest's arrays, as read from a file, before anything walks its trees."""

import numpy as np

from pricecast.models._forest import Forest, is_leaf
from pricecast.models._trees import check_tree


def problem(forest: Forest, width: np.ndarray) -> str:
    """Return in words why arrays are not a forest, or an empty text where they are.

    Args:
        forest: the arrays.
        width: (1,) number of features that it was trained on.
    """
    nodes, floats = len(forest.feature), (forest.threshold, forest.edges)
    links = (forest.roots, forest.feature, forest.children, width)
    sound = {
        "types": all(x.dtype.kind == "f" for x in floats) and all(x.dtype == np.int32 for x in links)
        and forest.counts.dtype.kind == "u",
        "shapes": width.shape == (1,) and forest.roots.ndim == forest.feature.ndim == forest.edges.ndim - 1 == 1
        and forest.threshold.shape == (nodes,) and forest.children.shape == (nodes, 2)
        and forest.counts.shape[1:] == (len(forest.edges), forest.edges.shape[1] - 1) and len(forest.roots) > 0,
    }  # fmt: skip
    for property_, is_sound in sound.items():
        if not is_sound:
            return f"arrays of other {property_}"
    return _broken_tree(forest, int(width[0])) or _broken_leaf(forest)


def _broken_tree(forest: Forest, width: int) -> str:
    leaf = is_leaf(forest)
    node = np.arange(len(leaf))
    leaves_end = (forest.children[leaf] == node[leaf, None]).all()
    links = {"left": forest.children[:, 0], "right": forest.children[:, 1], "feature": forest.feature}
    roots_exist = ((forest.roots >= 0) & (forest.roots < len(leaf))).all()
    # The evaluation reads a leaf's feature, too.
    features_exist = ((forest.feature >= 0) & (forest.feature < width)).all()
    sound = leaves_end and roots_exist and features_exist and check_tree(links, width, leaf)
    return "" if sound else "trees with links or features that do not exist"


def _broken_leaf(forest: Forest) -> str:
    sizes = forest.counts.sum(axis=2, dtype=np.float64)
    filled = len(sizes) == is_leaf(forest).sum() and (sizes > 0).all()
    ordered = np.isfinite(forest.edges).all() and (forest.edges[:, 1:] >= forest.edges[:, :-1]).all()
    return "" if filled and ordered else "leaves without a distribution"
