import importlib
import inspect
import json
import sys
from dataclasses import asdict, fields
from functools import cache

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_pinball_loss

from market_samples import SMALL, TWO, market, same_bits, small_dataset
from pricecast import forecaster, models
from pricecast.errors import InputError
from pricecast.models import Forecast, _torch
from pricecast.schema import MEDIAN, QUANTILE_LEVELS

NAMES = models.names()
SAFE = {".json", ".safetensors", ".skops", ".parquet", ".ubj"}
TARGETS = ("return", "price")


def small(name):
    return models.settle(name, {}, SMALL)


@cache
def setup(target="return"):
    data = small_dataset(target=target)
    return data.panel(), data.origins("train"), data.origins("valid"), data.origins("test")


@cache
def fitted(name, target="return"):
    panel, train, valid, _ = setup(target)
    return models.create(name, small(name)).fit(panel, train, valid)


def arrays(forecast):
    return {field.name: getattr(forecast, field.name) for field in fields(forecast)}


def same(a, b):
    one, two = arrays(a), arrays(b)
    return all(
        (one[name] is None) == (two[name] is None) and (one[name] is None or same_bits(one[name], two[name]))
        for name in one
    )


def take(forecast, rows):
    return Forecast(**{name: None if value is None else value[rows] for name, value in arrays(forecast).items()})


# --- the contract, for every model there is ----------------------------------------------------------------


def test_the_models_are_found():
    assert {"naive", "ewma", "drift", "lstm"} <= set(NAMES)
    assert not [name for name in NAMES if name.startswith("_")]


@pytest.mark.parametrize("name", NAMES)
def test_the_constructor_stores_its_arguments_and_nothing_else(name):
    defaults = models.parameters(name)
    assert inspect.Parameter.empty not in defaults.values()
    assert vars(models.load(name)()) == {key: defaults[key] for key in vars(models.load(name)())}
    assert models.params_of(name, models.create(name, {})) == defaults
    given = small(name)
    assert models.params_of(name, models.create(name, given)) == {**defaults, **given}
    assert json.loads(json.dumps(defaults)) == defaults


@pytest.mark.parametrize("name", NAMES)
def test_a_model_says_what_it_is(name):
    model, about = models.load(name), models.about(name)
    # What is read from the source is what the class holds.
    stated = {field.name: getattr(model, field.name, field.default) for field in fields(models.About)}
    assert asdict(about) == stated
    assert about.family in ("", "ensemble", *models.FAMILIES)
    assert all(importlib.metadata.version(package) for package in about.requires)
    assert models.missing(name) == []
    assert type(model().lookback) is int
    assert model().lookback >= 1


@pytest.mark.parametrize("name", NAMES)
def test_fit_returns_the_model_and_keeps_its_parameters(name):
    panel, train, valid, _ = setup()
    model = models.create(name, small(name))
    assert model.fit(panel, train, valid) is model
    assert models.params_of(name, model) == {**models.parameters(name), **small(name)}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", NAMES)
def test_forecasts_have_their_shapes_and_are_finite(name, target):
    panel, *spans = setup(target)
    for origins in spans:
        forecast = fitted(name, target).predict(panel, origins)
        shape = (len(origins), panel.spec.horizon)
        assert forecast.center.shape == shape
        assert np.isfinite(forecast.center).all()
        assert forecast.sigma is None or forecast.quantiles is None
        assert models.about(name).calibrate or forecast.sigma is not None or forecast.quantiles is not None
        if forecast.sigma is not None:
            assert forecast.sigma.shape == shape
            assert (np.isfinite(forecast.sigma) & (forecast.sigma > 0)).all()
        if forecast.quantiles is not None:
            assert forecast.quantiles.shape == (*shape, len(QUANTILE_LEVELS))
            assert np.isfinite(forecast.quantiles).all()
            assert (np.diff(forecast.quantiles, axis=2) >= 0).all()
            assert same_bits(forecast.center, forecast.quantiles[:, :, MEDIAN])


@pytest.mark.parametrize("name", NAMES)
def test_fit_and_predict_leave_their_inputs_alone(name):
    data = small_dataset(seed=5)
    panel, train, valid = data.panel(), data.origins("train"), data.origins("valid")
    inputs = {field.name: getattr(panel, field.name) for field in fields(panel)}
    inputs = {key: value for key, value in inputs.items() if isinstance(value, np.ndarray)}
    inputs |= {"train": train, "valid": valid, "bars": panel.bars.to_numpy(), "table": data.features.to_numpy()}
    before = {key: value.copy() for key, value in inputs.items()}
    learned = [data.scalers.y.mean_.copy(), data.scalers.X.mean_.copy()]
    models.create(name, small(name)).fit(panel, train, valid).predict(panel, valid)
    assert panel.bars.to_numpy().tolist() == before.pop("bars").tolist()
    assert same_bits(data.features["close"].to_numpy(), before.pop("table")[:, -3].astype(float))
    for key, value in before.items():
        assert (inputs[key] == value).all() if value.dtype == object else same_bits(inputs[key], value), key
    assert same_bits(learned[0], data.scalers.y.mean_)
    assert same_bits(learned[1], data.scalers.X.mean_)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_forecasts_and_touches_no_global_generator(name):
    panel, train, valid, test = setup()
    torch.manual_seed(99)
    np.random.seed(99)
    before = torch.get_rng_state().numpy().copy(), np.random.get_state()[1].copy()
    again = models.create(name, small(name)).fit(panel, train, valid)
    assert same(again.predict(panel, test), fitted(name).predict(panel, test))
    assert same_bits(torch.get_rng_state().numpy(), before[0])
    assert same_bits(np.random.get_state()[1], before[1])


@pytest.mark.parametrize("name", [name for name in NAMES if "seed" in models.parameters(name)])
def test_another_seed_gives_another_fit(name):
    panel, train, valid, test = setup()
    other = models.create(name, {**small(name), "seed": 1}).fit(panel, train, valid)
    assert not same(other.predict(panel, test), fitted(name).predict(panel, test))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", NAMES)
def test_a_saved_model_predicts_the_same_bits_and_its_files_cannot_run_code(tmp_path, name, target):
    panel, _, _, test = setup(target)
    model = fitted(name, target)
    model.save(tmp_path / "model")
    again = models.create(name, small(name))
    assert again.load(tmp_path / "model") is again
    assert same(again.predict(panel, test), model.predict(panel, test))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= SAFE
    assert not [path for path in files if path.read_bytes()[:1] == b"\x80"]


@pytest.mark.parametrize("name", NAMES)
def test_saving_again_writes_the_same_bytes(tmp_path, name):
    panel, train, valid, _ = setup()
    again = models.create(name, small(name)).fit(panel, train, valid)
    fitted(name).save(tmp_path / "a")
    again.save(tmp_path / "b")
    contents = [
        {path.name: path.read_bytes() for path in (tmp_path / folder).rglob("*") if path.is_file()}
        for folder in ("a", "b")
    ]
    assert contents[0] == contents[1]


@pytest.mark.parametrize("name", NAMES)
def test_an_origin_has_the_same_forecast_in_any_company(name):
    panel, train, valid, test = setup()
    model, rng = fitted(name), np.random.default_rng(0)
    everything = np.concatenate([train, valid, test])
    whole = model.predict(panel, everything)
    assert len(everything) > 2 * _torch.INFERENCE_BATCH
    for rows in (
        rng.permutation(len(everything)),
        rng.permutation(len(everything))[:17],
        np.arange(len(everything) - 3, len(everything)),
        *([row] for row in rng.integers(0, len(everything), 5)),
        [3, 3, 3],
    ):
        assert same(model.predict(panel, everything[rows]), take(whole, rows))


@pytest.mark.parametrize("name", NAMES)
def test_unknown_parameters_are_refused(name):
    with pytest.raises(InputError, match=f"parameters of {name} out of .*got 'surprise'"):
        models.create(name, {"surprise": 1})


@pytest.mark.parametrize(("name", "key"), [(name, key) for name in NAMES for key in models.parameters(name)])
def test_values_of_the_wrong_type_are_refused(name, key):
    default = models.parameters(name)[key]
    wrong = [None, [default], {}, (b"x"), not default if not isinstance(default, bool) else 1]
    wrong += [1, 2.5, True] if isinstance(default, str) else ["64"]
    wrong += [2.5, 2.0] if type(default) is int else []
    wrong += [-1, 10**10, float("nan"), float("inf")] if type(default) in (int, float) else []
    for value in wrong:
        with pytest.raises(InputError, match=f"expected {key} of {name}"):
            models.create(name, {key: value})
    models.create(name, {key: default})


def test_a_whole_number_will_do_for_a_fraction():
    assert models.create("lstm", {"dropout": 0}).dropout == 0


def test_an_unknown_model_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"expected a model out of drift, .*ewma, .*got 'oracle'"):
        models.load("oracle")
    for private in ("_torch", "__init__", "naive.Model", ""):
        with pytest.raises(InputError):
            models.create(private, {})


def test_common_options_count_where_a_model_knows_them_and_its_own_come_first():
    common = {"lookback": 30, "epochs": 0, "hidden_dim": 16, "seed": 3}
    assert models.settle("naive", {}, common) == {}
    assert models.settle("lstm", {"hidden_dim": 8}, common) == {"lookback": 30, "hidden_dim": 8, "seed": 3}


TOY = '''
from pricecast.models import Forecast, read_state, write_state


class Model:
    """The median of the training labels."""

    family = "classical"
    lookback = 1

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight

    def fit(self, panel, train, valid, report=None):
        returns = panel.returns(train)
        self.center_ = (self.weight * returns.mean(axis=0)).tolist()
        return self

    def predict(self, panel, origins):
        import numpy as np

        return Forecast(center=np.tile(self.center_, (len(origins), 1)))

    def save(self, folder):
        write_state(folder, {"center": self.center_})

    def load(self, folder):
        self.center_ = read_state(folder)["center"]
        return self
'''


@pytest.fixture
def toy(tmp_path, monkeypatch):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "toy.py").write_text(TOY)
    (tmp_path / "plugins" / "_helper.py").write_text("raise SystemExit")
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path / "plugins")])
    importlib.invalidate_caches()
    yield "toy"
    sys.modules.pop("pricecast.models.toy", None)
    models.__dict__.pop("toy", None)


def test_a_file_dropped_in_is_a_model(toy, tmp_path):
    assert models.names() == sorted([*NAMES, "toy"])
    for word in ("all", "classical", "toy"):
        assert "toy" in models.choose([word])[0]
    assert models.parameters("toy") == {"weight": 1.0}
    data = small_dataset()
    made = forecaster.fit("toy", {"weight": 2.0}, data)
    panel, past = data.panel(), data.fold().past
    np.testing.assert_allclose(made.model.predict(panel, past[:1]).center[0], 2 * panel.returns(past).mean(axis=0))
    raw = market((("AAA", 700),)).drop(columns="adj_close")
    again = forecaster.Forecaster.load(made.save(tmp_path / "saved"))
    assert again.predict_bars(raw).equals(made.predict_bars(raw))


def test_a_model_that_lacks_a_package_is_left_out_of_its_family_and_refused_by_name(toy, tmp_path):
    file = tmp_path / "plugins" / "toy.py"
    file.write_text(TOY.replace("lookback = 1", 'lookback = 1\n    requires = ("numpy", "no-such-package")'))
    assert models.missing("toy") == ["no-such-package"]
    chosen, left_out = models.choose(["drift", "classical"])
    assert (chosen[0], left_out) == ("drift", ["toy"])
    assert "toy" not in chosen
    message = r"toy needs no-such-package, which is not installed \(pip install -e '\.\[models\]'\)"
    for ask in (lambda: models.choose(["toy"]), lambda: models.load("toy"), lambda: models.create("toy", {})):
        with pytest.raises(InputError, match=message):
            ask()


def test_choosing_keeps_the_order_and_takes_each_once():
    assert models.choose(["lstm", "naive", "lstm"]) == (["lstm", "naive"], [])
    everything, left_out = models.choose(["naive", "all"])
    assert everything[0] == "naive"
    assert left_out == []
    assert sorted(everything) == [name for name in models.names() if models.about(name).family]
    for family in models.FAMILIES:
        assert models.choose([family])[0] == [
            name for name in models.names() if models.about(name).family == family
        ]
    with pytest.raises(InputError, match=r"models out of .*, or all, classical, trees, neural, got 'oracle'"):
        models.choose(["naive", "oracle"])


def test_a_dropped_in_file_is_gone_with_its_folder():
    assert "toy" not in models.names()
    with pytest.raises(InputError):
        models.load("toy")


# --- the lstm ----------------------------------------------------------------------------------------------


def lstm(**params):
    return models.create("lstm", {**small("lstm"), **params})


def network(*args):
    return importlib.import_module("pricecast.models.lstm").Network(*args)


def test_the_network_is_the_textbooks():
    shapes = {name: tuple(value.shape) for name, value in network(24, 64, 2, 0.2, 5).named_parameters()}
    assert shapes == {
        "lstm.weight_ih_l0": (256, 24), "lstm.weight_hh_l0": (256, 64),
        "lstm.bias_ih_l0": (256,), "lstm.bias_hh_l0": (256,),
        "lstm.weight_ih_l1": (256, 64), "lstm.weight_hh_l1": (256, 64),
        "lstm.bias_ih_l1": (256,), "lstm.bias_hh_l1": (256,),
        "fc1.weight": (16, 64), "fc1.bias": (16,), "fc2.weight": (5, 16), "fc2.bias": (5,),
    }  # fmt: skip
    inner = network(24, 64, 2, 0.2, 5).lstm
    assert (inner.dropout, inner.batch_first, inner.bidirectional) == (0.2, True, False)
    # torch warns of dropout between the layers of a single one
    assert network(24, 64, 1, 0.2, 5).lstm.dropout == 0


def test_the_defaults_are_the_textbooks():
    defaults = models.parameters("lstm")
    expected = {
        "hidden_dim": 64, "num_layers": 2, "dropout": 0.2, "lookback": 60, "batch_size": 32,
        "learning_rate": 0.001, "loss": "pinball",
    }  # fmt: skip
    assert {key: defaults[key] for key in expected} == expected


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_the_network_equals_a_plain_loop():
    torch.manual_seed(0)
    net = network(5, 4, 2, 0.2, 3).double().eval()
    weights = {name: value.detach().numpy() for name, value in net.named_parameters()}
    window = np.random.default_rng(0).normal(0, 1, (7, 5))
    states = window
    for layer in range(2):
        w, u, b, c = (weights[f"lstm.{name}_l{layer}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        hidden, cell, outputs = np.zeros(4), np.zeros(4), []
        for day in states:
            gates = w @ day + b + u @ hidden + c
            enter, forget, new, out = gates[:4], gates[4:8], gates[8:12], gates[12:]
            cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(new)
            hidden = sigmoid(out) * np.tanh(cell)
            outputs.append(hidden)
        states = outputs
    inner = np.maximum(weights["fc1.weight"] @ states[-1] + weights["fc1.bias"], 0)
    expected = weights["fc2.weight"] @ inner + weights["fc2.bias"]
    found = net(torch.from_numpy(window)[None]).detach().numpy()
    np.testing.assert_allclose(found, [expected], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("loss", "outputs"), [("pinball", 3 * len(QUANTILE_LEVELS)), ("mse", 3)])
def test_a_loss_decides_the_outputs(loss, outputs):
    panel, train, valid, test = setup()
    model = lstm(loss=loss, epochs=1).fit(panel, train, valid)
    shapes = {name: tuple(value.shape) for name, value in model.network_.named_parameters()}
    assert shapes["lstm.weight_ih_l0"] == (32, panel.X.shape[1])
    assert shapes["fc2.weight"] == (outputs, 16)
    forecast = model.predict(panel, test)
    assert (forecast.quantiles is None) == (loss == "mse")
    assert forecast.sigma is None


def test_pinball_equals_scikit_learns():
    rng = np.random.default_rng(0)
    outputs = rng.normal(0, 1, (40, 3, len(QUANTILE_LEVELS)))
    labels = rng.normal(0, 1, (40, 3))
    found = _torch.pinball(torch.from_numpy(outputs.reshape(40, -1)), torch.from_numpy(labels)).item()
    losses = [
        mean_pinball_loss(labels[:, h], outputs[:, h, i], alpha=level)
        for h in range(3)
        for i, level in enumerate(QUANTILE_LEVELS)
    ]
    assert found == pytest.approx(np.mean(losses), rel=1e-6)


def test_mse_equals_a_loop():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, (5, 3)), rng.normal(0, 1, (5, 3))
    expected = sum((a[i, h] - b[i, h]) ** 2 for i in range(5) for h in range(3)) / 15
    assert _torch.mse(torch.from_numpy(a), torch.from_numpy(b)).item() == pytest.approx(expected)


def epochs_of(model, valid=None):
    panel, train, own, _ = setup()
    seen = []
    model.fit(panel, train, own if valid is None else valid, lambda epoch, metrics: seen.append((epoch, metrics)))
    return seen


def test_report_is_called_once_an_epoch():
    seen = epochs_of(lstm(epochs=3))
    assert [epoch for epoch, _ in seen] == [1, 2, 3]
    assert all(set(metrics) == {"train_loss", "val_loss"} for _, metrics in seen)
    assert np.isfinite([list(metrics.values()) for _, metrics in seen]).all()


def test_training_learns():
    # The same rows again and again: the loss has to fall a good deal.
    losses = [
        metrics["train_loss"] for _, metrics in epochs_of(lstm(epochs=8, learning_rate=0.01), np.array([], int))
    ]
    assert losses[-1] < 0.95 * losses[0]


@cache
def stopped():
    model = lstm(epochs=40, learning_rate=0.03, patience=2)
    return model, [metrics["val_loss"] for _, metrics in epochs_of(model)]


def test_early_stopping_restores_the_best_weights():
    panel, _, valid, _ = setup()
    model, losses = stopped()
    best = int(np.argmin(losses)) + 1
    assert model.best_epoch_ == best
    # It went on for `patience` epochs that were no better, then went back.
    assert len(losses) == best + 2 < 40
    assert losses[-1] > min(losses)
    outputs = torch.from_numpy(_torch.predict(model.network_, panel, valid, model.lookback))
    assert _torch.pinball(outputs, torch.from_numpy(panel.labels(valid))).item() == min(losses)


def test_the_weights_kept_are_those_of_a_run_that_ended_there():
    panel, _, _, test = setup()
    model, _ = stopped()
    short = lstm(epochs=model.best_epoch_, learning_rate=0.03, patience=2)
    epochs_of(short)
    assert same(model.predict(panel, test), short.predict(panel, test))


def test_without_validation_rows_it_trains_for_all_epochs():
    model = lstm(epochs=4, patience=1, learning_rate=0.03)
    seen = epochs_of(model, np.array([], int))
    assert [epoch for epoch, _ in seen] == [1, 2, 3, 4]
    assert all(set(metrics) == {"train_loss"} for _, metrics in seen)
    assert model.best_epoch_ == 4


def test_validation_rows_decide_when_to_stop_but_teach_nothing():
    panel, _, _, test = setup()
    with_valid, without = lstm(epochs=1), lstm(epochs=1)
    epochs_of(with_valid)
    epochs_of(without, np.array([], int))
    assert same(with_valid.predict(panel, test), without.predict(panel, test))


def test_an_epoch_takes_no_more_samples_than_it_may(monkeypatch):
    sizes = []
    real = _torch.Windows.__getitem__
    monkeypatch.setattr(
        _torch.Windows, "__getitem__", lambda self, origins: sizes.append(len(origins)) or real(self, origins)
    )
    epochs_of(lstm(epochs=2, samples_per_epoch=80, batch_size=32), np.array([], int))
    assert sizes == [32, 32, 16] * 2


def test_a_window_ends_at_its_origin():
    # Only rows of the window decide the forecast.
    panel, _, _, test = setup()
    model, origin = fitted("lstm"), test[:1]
    whole = model.predict(panel, origin)
    inside = {-model.lookback: True, -model.lookback + 1: False, 0: False, 1: True}
    for step, alike in inside.items():
        X = panel.X.copy()
        X[origin[0] + step] += 3
        moved = type(panel)(**{**{f.name: getattr(panel, f.name) for f in fields(panel)}, "X": X})
        assert same(model.predict(moved, origin), whole) == alike, step


def test_a_bad_loss_or_lookback_is_an_input_error():
    panel, train, valid, _ = setup()
    with pytest.raises(InputError, match="expected loss out of pinball, mse, got 'huber'"):
        lstm(loss="huber").fit(panel, train, valid)
    for lookback in (0, 21):
        with pytest.raises(InputError, match=f"lookback of 1 to 20, got {lookback}"):
            lstm(lookback=lookback).fit(panel, train, valid)
    lstm(lookback=20, epochs=1).fit(panel, train, valid)


@pytest.mark.parametrize(
    "params", [{"epochs": 0}, {"batch_size": 0}, {"hidden_dim": 0}, {"num_layers": 0}, {"dropout": 1.5}]
)
def test_a_number_that_makes_no_network_is_an_input_error(params):
    panel, train, valid, _ = setup()
    with pytest.raises(InputError, match=next(iter(params))):
        lstm(**params).fit(panel, train, valid)


# --- the simple ones ---------------------------------------------------------------------------------------


def test_naive_says_no_change():
    panel, _, _, test = setup()
    assert (fitted("naive").predict(panel, test).center == 0).all()


def test_ewma_says_no_change_give_or_take_the_volatility():
    panel, _, _, test = setup()
    forecast = fitted("ewma").predict(panel, test)
    assert (forecast.center == 0).all()
    expected = [[panel.scale[i] * h**0.5 for h in (1, 2, 3)] for i in test]
    np.testing.assert_allclose(forecast.sigma, expected, rtol=1e-15)


def test_drift_is_the_mean_daily_return_of_the_tickers_training_labels():
    panel, train, _, test = setup()
    found = fitted("drift").predict(panel, test).center
    for row, origin in enumerate(test):
        own = [i for i in train if panel.tickers[i] == panel.tickers[origin]]
        daily = np.mean([np.log(panel.close[i + 1] / panel.close[i]) for i in own])
        np.testing.assert_allclose(found[row], [daily, 2 * daily, 3 * daily], rtol=1e-9)
    assert sorted(fitted("drift").drift_) == [ticker for ticker, _ in TWO]
