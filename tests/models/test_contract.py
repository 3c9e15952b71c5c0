import importlib
import inspect
import json
import sys
from dataclasses import asdict, fields
from functools import cache

import numpy as np
import pytest
import torch

from pricecast import models
from pricecast.errors import InputError
from pricecast.forecasting import fitting
from pricecast.forecasting.forecaster import Forecaster
from pricecast.models import Forecast, _torch
from pricecast.schema import MEDIAN, QUANTILE_LEVELS
from tests.support.market_samples import SMALL, TWO, market, same_bits, small_dataset

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
    params = small(name)
    assert models.params_of(name, models.create(name, params)) == {**defaults, **params}
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
    learned = [data.scalers.y.learned["mean_"].copy(), data.scalers.X.learned["mean_"].copy()]
    models.create(name, small(name)).fit(panel, train, valid).predict(panel, valid)
    assert panel.bars.to_numpy().tolist() == before.pop("bars").tolist()
    assert same_bits(data.features["close"].to_numpy(), before.pop("table")[:, -3].astype(float))
    for key, value in before.items():
        assert (inputs[key] == value).all() if value.dtype == object else same_bits(inputs[key], value), key
    assert same_bits(learned[0], data.scalers.y.learned["mean_"])
    assert same_bits(learned[1], data.scalers.X.learned["mean_"])


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


class Trial:
    """Suggests the lowest or the highest of everything."""

    def __init__(self, high):
        self.high = high

    def suggest_float(self, name, low, high, **how):
        return high if self.high else low

    suggest_int = suggest_float

    def suggest_categorical(self, name, choices):
        return choices[-1 if self.high else 0]


@pytest.mark.parametrize("high", [False, True])
@pytest.mark.parametrize("name", [name for name in NAMES if hasattr(models.load(name), "space")])
def test_what_a_search_may_try_is_what_the_model_takes(name, high):
    suggested = models.load(name).space(Trial(high))
    assert suggested
    assert models.params_of(name, models.create(name, suggested)) == {**models.parameters(name), **suggested}


def test_a_whole_number_will_do_for_a_fraction():
    assert models.create("lstm", {"dropout": 0}).dropout == 0


def test_an_unknown_model_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"expected a model out of .*drift, .*ewma, .*got 'oracle'"):
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

    def fit(self, panel, train, valid, on_epoch=None):
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
    forecaster = fitting.fit("toy", {"weight": 2.0}, data)
    panel, past = data.panel(), data.fold().past
    np.testing.assert_allclose(
        forecaster.model.predict(panel, past[:1]).center[0], 2 * panel.returns(past).mean(axis=0)
    )
    raw = market((("AAA", 700),)).drop(columns="adj_close")
    again = Forecaster.load(forecaster.save(tmp_path / "saved"))
    assert again.predict_bars(raw).equals(forecaster.predict_bars(raw))


def test_a_model_that_lacks_a_package_is_left_out_of_its_family_and_refused_by_name(toy, tmp_path):
    file = tmp_path / "plugins" / "toy.py"
    file.write_text(TOY.replace("lookback = 1", 'lookback = 1\n    requires = ("numpy", "no-such-package")'))
    assert models.missing("toy") == ["no-such-package"]
    chosen, left_out = models.choose(["drift", "classical"])
    assert (chosen[0], left_out) == ("drift", ["toy"])
    assert "toy" not in chosen
    message = r"toy needs no-such-package, which is not installed \(pip install 'pricecast\[models\]'\)"
    for ask in (lambda: models.choose(["toy"]), lambda: models.load("toy"), lambda: models.create("toy", {})):
        with pytest.raises(InputError, match=message):
            ask()


def test_a_file_without_a_model_is_named(toy, tmp_path):
    (tmp_path / "plugins" / "empty.py").write_text("")
    with pytest.raises(InputError, match=r"a class Model in empty\.py, got none"):
        models.choose(["classical"])


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
    center = fitted("drift").predict(panel, test).center
    for row, origin in enumerate(test):
        rows_of_ticker = [i for i in train if panel.tickers[i] == panel.tickers[origin]]
        daily = np.mean([np.log(panel.close[i + 1] / panel.close[i]) for i in rows_of_ticker])
        np.testing.assert_allclose(center[row], [daily, 2 * daily, 3 * daily], rtol=1e-9)
    assert sorted(fitted("drift").drift_) == [ticker for ticker, _ in TWO]
