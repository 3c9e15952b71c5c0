"""The networks over windows: their layers against plain loops, and what they share."""

import importlib
import json
import random
import resource
import subprocess
import sys
from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_pinball_loss

from pricecast import models
from pricecast.errors import InputError
from pricecast.models import _torch
from pricecast.schema import QUANTILE_LEVELS
from tests.support.market_samples import SMALL, same_bits, small_dataset

FAMILY = ("cnn", "gru", "lstm", "mlp", "tcn")
ALL = (*FAMILY, "lstm_keras")
FEATURES, HORIZON = 24, 5


def made(name, **params):
    return models.create(name, {**models.settle(name, {}, SMALL), **params})


@cache
def setup():
    data = small_dataset()
    return data.panel(), data.origins("train"), data.origins("valid"), data.origins("test")


@cache
def fitted(name):
    panel, train, valid, _ = setup()
    return made(name).fit(panel, train, valid)


def network(name, *args, **params):
    """A model's network in float64, where its layers allow it, and its weights as arrays."""
    torch.manual_seed(0)
    net = models.create(name, params)._network(*args).double().eval()
    return net, {key: value.detach().numpy() for key, value in net.state_dict().items()}


def window(days, features=5):
    return np.random.default_rng(0).normal(0, 1, (days, features))


def forward(net, days):
    return net(torch.from_numpy(days)[None]).detach().numpy()[0]


def same(a, b):
    return all(
        (getattr(a, field.name) is None) == (getattr(b, field.name) is None)
        and (getattr(a, field.name) is None or same_bits(getattr(a, field.name), getattr(b, field.name)))
        for field in fields(a)
    )


def epochs_of(model, valid=None):
    panel, train, own, _ = setup()
    seen = []
    model.fit(panel, train, own if valid is None else valid, lambda epoch, metrics: seen.append((epoch, metrics)))
    return seen


NO_ROWS = np.array([], int)


# --- what they are -----------------------------------------------------------------------------------------


def test_the_family_is_complete():
    assert tuple(name for name in models.names() if models.about(name).family == "neural") == FAMILY
    assert models.about("lstm_keras").family == ""
    assert all(models.about(name).stops_early for name in ALL)


def test_the_list_of_models_imports_no_library_of_theirs():
    listing = "import sys, pricecast.models as m; [m.about(name) for name in m.names()]"
    code = f"{listing}; print({{'torch', 'keras'}} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_the_defaults_of_the_lstms_are_the_textbooks():
    expected = {
        "hidden_dim": 64, "num_layers": 2, "dropout": 0.2, "lookback": 60, "batch_size": 32,
        "learning_rate": 0.001, "loss": "pinball",
    }  # fmt: skip
    defaults = models.parameters("lstm")
    assert {key: defaults[key] for key in expected} == expected
    assert models.parameters("lstm_keras") == defaults
    assert models.parameters("gru") == {**defaults, "batch_size": 64}


def count(net):
    return sum(value.numel() for value in net.parameters() if value.requires_grad)


def dense(inputs, outputs):
    return (inputs + 1) * outputs


HEAD = dense(64, 16) + dense(16, 35)
COUNTS = {
    "cnn": dense(3 * 24, 32) + dense(3 * 32, 32) + dense(32, 16) + dense(16, 35),
    "gru": 3 * 64 * (24 + 64 + 2) + 3 * 64 * (64 + 64 + 2) + HEAD,
    "lstm": 4 * 64 * (24 + 64 + 2) + 4 * 64 * (64 + 64 + 2) + HEAD,
    # One bias a gate where torch has two.
    "lstm_keras": 4 * 64 * (24 + 64 + 1) + 4 * 64 * (64 + 64 + 1) + HEAD,
    "mlp": dense(20 * 24, 64) + dense(64, 64) + dense(64, 35),
    # A convolution under weight norm has one length a channel beside its directions and biases.
    "tcn": (3 * 24 + 2) * 32 + 7 * (3 * 32 + 2) * 32 + dense(24, 32) + dense(32, 35),
}


@pytest.mark.parametrize("name", ALL)
def test_the_number_of_weights(name):
    assert count(models.create(name, {})._network(FEATURES, HORIZON * len(QUANTILE_LEVELS))) == COUNTS[name]
    assert {key: COUNTS[key] for key in ("gru", "lstm", "lstm_keras")} == {
        "gru": 43_875, "lstm": 57_955, "lstm_keras": 57_443,
    }  # fmt: skip


def test_the_lstm_is_the_textbooks():
    net = models.create("lstm", {})._network(24, 5)
    assert {name: tuple(value.shape) for name, value in net.named_parameters()} == {
        "lstm.weight_ih_l0": (256, 24), "lstm.weight_hh_l0": (256, 64),
        "lstm.bias_ih_l0": (256,), "lstm.bias_hh_l0": (256,),
        "lstm.weight_ih_l1": (256, 64), "lstm.weight_hh_l1": (256, 64),
        "lstm.bias_ih_l1": (256,), "lstm.bias_hh_l1": (256,),
        "fc1.weight": (16, 64), "fc1.bias": (16,), "fc2.weight": (5, 16), "fc2.bias": (5,),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_a_recurrent_layer_drops_out_between_layers_only(name):
    inner = getattr(models.create(name, {})._network(24, 5), name)
    assert (inner.dropout, inner.batch_first, inner.bidirectional) == (0.2, True, False)
    # torch warns of dropout between the layers of a single one
    assert getattr(models.create(name, {"num_layers": 1})._network(24, 5), name).dropout == 0


# --- the networks against plain loops ----------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def head(weights, states):
    inner = np.maximum(weights["fc1.weight"] @ states + weights["fc1.bias"], 0)
    return weights["fc2.weight"] @ inner + weights["fc2.bias"]


def lstm_step(weights, day, hidden, cell):
    w, u, b, c = weights
    enter, forget, new, out = (w @ day + b + u @ hidden + c).reshape(4, -1)
    cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(new)
    return sigmoid(out) * np.tanh(cell), cell


def gru_step(weights, day, hidden, cell):
    w, u, b, c = weights
    (reset, update, new), (old_reset, old_update, old) = (
        (w @ day + b).reshape(3, -1), (u @ hidden + c).reshape(3, -1),
    )  # fmt: skip
    keep = sigmoid(update + old_update)
    return (1 - keep) * np.tanh(new + sigmoid(reset + old_reset) * old) + keep * hidden, cell


@pytest.mark.parametrize(("name", "step"), [("lstm", lstm_step), ("gru", gru_step)])
def test_a_recurrent_network_equals_a_plain_loop(name, step):
    net, weights = network(name, 5, 3, hidden_dim=4)
    states = days = window(7)
    for layer in range(2):
        arrays = [weights[f"{name}.{kind}_l{layer}"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        hidden, cell, outputs = np.zeros(4), np.zeros(4), []
        for day in states:
            hidden, cell = step(arrays, day, hidden, cell)
            outputs.append(hidden)
        states = outputs
    np.testing.assert_allclose(forward(net, days), head(weights, states[-1]), rtol=1e-9, atol=1e-12)


def test_the_mlp_equals_a_plain_loop():
    net, weights = network("mlp", 5, 3, hidden_dim=4, lookback=7)
    states = np.concatenate(list(window(7)))
    for layer in range(2):
        states = np.maximum(weights[f"hidden.{layer}.weight"] @ states + weights[f"hidden.{layer}.bias"], 0)
    expected = weights["out.weight"] @ states + weights["out.bias"]
    np.testing.assert_allclose(forward(net, window(7)), expected, rtol=1e-9, atol=1e-12)


def convolved(weight, bias, days, first, dilation=1):
    """Rows of a convolution whose first tap stands `first` days after the output; zeros outside of the window."""
    rows = []
    for day in range(len(days)):
        positions = [day + first + tap * dilation for tap in range(weight.shape[2])]
        seen = [(tap, days[place]) for tap, place in enumerate(positions) if 0 <= place < len(days)]
        rows.append(bias + sum(weight[:, :, tap] @ row for tap, row in seen))
    return np.array(rows)


@pytest.mark.parametrize("days", [1, 2, 7, 8])
def test_the_cnn_equals_a_plain_loop(days):
    net, weights = network("cnn", 5, 3, hidden_dim=4, lookback=days)
    states = np.maximum(convolved(weights["conv1.weight"], weights["conv1.bias"], window(days), -1), 0)
    pooled = np.array([states[i : i + 2].max(axis=0) for i in range(0, days, 2)])
    states = np.maximum(convolved(weights["conv2.weight"], weights["conv2.bias"], pooled, -1), 0)
    outputs = forward(net, window(days))
    np.testing.assert_allclose(outputs, head(weights, states.mean(axis=0)), rtol=1e-9, atol=1e-12)


def normed(weights, name):
    length, direction = (weights[f"{name}.parametrizations.weight.original{i}"] for i in (0, 1))
    return length * direction / np.sqrt((direction**2).sum(axis=(1, 2), keepdims=True))


def test_the_tcn_equals_a_plain_loop():
    net, weights = network("tcn", 5, 3, hidden_dim=4)
    states = days = window(20)
    for level in range(4):
        inner, block = states, f"blocks.{level}"
        for conv in (f"{block}.conv1", f"{block}.conv2"):
            weight, bias = normed(weights, conv), weights[f"{conv}.bias"]
            inner = np.maximum(convolved(weight, bias, inner, -2 * 2**level, 2**level), 0)
        if level == 0:
            states = states @ weights[f"{block}.shortcut.weight"][:, :, 0].T + weights[f"{block}.shortcut.bias"]
        states = np.maximum(inner + states, 0)
    expected = weights["fc.weight"] @ states[-1] + weights["fc.bias"]
    np.testing.assert_allclose(forward(net, days), expected, rtol=1e-9, atol=1e-12)


def test_no_day_within_a_tcns_window_sees_a_later_one():
    net, _ = network("tcn", 5, 3)
    days = torch.from_numpy(window(70))[None]
    whole = net.blocks(days.transpose(1, 2))
    for cut in (1, 30, 69):
        changed = days.clone()
        changed[:, cut:] += 3
        part = net.blocks(changed.transpose(1, 2))
        assert torch.equal(part[:, :, :cut], whole[:, :, :cut])
        assert not torch.isclose(part[:, :, cut], whole[:, :, cut]).all()


def test_a_tcn_sees_61_days():
    net, _ = network("tcn", 5, 3)
    days = torch.from_numpy(window(70))[None].requires_grad_()
    net(days).abs().sum().backward()
    seen = days.grad.abs().sum(dim=(0, 2)).numpy() > 0
    assert seen.tolist() == [False] * (70 - 61) + [True] * 61


def test_a_keras_network_equals_the_torch_lstm_of_the_same_weights():
    keras, (torchs, _) = models.create("lstm_keras", {"lookback": 7})._network(5, 3).eval(), network("lstm", 5, 3)
    state = {}
    for layer in (0, 1):
        layer_weights = {
            kind: keras.weights[f"lstm_{layer + 1}_{kind}"] for kind in ("kernel", "recurrent_kernel", "bias")
        }
        # Rows are outputs in torch and columns in Keras; both order the gates in, forget, new, out.
        state[f"lstm.weight_ih_l{layer}"] = layer_weights["kernel"].T
        state[f"lstm.weight_hh_l{layer}"] = layer_weights["recurrent_kernel"].T
        state[f"lstm.bias_ih_l{layer}"] = layer_weights["bias"]
        state[f"lstm.bias_hh_l{layer}"] = torch.zeros_like(layer_weights["bias"])
    for fc in ("fc1", "fc2"):
        state |= {f"{fc}.weight": keras.weights[f"{fc}_kernel"].T, f"{fc}.bias": keras.weights[f"{fc}_bias"]}
    torchs.float().load_state_dict(state)
    days = torch.from_numpy(window(7).astype(np.float32))[None]
    np.testing.assert_allclose(keras(days).detach(), torchs(days).detach(), rtol=1e-5, atol=1e-6)
    # Its forget gates start open.
    assert state["lstm.bias_ih_l0"].detach().reshape(4, 64).mean(dim=1).tolist() == [0, 1, 0, 0]


def test_a_keras_network_drops_out_in_training_only():
    net = models.create("lstm_keras", {"lookback": 3, "hidden_dim": 8, "dropout": 0.5})._network(5, 3)
    days = torch.from_numpy(window(3).astype(np.float32))[None]
    assert not torch.equal(net.train()(days), net(days))
    assert torch.equal(net.eval()(days), net(days))


WIDTHS = (4, 5, 8, 13)


@pytest.mark.parametrize("features", [5, 24])
@pytest.mark.parametrize("name", ALL)
def test_an_output_does_not_depend_on_its_place_in_the_batch(name, features):
    # The same window all over the batch: rows of odd widths start anywhere in memory.
    days = torch.from_numpy(window(3, features).astype(np.float32))
    batch = days.expand(_torch.INFERENCE_BATCH, *days.shape).contiguous()
    for width in WIDTHS:
        for outputs in (1, 3, 5, 7, 21):
            torch.manual_seed(0)
            net = models.create(name, {"hidden_dim": width, "lookback": 3})._network(features, outputs).eval()
            with torch.inference_mode():
                batch_outputs = net(batch)
            assert torch.equal(batch_outputs, batch_outputs[:1].expand_as(batch_outputs)), (width, outputs)


# --- losses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("loss", "outputs"), [("pinball", 3 * len(QUANTILE_LEVELS)), ("mse", 3)])
def test_a_loss_decides_the_outputs(name, loss, outputs):
    panel, train, valid, test = setup()
    model = made(name, loss=loss, epochs=1).fit(panel, train[:64], valid[:32])
    shapes = {key: tuple(value.shape) for key, value in model.network_.state_dict().items()}
    last = {"lstm_keras": "weights.fc2_bias", "mlp": "out.bias", "tcn": "fc.bias"}.get(name, "fc2.bias")
    assert shapes[last] == (outputs,)
    forecast = model.predict(panel, test)
    assert (forecast.quantiles is None) == (loss == "mse")
    assert forecast.sigma is None


def test_pinball_equals_scikit_learns():
    rng = np.random.default_rng(0)
    outputs = rng.normal(0, 1, (40, 3, len(QUANTILE_LEVELS)))
    labels = rng.normal(0, 1, (40, 3))
    loss = _torch.pinball(torch.from_numpy(outputs.reshape(40, -1)), torch.from_numpy(labels)).item()
    losses = [
        mean_pinball_loss(labels[:, h], outputs[:, h, i], alpha=level)
        for h in range(3)
        for i, level in enumerate(QUANTILE_LEVELS)
    ]
    assert loss == pytest.approx(np.mean(losses), rel=1e-6)


def test_mse_equals_a_loop():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, (5, 3)), rng.normal(0, 1, (5, 3))
    expected = sum((a[i, h] - b[i, h]) ** 2 for i in range(5) for h in range(3)) / 15
    assert _torch.mse(torch.from_numpy(a), torch.from_numpy(b)).item() == pytest.approx(expected)


# --- training ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_report_is_called_once_an_epoch(name):
    seen = epochs_of(made(name))
    assert [epoch for epoch, _ in seen] == [1, 2]
    assert all(set(metrics) == {"train_loss", "val_loss"} for _, metrics in seen)
    assert np.isfinite([list(metrics.values()) for _, metrics in seen]).all()


def test_the_training_loss_is_the_mean_over_the_origins():
    # Weights that do not move: every batch is judged by the same network, the last one being smaller.
    panel, train, _, _ = setup()
    model = made("mlp", dropout=0.0, learning_rate=1e-30, epochs=1, batch_size=100)
    ((_, metrics),) = epochs_of(model, NO_ROWS)
    outputs = torch.from_numpy(_torch.predict(model.network_, panel, train, model.lookback))
    expected = _torch.pinball(outputs, torch.from_numpy(panel.labels(train))).item()
    assert len(train) % 100
    assert metrics["train_loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", FAMILY)
def test_training_learns(name):
    # The same rows again and again: the loss has to fall a good deal.
    model = made(name, epochs=8, learning_rate=0.01, dropout=0.0)
    losses = [metrics["train_loss"] for _, metrics in epochs_of(model, NO_ROWS)]
    assert losses[-1] < 0.95 * losses[0]


@cache
def stopped(name):
    model = made(name, epochs=40, learning_rate=0.03, patience=2)
    return model, [metrics["val_loss"] for _, metrics in epochs_of(model)]


@pytest.mark.parametrize("name", FAMILY)
def test_early_stopping_restores_the_best_weights(name):
    panel, _, valid, _ = setup()
    model, losses = stopped(name)
    best = int(np.argmin(losses)) + 1
    assert model.best_epoch_ == best
    # It went on for `patience` epochs that were no better, then went back.
    assert len(losses) == best + 2 < 40
    assert losses[-1] > min(losses)
    outputs = torch.from_numpy(_torch.predict(model.network_, panel, valid, model.lookback))
    assert _torch.pinball(outputs, torch.from_numpy(panel.labels(valid))).item() == min(losses)


def test_early_stopping_restores_the_weights_of_keras_too():
    panel, _, valid, _ = setup()
    model = made("lstm_keras", epochs=4, learning_rate=0.3, patience=1)
    losses = [metrics["val_loss"] for _, metrics in epochs_of(model)]
    assert losses[-1] > min(losses)
    outputs = torch.from_numpy(_torch.predict(model.network_, panel, valid, model.lookback))
    assert _torch.pinball(outputs, torch.from_numpy(panel.labels(valid))).item() == min(losses)


@pytest.mark.parametrize("name", ["lstm", "tcn"])
def test_the_weights_kept_are_those_of_a_run_that_ended_there(name):
    panel, _, _, test = setup()
    model, _ = stopped(name)
    short = made(name, epochs=model.best_epoch_, learning_rate=0.03, patience=2)
    epochs_of(short)
    assert same(model.predict(panel, test), short.predict(panel, test))


@pytest.mark.parametrize("name", FAMILY)
def test_without_validation_rows_it_trains_for_all_epochs(name):
    model = made(name, epochs=4, patience=1, learning_rate=0.03)
    seen = epochs_of(model, NO_ROWS)
    assert [epoch for epoch, _ in seen] == [1, 2, 3, 4]
    assert all(set(metrics) == {"train_loss"} for _, metrics in seen)
    assert model.best_epoch_ == 4


@pytest.mark.parametrize("name", FAMILY)
def test_validation_rows_decide_when_to_stop_but_teach_nothing(name):
    panel, _, _, test = setup()
    with_valid, without = made(name, epochs=1), made(name, epochs=1)
    epochs_of(with_valid)
    epochs_of(without, NO_ROWS)
    assert same(with_valid.predict(panel, test), without.predict(panel, test))


def test_an_epoch_takes_no_more_samples_than_it_may(monkeypatch):
    sizes = []
    real = _torch.Windows.__getitem__
    monkeypatch.setattr(
        _torch.Windows, "__getitem__", lambda self, origins: sizes.append(len(origins)) or real(self, origins)
    )
    epochs_of(made("lstm", epochs=2, samples_per_epoch=80, batch_size=32), NO_ROWS)
    assert sizes == [32, 32, 16] * 2


@pytest.mark.parametrize("name", ALL)
def test_a_window_ends_at_its_origin(name):
    # Only rows of the window decide the forecast.
    panel, _, _, test = setup()
    model, origin = fitted(name), test[:1]
    whole = model.predict(panel, origin)
    inside = {-model.lookback: True, -model.lookback + 1: False, 0: False, 1: True}
    for step, alike in inside.items():
        X = panel.X.copy()
        X[origin[0] + step] += 3
        assert same(model.predict(replace(panel, X=X), origin), whole) == alike, step


def test_a_fit_and_a_load_leave_the_generators_as_they_were(tmp_path):
    for name in ("lstm", "lstm_keras"):
        fitted(name).save(tmp_path / name)
        random.seed(99)
        torch.manual_seed(99)
        before = random.getstate(), torch.get_rng_state()
        epochs_of(made(name, epochs=1))
        made(name).load(tmp_path / name)
        assert random.getstate() == before[0]
        assert torch.equal(torch.get_rng_state(), before[1])


# --- what is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_a_bad_loss_or_lookback_is_an_input_error(name):
    panel, train, valid, _ = setup()
    with pytest.raises(InputError, match="expected loss out of pinball, mse, got 'huber'"):
        made(name, loss="huber").fit(panel, train, valid)
    for lookback in (0, 21):
        with pytest.raises(InputError, match=f"lookback of 1 to 20, got {lookback}"):
            made(name, lookback=lookback).fit(panel, train, valid)


@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize("lookback", [1, 20])
def test_the_shortest_and_the_longest_window_will_do(name, lookback):
    panel, train, valid, test = setup()
    model = made(name, lookback=lookback, epochs=1).fit(panel, train, valid)
    assert np.isfinite(model.predict(panel, test).center).all()


@pytest.mark.parametrize(
    "params",
    [
        {"epochs": 0}, {"batch_size": 0}, {"hidden_dim": 0}, {"hidden_dim": 3}, {"num_layers": 0}, {"dropout": 1.5},
        {"learning_rate": 0.0}, {"clip": 0}, {"samples_per_epoch": 0}, {"hidden_dim": 4097}, {"num_layers": 17},
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ALL)
def test_a_number_that_makes_no_network_is_an_input_error(name, params):
    if not params.keys() <= models.parameters(name).keys():
        return
    panel, train, valid, _ = setup()
    with pytest.raises(InputError, match=next(iter(params))):
        made(name, **params).fit(panel, train, valid)


def test_a_loss_that_explodes_is_an_input_error():
    panel, train, valid, _ = setup()
    broken = replace(panel, X=np.full_like(panel.X, np.inf))
    with pytest.raises(InputError, match="expected losses that stay finite"):
        made("mlp").fit(broken, train, valid)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


LIES = (
    {"params": {"hidden_dim": 9}}, {"params": {"hidden_dim": 4096}}, {"params": {"hidden_dim": 10**8}},
    {"params": {"num_layers": 16, "hidden_dim": 4096}}, {"params": {"num_layers": 10**8}},
    {"params": {"loss": "mse"}},
    {"state": {"horizon": 4}}, {"state": {"horizon": 0}}, {"state": {"horizon": 10**9}},
    {"state": {"horizon": 10**30}}, {"state": {"input_dim": 10**9}}, {"state": {"input_dim": 3}},
)  # fmt: skip


@pytest.mark.parametrize("lie", LIES, ids=str)
@pytest.mark.parametrize("name", ALL)
def test_weights_of_another_network_are_refused_before_it_takes_any_memory(tmp_path, name, lie):
    params = {key: value for key, value in lie.get("params", {}).items() if key in models.parameters(name)}
    if not params and "params" in lie:
        return
    fitted(name).save(tmp_path / "model")
    state = tmp_path / "model" / "state.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), **lie.get("state", {})}))
    before = peak()
    with pytest.raises(InputError):
        made(name, **params).load(tmp_path / "model")
    assert peak() - before < 100 * 2**20


# --- hyperparameters ---------------------------------------------------------------------------------------


class Trial:
    """Answers with the first or the last of what there is to choose from."""

    def __init__(self, end):
        self.end = end

    def suggest_categorical(self, name, choices):
        return choices[self.end]

    def suggest_int(self, name, low, high, step=1, log=False):
        assert (high - low) % step == 0
        return (low, high)[self.end]

    def suggest_float(self, name, low, high, log=False):
        return (low, high)[self.end]


@pytest.mark.parametrize("end", [0, -1])
@pytest.mark.parametrize("name", ALL)
def test_suggested_hyperparameters_make_a_network(name, end):
    model = models.create(name, models.load(name).space(Trial(end)))
    model._check(120)
    assert count(model._network(FEATURES, HORIZON)) > 0


# --- keras -------------------------------------------------------------------------------------------------


def keras_module():
    return importlib.import_module("pricecast.models.lstm_keras")


@pytest.mark.parametrize("given", [None, "", "torch"])
@pytest.mark.parametrize("home", [None, "/somewhere"])
def test_keras_is_imported_on_torch_and_the_environment_put_back(monkeypatch, given, home):
    for name, value in {"KERAS_BACKEND": given, "KERAS_HOME": home}.items():
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    environ = importlib.import_module("os").environ
    before = dict(environ)
    with keras_module().torch_backend():
        assert (environ["KERAS_BACKEND"], environ["KERAS_HOME"]) == ("torch", home or "/dev/null")
    assert dict(environ) == before


def test_another_backend_of_keras_is_an_input_error(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with (
        pytest.raises(InputError, match="expected Keras on its torch backend, got 'jax': set KERAS_BACKEND"),
        keras_module().torch_backend(),
    ):
        pass


@pytest.mark.slow
def test_keras_writes_nothing_into_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    code = "import pricecast.models as m; print(m.parameters('lstm_keras')['hidden_dim'])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "64"
    assert not (tmp_path / ".keras").exists()
