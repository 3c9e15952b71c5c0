"""Forecaster folders of every kind of model with one thing changed that makes a crash, a hang or nonsense."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from safetensors.numpy import load_file, save_file

from pricecast import models
from pricecast.evaluation.evaluate import forecast_test_span
from pricecast.files import read_json
from pricecast.forecasting import fitting
from pricecast.forecasting.forecaster import Forecaster
from pricecast.forecasting.settings import Settings
from tests.support.market_samples import SMALL, small_dataset
from tests.support.skops_files import canonical

Change = Callable[[Path], object]
# Numbers that are none, none that a file of ours has, or that overflow on the way.
NAN, ENDLESS, HUGE = float("nan"), float("inf"), 1e300


def sound(kind: str, folder: Path) -> Path:
    """A small forecaster of a model, or one of drifts for each ticker, as the train step writes it."""
    place = folder / kind
    return place if place.exists() else _fitted(kind).save(place)


def forecast(made: Forecaster) -> None:
    """Calls that the evaluate step makes of a model."""
    fitting.check_belongs("evil", made, small_dataset())
    forecast_test_span("evil", made, small_dataset())


@cache
def _fitted(kind: str) -> Forecaster:
    name = kind.removesuffix(" by ticker")
    settings = Settings(per_ticker=name != kind)
    return fitting.fit(name, models.settle(name, {}, SMALL), small_dataset(), settings=settings)


def about(**fields: Any) -> Change:
    """Other fields of forecaster.json; those of an object are merged into it."""

    def change(folder: Path) -> None:
        values = read_json(folder / "forecaster.json")
        merged = {key: {**values[key], **new} if isinstance(new, dict) else new for key, new in fields.items()}
        (folder / "forecaster.json").write_text(json.dumps({**values, **merged}), encoding="utf-8")

    return change


def state(make: Callable[[Any], Any], name: str = "state.json") -> Change:
    """Another content of a JSON file of the model."""

    def change(folder: Path) -> None:
        path = folder / "model" / name
        path.write_text(json.dumps(make(json.loads(path.read_text("utf-8")))), encoding="utf-8")

    return change


def every(**numbers: Any) -> Change:
    """Other numbers in the state of each ticker."""
    return state(lambda tickers: {ticker: {**values, **numbers} for ticker, values in tickers.items()})


def field(**values: Any) -> Change:
    """Other fields of the state."""
    return state(lambda fields: {**fields, **values})


def arrays(name: str, make: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]) -> Change:
    """Other arrays in a safetensors file of the model."""

    def change(folder: Path) -> None:
        path = folder / "model" / name
        kept = {key: value.copy() for key, value in load_file(path).items()}
        save_file({key: np.ascontiguousarray(value) for key, value in make(kept).items()}, path)

    return change


def text(name: str, content: str) -> Change:
    """A file of the model that holds something else."""
    return lambda folder: (folder / "model" / name).write_text(content, encoding="utf-8")


def scaler(letter: str, **attributes: Any) -> Change:
    """A scaler of the right class that holds something else."""

    def change(folder: Path) -> None:
        path = folder / f"scaler_{letter}.skops"
        other = skops.io.loads(path.read_bytes(), trusted=[])
        vars(other).update(attributes)
        path.write_bytes(canonical(other))

    return change


def both(*changes: Change) -> Change:
    """Several changes."""
    return lambda folder: [change(folder) for change in changes]


def _full(array: np.ndarray, value: float) -> np.ndarray:
    return np.full_like(array, value)


def _shared(nodes: int) -> dict[str, list[int]]:
    """A tree in which both children are one node, so that two to the power of its depth ways lead down."""
    child = [*range(1, nodes), -1]
    return {"left_children": child, "right_children": child, "parents": [2**31 - 1, *range(nodes - 1)]}


def _chain(splits: int) -> dict[str, list[int]]:
    """A tree that is as deep as it is large."""
    left = [number for i in range(splits) for number in (2 * i + 1, -1)] + [-1]
    right = [number for i in range(splits) for number in (2 * i + 2, -1)] + [-1]
    parents = [2**31 - 1] + [number for i in range(splits) for number in (2 * i, 2 * i)]
    return {"left_children": left, "right_children": right, "parents": parents}


def _tree(links: dict[str, list[int]]) -> Change:
    def make(model: dict[str, Any]) -> dict[str, Any]:
        tree = model["learner"]["gradient_booster"]["model"]["trees"][0]
        nodes = len(links["parents"])
        zeros = {
            name: [0] * nodes
            for name, value in tree.items()
            if isinstance(value, list) and "categories" not in name
        }
        tree.update({**zeros, **links})
        tree["tree_param"]["num_nodes"] = str(nodes)
        return model

    return state(make, "horizon_1.json")


def _xgboost(place: str, **values: Any) -> Change:
    """Other values in XGBoost's JSON, at a place such as learner.objective."""

    def make(model: dict[str, Any]) -> dict[str, Any]:
        inner = model
        for step in place.split("."):
            inner = inner[step]
        inner.update(values)
        return model

    return state(make, "horizon_1.json")


def _boosters(old: str, new: str) -> Change:
    return state(lambda texts: [text.replace(old, new) for text in texts], "boosters.json")


def _leaves(value: str) -> Change:
    """LightGBM's leaves with another value, and the sizes that go with it."""

    def one(text: str) -> str:
        head, gap, trees = text.removesuffix("end of trees\n").partition("\n\n")
        parts = ["Tree=" + part for part in trees.split("Tree=")[1:]]
        for i, part in enumerate(parts):
            lines = [
                f"leaf_value={' '.join([value] * len(line.split(' ')))}" if line.startswith("leaf_value=") else line
                for line in part.split("\n")
            ]
            parts[i] = "\n".join(lines)
        kept = [line for line in head.split("\n") if not line.startswith("tree_sizes=")]
        sizes = "tree_sizes=" + " ".join(str(len(part)) for part in parts)
        return "\n".join([*kept, sizes]) + gap + "".join(parts) + "end of trees\n"

    return state(lambda texts: [one(text) for text in texts], "boosters.json")


def _tcn_of_many_layers(folder: Path) -> None:
    """Weights for as many layers as are asked for, whose zeros before the window take terabytes."""
    layers, width = 16, 256
    made = models.create("tcn", {**models.settle("tcn", {}, SMALL)})
    made.hidden_dim, made.num_layers = width, layers
    shapes = read_json(folder / "model" / "state.json")
    network = made._network(shapes["input_dim"], shapes["horizon"] * 7)
    save_file(
        {name: tensor.numpy() for name, tensor in network.state_dict().items()},
        folder / "model" / "weights.safetensors",
    )
    about(params={"hidden_dim": width, "num_layers": layers})(folder)


def _another_model_for_the_members(folder: Path) -> None:
    """A member that is there once only."""
    for path in (folder / "model" / "1").iterdir():
        path.unlink()
    (folder / "model" / "1").rmdir()


def _history_as_wide_as_long(folder: Path) -> None:
    losses = {"epoch": 1.0, "train_loss": 1.0, "val_loss": 1.0}
    about(history=[{**losses, f"x{i}": 1.0} for i in range(20_000)])(folder)


MANY = [f"T{i}" for i in range(200_000)]
WALKS = {"ets": ("alpha", "beta", "phi", "level", "slope"), "sarima": ("mean", "drift"),
         "garch": ("mean", "omega", "alpha", "gamma", "beta", "backcast")}  # fmt: skip
# The model, and what is changed in it.
EVIL: dict[str, tuple[str, Change]] = {
    "an ensemble of a list": ("ensemble", about(params={"members": ["har", "drift"]})),
    "an ensemble of ensembles": ("ensemble", about(params={"members": "ensemble,har"})),
    "an ensemble of a million": ("ensemble", about(params={"members": "drift," * 1_000_000})),
    "an ensemble of strangers": ("ensemble", about(params={"members": ",".join(MANY)})),
    "an ensemble with lines between": ("ensemble", about(params={"members": "drift,\n\n\nhar"})),
    "an ensemble of others than there are": ("ensemble", about(params={"members": "drift,har,knn"})),
    "an ensemble without a member's folder": ("ensemble", _another_model_for_the_members),
    "an ensemble of other weights": ("ensemble", field(weights=[0.5, "much"])),
    "an ensemble of weights without sign": ("ensemble", field(weights=[NAN, 1.0])),
    "an ensemble of weights below zero": ("ensemble", field(weights=[-1.0, 2.0])),
    "an ensemble of offsets of another horizon": ("ensemble", field(offsets=[[[0.0] * 7] * 2] * 2)),
    "an ensemble of offsets without end": ("ensemble", field(offsets=[[[HUGE] * 7] * 3] * 2)),
    "tickers that are many": ("naive by ticker", text("state.json", json.dumps({"tickers": MANY}))),
    "tickers that are one": ("drift by ticker", field(tickers=["AAA", "AAA"])),
    "tickers that are lines": ("drift by ticker", field(tickers=["A\nA", "BBB"])),
    "tickers that are numbers": ("drift by ticker", field(tickers=[1, 2])),
    "tickers that are text": ("drift by ticker", field(tickers="AB")),
    "tickers in other folders": ("drift by ticker", field(tickers=["AAA", "BBB", "CCC"])),
    "settings of another kind": ("drift by ticker", about(settings={"per_ticker": "yes"})),
    "settings that are numbers": ("drift by ticker", about(settings={"per_ticker": 1})),
    "settings of one model for all": ("drift by ticker", about(settings={"per_ticker": False})),
    "settings of one model each": ("har", about(settings={"per_ticker": True})),
    "thresholds out of order": ("har", about(calibration={"thresholds": {"AAA": [2.0, 1.0]}})),
    "thresholds that are none": ("har", about(calibration={"thresholds": {"AAA": [NAN, NAN]}})),
    "thresholds without end": ("har", about(calibration={"thresholds": {"AAA": [0.1, ENDLESS]}})),
    "thresholds in words": ("har", about(calibration={"thresholds": {"AAA": ["low", "high"]}})),
    "thresholds of many digits": ("har", about(calibration={"thresholds": {"AAA": [0, 10**4000]}})),
    "a rate that is none": ("har", about(calibration={"rate": NAN})),
    "a rate above one": ("har", about(calibration={"rate": 1e9})),
    "offsets without end": ("har", about(calibration={"offsets": [[[HUGE] * 7] * 3] * 4})),
    "a start that is no day": ("har", about(starts={"AAA": "soon"})),
    "an end of the fit that is no day": ("har", about(fitted_until="soon")),
    "no end of the fit": ("har", about(fitted_until="")),
    "a history as wide as long": ("har", _history_as_wide_as_long),
    "a horizon without end": ("ewma", both(
        about(spec={"horizon": 10**9}), scaler("y", n_features_in_=10**9))),
    "a lookback of years": ("moving_average", about(params={"lookback": 100_000_000})),
    "no lookback": ("moving_average", about(params={"lookback": 0})),
    "no season": ("seasonal_naive", about(params={"season": 0})),
    "no neighbours": ("knn", about(params={"neighbours": 0})),
    "neighbours without end": ("knn", about(params={"neighbours": 900_000_000})),
    "a parameter of a megabyte": ("garch", about(params={"dist": "t" * 2**20})),
    "a parameter that is not known": ("garch", about(params={"dist": "evil"})),
    "days of another width": ("knn", arrays("days.safetensors", lambda x: {**x, "days": x["days"][:, 1:]})),
    "days of another horizon": ("knn", arrays("days.safetensors", lambda x: {**x, "labels": x["labels"][:, 1:]})),
    "days that are none": ("knn", arrays("days.safetensors", lambda x: {**x, "days": _full(x["days"], NAN)})),
    "labels that are none": ("knn", arrays("days.safetensors", lambda x: {**x, "labels": _full(x["labels"], NAN)})),
    "days of truth values": ("knn", arrays("days.safetensors", lambda x: {**x, "days": x["days"] > 0})),
    "days of another length": ("knn", arrays("days.safetensors", lambda x: {**x, "days": x["days"].astype(float)})),
    "days that are missing": ("knn", arrays("days.safetensors", lambda x: {"labels": x["labels"]})),
    "slopes in words": ("linear", state(lambda x: {**x, "slopes": [["a"] * len(x["slopes"][0])] * 3})),
    "slopes that are none": ("linear", state(lambda x: {**x, "slopes": [[NAN] * len(x["slopes"][0])] * 3})),
    "slopes without end": ("linear", state(lambda x: {**x, "slopes": [[HUGE] * len(x["slopes"][0])] * 3})),
    "slopes of another width": ("linear", state(lambda x: {**x, "slopes": [row[1:] for row in x["slopes"]]})),
    "slopes of another horizon": ("linear", state(lambda x: {key: value[1:] for key, value in x.items()})),
    "drifts in words": ("drift", state(lambda x: dict.fromkeys(x, "up"))),
    "drifts that are lists": ("drift", state(lambda x: {key: [1.0, 2.0] for key in x})),
    "drifts that are none": ("drift", state(lambda x: dict.fromkeys(x, NAN))),
    "drifts without end": ("drift", state(lambda x: dict.fromkeys(x, HUGE))),
    "drifts of a list": ("drift", state(lambda x: [1.0])),
    "drifts of lines": ("drift", state(lambda x: {"A\nB": 0.0})),
    "norms in words": ("har", state(lambda x: {**x, "norms": {key: ["a"] * 4 for key in x["norms"]}})),
    "norms of lines": ("har", state(lambda x: {**x, "norms": {"A\nB": [0.0, 0.0, 1.0, 1.0]}})),
    "norms of many": ("har", state(lambda x: {**x, "norms": {key: [0.0, 0.0, 1.0, 1.0] for key in MANY[:20_000]}})),
    "deviations of zero": ("har", state(lambda x: {**x, "deviation": [0.0] * len(x["deviation"])})),
    "intercepts without end": ("har", field(intercepts=[HUGE] * 3)),
    "intercepts of another horizon": ("har", state(
        lambda x: {**x, "slopes": x["slopes"][1:], "intercepts": x["intercepts"][1:]})),
    "an explosive process": ("sarima", every(phi=[2.0])),
    "a process on the unit circle": ("sarima", every(phi=[1.0])),
    "a process of many lags": ("sarima", every(phi=[0.0] * 10_000)),
    "errors without end": ("sarima", every(theta=[1e8] * 60, delta=[1e8] * 60)),
    "a state of lines": ("ets", state(lambda x: {"A\nB": next(iter(x.values()))})),
    **{f"{name}: {what} as every number": (name, every(**dict.fromkeys(keys, value)))
       for name, keys in WALKS.items()
       for what, value in (("1e8", 1e8), ("-1e8", -1e8), ("NaN", NAN), ("1e400", 10**400), ("text", "1"))},
    "a forest in circles": ("forest", arrays("forest.safetensors", lambda x: {**x, "children": x["children"] * 0})),
    "a forest of millions": ("forest", arrays("forest.safetensors", lambda x: {
        **x, "roots": np.zeros(2_000_000, np.int32)})),
    "a forest of other features": ("forest", arrays("forest.safetensors", lambda x: {
        **x, "feature": x["feature"] + 999, "input_dim": x["input_dim"] + 999})),
    "a forest of edges without end": ("forest", arrays("forest.safetensors", lambda x: {
        **x, "edges": np.repeat([-1.7e308, 1.7e308], [32, x["edges"].shape[1] - 32])[None].repeat(3, 0)})),
    "a forest of another horizon": ("forest", arrays("forest.safetensors", lambda x: {
        **x, "edges": x["edges"][1:], "counts": x["counts"][:, 1:]})),
    "a forest of other trees": ("forest", about(params={"trees": 900_000_000})),
    "a forest without depth": ("forest", about(params={"max_depth": 900_000_000})),
    "trees whose children are one": ("xgboost", _tree(_shared(60))),
    "a tree as deep as large": ("xgboost", _tree(_chain(5000))),
    "trees of another version": ("xgboost", _xgboost("learner.learner_model_param", num_target="1")),
    "trees from nothing on": ("xgboost", _xgboost(
        "learner.learner_model_param", base_score=json.dumps([NAN] * 7))),
    "trees of another horizon": ("xgboost", field(horizon=2)),
    "trees of horizons without end": ("xgboost", field(horizon=10**9)),
    "texts of leaves that are none": ("lightgbm", _leaves("nan")),
    "texts of leaves without end": ("lightgbm", _leaves("1e308")),
    "texts of leaves in words": ("lightgbm", _leaves("evil")),
    "texts of leaves of many digits": ("lightgbm", _leaves("1e999")),
    "texts of several classes": ("lightgbm", _boosters("num_class=1", "num_class=99999999")),
    "texts of many features": ("lightgbm", _boosters("max_feature_idx=", "max_feature_idx=9999999")),
    "texts of another horizon": ("lightgbm", both(
        field(horizon=2), state(lambda x: x[:14], "boosters.json"))),
    "weights of fewer bits": ("lstm", arrays("weights.safetensors", lambda x: {
        key: value.astype(np.int8) for key, value in x.items()})),
    "weights that are none": ("lstm", arrays("weights.safetensors", lambda x: {
        key: _full(value, NAN) for key, value in x.items()})),
    "a network of texts": ("lstm", field(input_dim="24", horizon="3")),
    "a network of halves": ("lstm", field(input_dim=24.0, horizon=3.0)),
    "a network of many zeros": ("tcn", _tcn_of_many_layers),
    "a scaler of other columns": ("linear", scaler("X", mean_=np.zeros(3))),
    "a scaler of nothing": ("linear", scaler("X", scale_=np.zeros(24))),
    "a scaler that is none": ("knn", scaler("X", mean_=np.full(24, NAN))),
    "a scaler in words": ("knn", scaler("y", scale_="evil")),
    "a scaler of tables": ("knn", scaler("y", _sklearn_output_config={"transform": "pandas"})),
    "a scaler that changes what it is given": ("knn", scaler("X", copy=False)),
}  # fmt: skip
