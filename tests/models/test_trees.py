"""The tree models: against plain loops, on a planted signal, and their files in bad hands."""

import builtins
import importlib
import importlib.util
import json
import shutil
from dataclasses import fields
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.ensemble import RandomForestRegressor

from pricecast import models
from pricecast.errors import InputError
from pricecast.forecasting import fitting
from pricecast.models import _forest, _quantiles, _trees
from pricecast.schema import MEDIAN, QUANTILE_LEVELS
from tests.support.market_samples import SMALL, same_bits, small_dataset

NAMES = ("forest", "lightgbm", "xgboost")
BOOSTED = ("lightgbm", "xgboost")
LEVELS = np.array(QUANTILE_LEVELS)
GROWTH = {
    "n_estimators": 8, "min_samples_leaf": 20, "max_features": 0.5, "max_depth": 6, "max_samples": 400,
    "random_state": 0,
}  # fmt: skip


def small(name, **params):
    return models.create(name, {**models.settle(name, {}, SMALL), **params})


@cache
def setup():
    data = small_dataset()
    return data.panel(), data.origins("train"), data.origins("valid"), data.origins("test")


@cache
def planted(n=1500):
    """A panel's stand-in whose labels are three times as wide where its second feature is above zero."""
    panel, *_ = setup()
    rng = np.random.default_rng(0)
    X = rng.normal(0, 1, (n, 4)).astype(np.float32)
    width = np.where(X[:, 1] > 0, 1.5, 0.5)[:, None]
    return Planted(X, (width * rng.normal(0, 1, (n, 2))).astype(np.float32), panel)


class Planted:
    def __init__(self, X, y, panel):
        self.X, self.y = X, y
        self.spec = type(panel.spec)(**{**vars(panel.spec), "horizon": y.shape[1]})

    def labels(self, origins):
        return self.y[origins]

    def to_returns(self, labels, origins):
        return labels.astype(float)


def sample(n=600, features=5, horizons=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(0, 1, (n, features)).astype(np.float32)
    return X, rng.normal(0, np.exp(X[:, :1]), (n, horizons))


# --- the forest --------------------------------------------------------------------------------------------


def reference(X, labels):
    spread = np.abs(labels - np.median(labels, axis=0))
    return RandomForestRegressor(**GROWTH).fit(X, np.hstack([labels, spread]))


def test_the_walk_ends_in_scikit_learns_leaves():
    X, labels = sample()
    other = sample(seed=1)[0]
    forest, learner = _forest.grow(X, labels, GROWTH), reference(X, labels)
    is_leaf = _forest.is_leaf(forest)
    for rows in (X, other):
        leaves = _forest.leaves(forest, rows, GROWTH["max_depth"])
        nodes = learner.apply(rows) + forest.roots
        assert is_leaf[nodes].all()
        assert (leaves == np.cumsum(is_leaf)[nodes] - 1).all()


def test_a_feature_on_a_threshold_goes_to_the_same_side():
    X, labels = sample()
    forest, learner = _forest.grow(X, labels, GROWTH), reference(X, labels)
    for tree in learner.estimators_[:3]:
        inner = tree.tree_.feature >= 0
        for feature, threshold in zip(tree.tree_.feature[inner], tree.tree_.threshold[inner], strict=True):
            near = np.float32(threshold)
            rows = np.repeat(X[:1], 3, axis=0)
            rows[:, feature] = [np.nextafter(near, np.float32(-9)), near, np.nextafter(near, np.float32(9))]
            nodes = learner.apply(rows) + forest.roots
            leaf = np.cumsum(_forest.is_leaf(forest))[nodes] - 1
            assert (_forest.leaves(forest, rows, GROWTH["max_depth"]) == leaf).all()


def test_quantiles_equal_a_plain_weighted_quantile_within_the_grids_resolution():
    X, labels = sample()
    rows = sample(40, seed=1)[0]
    forest, learner = _forest.grow(X, labels, GROWTH), reference(X, labels)
    quantiles = _forest.quantiles(forest, rows, GROWTH["max_depth"])
    train, nodes = learner.apply(X), learner.apply(rows)
    for i in range(len(rows)):
        # Meinshausen (2006): each training row weighs 1 / (rows of its leaf), averaged over the trees.
        weights = np.zeros(len(X))
        for tree in range(GROWTH["n_estimators"]):
            inside = train[:, tree] == nodes[i, tree]
            weights[inside] += 1 / inside.sum() / GROWTH["n_estimators"]
        for h in range(labels.shape[1]):
            order = np.argsort(labels[:, h])
            share, edges = np.cumsum(weights[order]), forest.edges[h]
            for level, got in zip(QUANTILE_LEVELS, quantiles[i, h], strict=True):
                exact = labels[order, h][np.argmax(share >= level - 1e-12)]
                bin_ = np.clip(np.searchsorted(edges, exact) - 1, 0, _forest.BINS - 1)
                assert edges[bin_] - 1e-12 <= got <= edges[bin_ + 1] + 1e-12


def test_every_training_row_is_counted_once_a_tree():
    X, labels = sample()
    forest = _forest.grow(X, labels, GROWTH)
    assert (forest.counts.sum(axis=(0, 2)) == len(X) * GROWTH["n_estimators"]).all()
    assert forest.counts.dtype.itemsize <= 2


def test_splits_follow_the_spread_where_the_mean_says_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(0, 1, (800, 10)).astype(np.float32)
    half = rng.normal(0, 1, (400, 1)) * np.where(X[:400, :1] > 0, 2.0, 0.5)
    # Mirrored labels: the mean is exactly the same on both sides of any split of the first feature.
    X[400:] = X[:400]
    labels = np.concatenate([half, -half])
    one = {**GROWTH, "max_depth": 1, "max_features": 1.0, "max_samples": 800}
    forest = _forest.grow(X, labels, one)
    first = forest.feature[forest.roots]
    assert (first == 0).all()
    means = RandomForestRegressor(**one).fit(X, labels[:, 0])
    assert not all(tree.tree_.feature[0] == 0 for tree in means.estimators_)


def test_labels_that_are_all_alike_are_forecast_as_they_are():
    X, _ = sample()
    forest = _forest.grow(X, np.full((len(X), 2), 0.25), GROWTH)
    assert (_forest.quantiles(forest, X[:9], GROWTH["max_depth"]) == 0.25).all()


def test_a_tree_takes_no_more_rows_than_it_may(monkeypatch):
    seen = []
    real = _forest.grow
    monkeypatch.setattr(
        _forest, "grow", lambda X, y, params: seen.append(params["max_samples"]) or real(X, y, params)
    )
    panel, train, valid, _ = setup()
    small("forest", samples_per_tree=100).fit(panel, train, valid)
    small("forest").fit(panel, train, valid)
    assert seen == [100, len(train)]


# --- what they learn ---------------------------------------------------------------------------------------


@cache
def learned(name):
    params = {"min_samples_leaf": 50} | ({"epochs": 60} if name in BOOSTED else {"trees": 30, "max_features": 0.75})
    panel = planted()
    return models.create(name, params).fit(panel, np.arange(900), np.arange(900, 1200))


@pytest.mark.parametrize("name", NAMES)
def test_forecasts_are_wide_where_the_labels_are(name):
    panel, rows = planted(), np.arange(1200, 1500)
    levels = learned(name).predict(panel, rows).quantiles
    width = levels[:, :, -1] - levels[:, :, 0]
    wild = panel.X[rows, 1] > 0
    # Three times as wide in truth; shrinkage keeps them from going all the way.
    assert (np.median(width[wild], axis=0) > 2 * np.median(width[~wild], axis=0)).all()
    constant = np.quantile(panel.y[:900], LEVELS, axis=0).T[None]
    assert _trees.pinball(levels, panel.y[rows]) < 0.92 * _trees.pinball(constant, panel.y[rows])


@pytest.mark.parametrize("name", NAMES)
def test_with_too_few_rows_for_a_split_they_say_the_training_quantiles(name):
    panel, rows = planted(), np.arange(1200, 1210)
    params = {"min_samples_leaf": 900}
    levels = models.create(name, params).fit(panel, np.arange(900), np.arange(0)).predict(panel, rows).quantiles
    assert (levels == levels[:1]).all()
    np.testing.assert_allclose(levels[0], np.quantile(panel.y[:900], LEVELS, axis=0).T, atol=0.15)


def test_pinball_equals_a_loop():
    rng = np.random.default_rng(0)
    levels, labels = rng.normal(0, 1, (5, 2, len(LEVELS))), rng.normal(0, 1, (5, 2))
    total = 0.0
    for i in range(5):
        for h in range(2):
            for j, level in enumerate(QUANTILE_LEVELS):
                miss = labels[i, h] - levels[i, h, j]
                total += level * miss if miss > 0 else (level - 1) * miss
    assert _trees.pinball(levels, labels) == pytest.approx(total / levels.size, rel=1e-12)


def test_forecasts_come_back_in_order_with_the_median_as_centre():
    panel, *_, test = setup()
    levels = np.random.default_rng(0).normal(0, 1, (len(test), 3, len(LEVELS)))
    forecast = _quantiles.forecast(levels, panel, test)
    expected = np.stack([panel.to_returns(levels[:, :, i], test) for i in range(len(LEVELS))], axis=2)
    assert same_bits(forecast.quantiles, np.sort(expected, axis=2))
    assert same_bits(forecast.center, forecast.quantiles[:, :, MEDIAN])


# --- early stopping ----------------------------------------------------------------------------------------


def test_boosting_stops_after_the_patience_and_names_the_best_round():
    seen = []

    def ended(losses, epochs=9, patience=2):
        rounds = iter(losses)
        seen.clear()
        return _trees.boost(lambda: {"val_loss": next(rounds)}, epochs, patience, lambda i, _: seen.append(i))

    assert (ended([5, 3, 4, 2, 6, 7, 1]), seen) == (4, [1, 2, 3, 4, 5, 6])
    assert (ended([5, 4, 3], epochs=3), seen) == (3, [1, 2, 3])
    assert ended([5, 5, 5, 1]) == 1
    assert _trees.boost(lambda: {"train_loss": 1.0}, 4, 1, None) == 4


@cache
def stopped(name):
    panel, train, valid, _ = setup()
    seen = []
    model = small(name, epochs=60, learning_rate=0.5, patience=3)
    model.fit(panel, train, valid, lambda epoch, metrics: seen.append((epoch, metrics)))
    return model, seen


@pytest.mark.parametrize("name", BOOSTED)
def test_each_round_is_reported_and_the_best_one_is_kept(name):
    model, seen = stopped(name)
    assert [epoch for epoch, _ in seen] == list(range(1, len(seen) + 1))
    assert all(set(metrics) == {"train_loss", "val_loss"} for _, metrics in seen)
    losses = [metrics["val_loss"] for _, metrics in seen]
    assert model.best_epoch_ == int(np.argmin(losses)) + 1 == len(seen) - 3
    # The loss on the training rows falls: otherwise nothing would have been learned.
    assert seen[-1][1]["train_loss"] < seen[0][1]["train_loss"]


@pytest.mark.parametrize("name", BOOSTED)
def test_what_is_kept_has_the_best_loss(name):
    panel, _, valid, _ = setup()
    model, seen = stopped(name)
    quantiles = model.predict(panel, valid).quantiles
    # Back to labels, level by level; the sorting can only have made the loss less.
    unit = panel.unit(valid)
    labels = np.stack(
        [panel.scaler_y.transform(quantiles[:, :, i] / unit) for i in range(quantiles.shape[2])], axis=2
    )
    best = min(metrics["val_loss"] for _, metrics in seen)
    loss = _trees.pinball(labels, panel.labels(valid))
    assert loss <= best + 1e-6
    assert loss == pytest.approx(best, rel=0.02)


@pytest.mark.parametrize("name", BOOSTED)
def test_the_rounds_kept_are_those_of_a_run_that_ended_there(name):
    panel, train, valid, test = setup()
    model, _ = stopped(name)
    # Without validation rows: they decide when to stop and teach nothing.
    short = small(name, epochs=model.best_epoch_, learning_rate=0.5).fit(panel, train, valid[:0])
    assert short.best_epoch_ == model.best_epoch_
    assert same_bits(short.predict(panel, test).quantiles, model.predict(panel, test).quantiles)


@pytest.mark.parametrize("name", BOOSTED)
def test_a_refit_takes_as_many_rounds_as_were_best(name):
    data = small_dataset()
    judged = fitting.fit(name, {**models.settle(name, {}, SMALL), "epochs": 30, "patience": 2}, data)
    again = fitting.refit(judged, data)
    assert again.model.epochs == again.model.best_epoch_ == judged.model.best_epoch_


# --- parameters --------------------------------------------------------------------------------------------

BAD = [
    ("forest", "trees", 0), ("forest", "min_samples_leaf", 0), ("forest", "max_features", 0),
    ("forest", "max_features", 1.5), ("forest", "max_depth", 65), ("forest", "samples_per_tree", 0),
    *((name, key, 0) for name in BOOSTED for key in ("epochs", "patience", "learning_rate", "min_samples_leaf")),
    *((name, key, value) for name in BOOSTED for key in ("subsample", "colsample") for value in (0, 1.5)),
    ("xgboost", "max_depth", 0), ("xgboost", "max_depth", 17), ("lightgbm", "num_leaves", 1),
    ("lightgbm", "num_leaves", 1025), ("xgboost", "learning_rate", 1.5), ("lightgbm", "learning_rate", 1.5),
]  # fmt: skip


@pytest.mark.parametrize(("name", "key", "value"), BAD)
def test_a_number_that_makes_no_trees_is_an_input_error(name, key, value):
    panel, train, valid, _ = setup()
    with pytest.raises(InputError, match=f"expected {key} of {name} .*got {value}"):
        small(name, **{key: value}).fit(panel, train, valid)


class Trial:
    """Stands in for Optuna's: returns an end of each range."""

    def __init__(self, end):
        self.end = end

    def suggest_int(self, name, low, high, log=False):
        return (low, high)[self.end]

    suggest_float = suggest_int


@pytest.mark.parametrize("end", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_the_space_holds_parameters_that_fit(name, end):
    panel, train, valid, test = setup()
    params = models.load(name).space(Trial(end))
    model = small(name, **params).fit(panel, train, valid)
    assert np.isfinite(model.predict(panel, test).quantiles).all()


@pytest.mark.parametrize("name", NAMES)
def test_other_features_than_in_training_are_refused(name):
    panel, train, valid, test = setup()
    model = small(name).fit(panel, train, valid)
    less = type(panel)(**{**{f.name: getattr(panel, f.name) for f in fields(panel)}, "X": panel.X[:, 1:].copy()})
    with pytest.raises(InputError, match=f"expected the {panel.X.shape[1]} features that {name} was trained on"):
        model.predict(less, test)


# --- files -------------------------------------------------------------------------------------------------


@cache
def files_of(name):
    panel, train, valid, _ = setup()
    model = small(name).fit(panel, train, valid)
    return {"forest": _written_forest, "xgboost": _written_json, "lightgbm": _written_texts}[name], model


def _written_forest(folder, change):
    arrays = load_file(folder / "forest.safetensors")
    arrays = {key: value.copy() for key, value in arrays.items()}
    change(arrays)
    save_file(arrays, folder / "forest.safetensors")


def _written_json(folder, change):
    file = folder / "horizon_2.json"
    model = json.loads(file.read_text())
    change(model)
    file.write_text(json.dumps(model))


def _written_texts(folder, change):
    file = folder / "boosters.json"
    file.write_text(json.dumps(change(json.loads(file.read_text()))))


def refused(name, folder, change):
    write, model = files_of(name)
    shutil.rmtree(folder, ignore_errors=True)
    model.save(folder)
    write(folder, change)
    with pytest.raises(InputError, match=f"expected the trees of {name} in .*train it again"):
        small(name).load(folder)


def _split(forest):
    return np.flatnonzero(~_forest.is_leaf(_forest.Forest(**{k: v for k, v in forest.items() if k != "input_dim"})))


FOREST_DAMAGE = {
    "a node before its parent": lambda x: x["children"].__setitem__((_split(x)[1], 0), 0),
    "a node that is not there": lambda x: x["children"].__setitem__((_split(x)[0], 1), 10**9),
    "half a leaf": lambda x: x["children"].__setitem__((_split(x)[0], 0), _split(x)[0]),
    "a feature that is not there": lambda x: x["feature"].__setitem__(_split(x)[0], 24),
    "a feature below zero": lambda x: x["feature"].__setitem__(_split(x)[0], -1),
    "a leaf's feature that is not there": lambda x: x["feature"].__setitem__(-1, 24),
    "a root that is not there": lambda x: x["roots"].__setitem__(0, 10**6),
    "an empty leaf": lambda x: x["counts"].__setitem__(0, 0),
    "a leaf less": lambda x: x.__setitem__("counts", x["counts"][1:].copy()),
    "signed counts": lambda x: x.__setitem__("counts", x["counts"].astype(np.int64)),
    "edges out of order": lambda x: x.__setitem__("edges", x["edges"][:, ::-1].copy()),
    "edges that are no numbers": lambda x: x["edges"].__setitem__((0, 3), np.nan),
    "fewer thresholds": lambda x: x.__setitem__("threshold", x["threshold"][:-1].copy()),
    "a tree more": lambda x: x.__setitem__("roots", np.append(x["roots"], x["roots"][-1])),
    "no roots": lambda x: x.__setitem__("roots", x["roots"][:0].copy()),
    "an array less": lambda x: x.pop("threshold"),
    "an array more": lambda x: x.__setitem__("more", x["edges"]),
}  # fmt: skip


@pytest.mark.parametrize("what", FOREST_DAMAGE)
def test_a_forest_that_is_none_is_refused(tmp_path, what):
    refused("forest", tmp_path, FOREST_DAMAGE[what])


def trees_of(model):
    return model["learner"]["gradient_booster"]["model"]


def tree_of(model):
    return next(tree for tree in trees_of(model)["trees"] if tree["left_children"][0] != -1)


XGBOOST_DAMAGE = {
    "a node before its parent": lambda x: tree_of(x)["left_children"].__setitem__(0, 0),
    "a node that is not there": lambda x: tree_of(x)["right_children"].__setitem__(0, 10**6),
    "half a leaf": lambda x: tree_of(x)["right_children"].__setitem__(-1, 0),
    "a node of two parents": lambda x: tree_of(x)["left_children"].__setitem__(0, tree_of(x)["right_children"][0]),
    "a feature that is not there": lambda x: tree_of(x)["split_indices"].__setitem__(0, 24),
    "other kinds of number": lambda x: tree_of(x)["split_indices"].__setitem__(0, 1.0),
    "fewer values": lambda x: tree_of(x)["split_conditions"].pop(),
    "a category": lambda x: tree_of(x)["split_type"].__setitem__(0, 1),
    "more nodes than there are": lambda x: tree_of(x)["tree_param"].__setitem__("num_nodes", "999999999"),
    "vectors in leaves": lambda x: tree_of(x)["tree_param"].__setitem__("size_leaf_vector", "7"),
    "more trees than there are": lambda x: trees_of(x)["gbtree_model_param"].__setitem__("num_trees", "9999999"),
    "a tree of an eighth level": lambda x: trees_of(x)["tree_info"].__setitem__(0, 7),
    "rounds of other trees": lambda x: trees_of(x)["iteration_indptr"].__setitem__(1, 10**6),
    "another objective": lambda x: x["learner"]["objective"].__setitem__("name", "reg:squarederror"),
    "another booster": lambda x: x["learner"]["gradient_booster"].__setitem__("name", "gblinear"),
    "more features": lambda x: x["learner"]["learner_model_param"].__setitem__("num_feature", "999999999"),
    "fewer starting points": lambda x: x["learner"]["learner_model_param"].__setitem__("base_score", "[0]"),
    "nothing": lambda x: x.clear(),
}  # fmt: skip


@pytest.mark.parametrize("what", XGBOOST_DAMAGE)
def test_an_xgboost_file_that_holds_no_such_trees_is_refused(tmp_path, what):
    refused("xgboost", tmp_path, XGBOOST_DAMAGE[what])


def _swap(old, new):
    def change(texts):
        at = next(i for i, text in enumerate(texts) if old in text)
        return [*texts[:at], texts[at].replace(old, new, 1), *texts[at + 1 :]]

    return change


def _line(key, value):
    """Puts another value behind a key of the first tree, and the tree's new size into the header."""

    def change(texts):
        head, gap, trees = texts[0].partition("\n\n")
        start = trees.index(f"\n{key}=") + len(key) + 2
        changed = trees[:start] + value + trees[trees.index("\n", start) :]
        sizes = head[head.index("tree_sizes=") + 11 :].split(" ")
        sizes[0] = str(int(sizes[0]) + len(changed) - len(trees))
        return [head[: head.index("tree_sizes=") + 11] + " ".join(sizes) + gap + changed, *texts[1:]]

    return change


def _last_child(texts):
    """A link to the node behind the last one that splits."""
    splits = texts[0].partition("\n\n")[2].partition("split_feature=")[2].partition("\n")[0].count(" ") + 1
    return _line("left_child", " ".join([str(splits)] * splits))(texts)


LIGHTGBM_DAMAGE = {
    "more leaves than there are": _line("num_leaves", "2000000000"),
    "fewer leaf values": _line("leaf_value", "0.5"),
    "words for leaf values": _line("leaf_value", "0.5 0.5 0.5 evil"),
    "no number for a leaf": _line("leaf_value", "0.5 0.5 0.5 nan"),
    "a word for the shrinkage": _line("shrinkage", "evil"),
    "a leaf of two parents": _line("right_child", "-1 -1 -1"),
    "a line that nobody wrote": _line("shrinkage", "1\nleaf_coeff=1"),
    "a node before its parent": _line("left_child", "0 0 0"),
    "a node that is not there": _line("right_child", "9 9 9"),
    "a node one behind the last": _last_child,
    "a leaf that is not there": _line("right_child", "-9 -9 -9"),
    "a feature that is not there": _line("split_feature", "24 24 24"),
    "a category": _line("decision_type", "3 3 3"),
    "categories": _line("num_cat", "1"),
    "lines in leaves": _line("is_linear", "1"),
    "no numbers": _line("left_child", "a b c"),
    "sizes that lead out of the text": _swap("tree_sizes=", "tree_sizes=9"),
    "a size below zero": _swap("tree_sizes=", "tree_sizes=-1"),
    "more features": _swap("max_feature_idx=23", "max_feature_idx=999999999"),
    "another objective": _swap("objective=quantile", "objective=multiclass"),
    "several classes": _swap("num_class=1", "num_class=9"),
    "a key that is there twice": _swap("num_class=1", "num_class=1\nnum_class=9"),
    "something behind the trees": lambda texts: [texts[0] + "parameters:\n", *texts[1:]],
    "no text": lambda texts: [None, *texts[1:]],
    "a booster less": lambda texts: texts[1:],
    "no list": lambda texts: {},
}  # fmt: skip


def test_a_tree_may_have_so_many_levels_and_no_more():
    for splits, shallow in ((_trees.MAX_LEVELS, True), (_trees.MAX_LEVELS + 1, False)):
        left, right = np.full(2 * splits + 1, -1), np.full(2 * splits + 1, -1)
        left[: 2 * splits : 2], right[: 2 * splits : 2] = (
            np.arange(1, 2 * splits, 2),
            np.arange(2, 2 * splits + 1, 2),
        )
        nodes = {"left": left, "right": right, "feature": np.zeros(len(left), int)}
        assert _trees.check_tree(nodes, 1, left == -1)
        assert _trees.is_shallow(nodes, left == -1) == shallow


@pytest.mark.parametrize("what", LIGHTGBM_DAMAGE)
def test_a_lightgbm_file_that_holds_no_such_trees_is_refused(tmp_path, what):
    refused("lightgbm", tmp_path, LIGHTGBM_DAMAGE[what])


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_rubbish_or_cut_off_is_refused(tmp_path, name):
    _, model = files_of(name)
    model.save(tmp_path / "sound")
    for file in sorted((tmp_path / "sound").iterdir()):
        content = file.read_bytes()
        for damaged in (b"", b"[]", b"\xff\xfe", content[:-9], content[: len(content) // 2]):
            folder = tmp_path / "damaged"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(tmp_path / "sound", folder)
            (folder / file.name).write_bytes(damaged)
            with pytest.raises(InputError):
                small(name).load(folder)


@pytest.mark.parametrize("name", BOOSTED)
@pytest.mark.parametrize(
    ("key", "value"), [("horizon", 10**9), ("horizon", 0), ("input_dim", -1), ("input_dim", "x")]
)
def test_shapes_that_make_no_model_are_refused(tmp_path, name, key, value):
    files_of(name)[1].save(tmp_path)
    state = json.loads((tmp_path / "state.json").read_text())
    (tmp_path / "state.json").write_text(json.dumps({**state, key: value}))
    with pytest.raises(InputError):
        small(name).load(tmp_path)


def test_the_libraries_read_their_own_formats(tmp_path):
    import lightgbm
    import xgboost

    panel, _, _, test = setup()
    for name in BOOSTED:
        files_of(name)[1].save(tmp_path / name)
    booster = xgboost.Booster(model_file=tmp_path / "xgboost" / "horizon_1.json")
    fitted = files_of("xgboost")[1].boosters_[0]
    assert same_bits(booster.inplace_predict(panel.X[test]), fitted.inplace_predict(panel.X[test]))
    text = json.loads((tmp_path / "lightgbm" / "boosters.json").read_text())[0]
    fitted = files_of("lightgbm")[1].boosters_[0]
    assert same_bits(lightgbm.Booster(model_str=text).predict(panel.X[test]), fitted.predict(panel.X[test]))


# --- libraries ---------------------------------------------------------------------------------------------


def test_without_the_openmp_library_the_message_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    source = Path(models.__file__).with_name("_lightgbm.py")
    spec = importlib.util.spec_from_file_location("fresh_lightgbm", source)
    with pytest.raises(InputError, match=r"libgomp\.so\.1: cannot open .*apt-get install libgomp1.*conda"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_files_named_after_their_library_import_the_library():
    for name in BOOSTED:
        library = importlib.import_module(name)
        assert Path(library.__file__).parent.name == name
        assert hasattr(library, "Booster")
        assert getattr(importlib.import_module(f"pricecast.models.{name}"), name) is library
