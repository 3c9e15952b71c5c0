import numpy as np
import pandas as pd
import pytest
import torch

from pricecast.audit import protocol
from pricecast.dataset.panel import FEATURE_LIMIT, targets
from pricecast.models import _torch
from tests.support.market_samples import same_bits, small_dataset

THREE = (("AAA", 420), ("BBB", 390), ("CCC", 360))


@pytest.fixture(scope="module")
def dataset():
    return small_dataset(THREE)


@pytest.fixture(scope="module")
def panel(dataset):
    return dataset.panel()


def usable(dataset):
    return np.flatnonzero(dataset.features["split"].to_numpy() != "")


def test_a_panel_is_the_tables_row_by_row(dataset, panel):
    table = dataset.features
    for name in ("close", "scale"):
        assert same_bits(getattr(panel, name), table[name].to_numpy())
    assert (panel.tickers == table["ticker"]).all()
    assert (panel.dates == table["date"]).all()
    assert (panel.quote == dataset.bars["quote"]).all()


def test_ahead_counts_the_later_rows_of_the_ticker(dataset, panel):
    tickers = dataset.features["ticker"].tolist()
    assert panel.ahead.tolist() == [tickers[i + 1 :].count(ticker) for i, ticker in enumerate(tickers)]


def test_features_are_scaled_clipped_and_contiguous(dataset, panel):
    names = list(dataset.spec.features)
    whole = dataset.features[names].notna().all(axis=1).to_numpy()
    scaled = dataset.scalers.X.transform(dataset.features[names].to_numpy())
    assert panel.X.dtype == np.float32
    assert panel.X.flags["C_CONTIGUOUS"]
    np.testing.assert_allclose(panel.X[whole], np.clip(scaled[whole], -10, 10), rtol=1e-6)


def test_a_wild_feature_is_clipped(dataset):
    wild = dataset.features.copy()
    name = dataset.spec.features[0]
    wild.loc[300, name], wild.loc[301, name] = 1e9, -1e9
    X = type(dataset)(dataset.bars, wild, dataset.scalers, dataset.spec).panel().X
    assert X[300, 0] == FEATURE_LIMIT
    assert X[301, 0] == -FEATURE_LIMIT


def test_returns_equal_a_loop_and_are_nan_beyond_the_known_future(dataset, panel):
    table = dataset.features
    origins = np.arange(len(table))
    returns = panel.returns(origins)
    for i in [*range(0, len(table), 31), 417, 418, 419, 420, 808, 809, 810, len(table) - 2, len(table) - 1]:
        for h in range(1, dataset.spec.horizon + 1):
            known = i + h < len(table) and table["ticker"][i + h] == table["ticker"][i]
            expected = np.log(table["close"][i + h] / table["close"][i]) if known else np.nan
            assert returns[i, h - 1] == pytest.approx(expected, rel=1e-12, nan_ok=True), (i, h)
    newest = (panel.ahead == 0).nonzero()[0]
    assert np.isnan(returns[newest]).all()
    assert np.isnan(returns).sum() == 3 * (1 + 2 + 3)


def test_the_unit_is_scale_times_the_root_of_the_horizon(panel):
    unit = panel.unit(np.array([100, 700]))
    expected = [[panel.scale[i] * h**0.5 for h in (1, 2, 3)] for i in (100, 700)]
    np.testing.assert_allclose(unit, expected, rtol=1e-15)


@pytest.mark.parametrize("target", ["return", "price"])
@pytest.mark.parametrize("scaler", ["standard", "minmax", "robust"])
def test_labels_and_to_returns_are_inverse(target, scaler):
    dataset = small_dataset(THREE, target=target, scaler=scaler)
    panel = dataset.panel()
    origins = np.concatenate([dataset.origins("train"), dataset.origins("valid")])
    labels = panel.labels(origins)
    assert labels.dtype == np.float32
    assert labels.shape == (len(origins), 3)
    np.testing.assert_allclose(panel.to_returns(labels, origins), panel.returns(origins), atol=1e-6)


def test_return_labels_are_returns_in_units_of_volatility(dataset, panel):
    origins = dataset.origins("train")
    raw = targets(dataset.features, origins, 3, "return")
    close, scale = panel.close, panel.scale
    for i, row in zip(origins[::29], raw[::29], strict=True):
        expected = [np.log(close[i + h] / close[i]) / (scale[i] * h**0.5) for h in (1, 2, 3)]
        np.testing.assert_allclose(row, expected, rtol=1e-12)


def test_price_labels_are_later_closes():
    dataset = small_dataset(target="price")
    origins = dataset.origins("train")
    raw = targets(dataset.features, origins, 3, "price")
    close = dataset.features["close"].to_numpy()
    np.testing.assert_allclose(raw, np.stack([close[origins + h] for h in (1, 2, 3)], axis=1), rtol=1e-12)
    labels = dataset.panel().labels(origins)
    assert labels.min() == pytest.approx(0, abs=1e-6)
    assert labels.max() == pytest.approx(1, abs=1e-6)


def test_labels_beyond_the_known_future_are_nan(panel):
    newest = (panel.ahead == 1).nonzero()[0]
    labels = panel.labels(newest)
    assert np.isfinite(labels[:, 0]).all()
    assert np.isnan(labels[:, 1:]).all()


def test_a_price_below_zero_counts_as_a_thousandth_of_the_close():
    dataset = small_dataset(target="price")
    panel, origins = dataset.panel(), dataset.origins("test")
    returns = panel.to_returns(np.full((len(origins), 3), -50, np.float32), origins)
    np.testing.assert_allclose(returns, -np.log(1000), rtol=1e-12)


@pytest.mark.parametrize("lookback", [1, 10, 20])
def test_windows_equal_a_loops_copy(dataset, panel, lookback):
    windows = _torch.Windows(panel, lookback, torch.device("cpu"))
    origins = usable(dataset)[::13]
    cut = windows[torch.from_numpy(origins)].numpy()
    assert cut.shape == (len(origins), lookback, len(dataset.spec.features))
    for origin, window in zip(origins, cut, strict=True):
        copied = np.stack([panel.X[origin - lookback + 1 + day] for day in range(lookback)])
        assert same_bits(window, copied)
        assert np.isfinite(window).all()
    assert protocol.windows(panel.tickers, usable(dataset), lookback) == []


def test_windows_share_the_panels_memory(panel):
    view = _torch.Windows(panel, 20, torch.device("cpu"))._view
    assert view.data_ptr() == panel.X.ctypes.data
    assert view.untyped_storage().nbytes() == panel.X.nbytes
    assert np.shares_memory(view.numpy(), panel.X)


def test_other_scalers_give_another_panel(dataset):
    other = small_dataset(THREE, scaler="robust").scalers
    assert not same_bits(dataset.panel(other).X, dataset.panel().X)
    assert dataset.panel(other).scaler_y is other.y


def test_a_panel_does_not_change_its_tables(dataset):
    before = dataset.features.copy(deep=True), dataset.bars.copy(deep=True)
    panel = dataset.panel()
    origins = usable(dataset)
    panel.returns(origins), panel.labels(origins), panel.to_returns(panel.labels(origins), origins)
    pd.testing.assert_frame_equal(dataset.features, before[0])
    pd.testing.assert_frame_equal(dataset.bars, before[1])
