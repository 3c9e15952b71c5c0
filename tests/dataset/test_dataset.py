import json
import re
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from pricecast.data.adjust import adjust
from pricecast.dataset import dataset as module
from pricecast.dataset import features
from pricecast.dataset.checks import has_context
from pricecast.dataset.dataset import Dataset, build
from pricecast.dataset.features import RETURN_FEATURES
from pricecast.dataset.scalers import SCALERS
from pricecast.dataset.splits import bounds_by_share
from pricecast.errors import InputError
from pricecast.schema import BARS
from tests.support.flipped import flipped
from tests.support.market_samples import TWO, later, market, same_bits, small_dataset
from tests.support.stores import refused

THREE = (("AAA", 420), ("BBB", 390), ("CCC", 360))
ESTIMATORS = {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}


def test_every_kind_of_scaler_is_known_to_these_tests():
    assert list(ESTIMATORS) == list(SCALERS)


# --- purge -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("horizon", [1, 3, 5])
def test_no_label_reaches_the_next_span(horizon):
    table = small_dataset(THREE, horizon=horizon)
    spec, rows = table.spec, table.features
    reach = {"train": pd.Timestamp(spec.valid_start), "valid": pd.Timestamp(spec.test_start)}
    seen = dict.fromkeys(reach, pd.Timestamp.min)
    for i, split in enumerate(rows["split"]):
        if split in reach:
            assert rows["ticker"][i + horizon] == rows["ticker"][i]
            assert rows["date"][i + horizon] < reach[split]
            seen[split] = max(seen[split], rows["date"][i + horizon])
    dates = np.sort(rows["date"].unique())
    for split, bound in reach.items():
        # and none is wasted: the last label is the last date before the bound
        assert seen[split] == dates[dates < bound][-1]


def test_spans_of_tickers_with_other_starts_are_cut_at_the_same_dates():
    rows = small_dataset(THREE).features
    first = rows[rows["split"] != ""].groupby(["split", "ticker"])["date"].agg(["min", "max"])
    for split in ("valid", "test"):
        assert len(first.loc[split].drop_duplicates()) == 1
    assert len(first.loc["train", "min"].unique()) == 3


def test_shares_and_dates_name_the_same_spans():
    prices = market(THREE)
    by_share = build(prices, horizon=3, max_lookback=20, valid_size=0.2, test_size=0.1)
    bounds = bounds_by_share(prices["date"], 0.2, 0.1)
    by_date = build(
        prices, horizon=3, max_lookback=20, valid_start=bounds.valid_start, test_start=bounds.test_start
    )
    assert by_date.spec == by_share.spec
    dates = np.sort(prices["date"].unique())
    starts = [str(pd.Timestamp(dates[-n]).date()) for n in (84 + 42, 42)]
    assert [by_share.spec.valid_start, by_share.spec.test_start] == starts
    pd.testing.assert_frame_equal(by_date.features, by_share.features)


def test_one_bound_without_the_other_is_refused():
    for bound in ("valid_start", "test_start"):
        with pytest.raises(InputError, match="valid-start and test-start together"):
            build(market(), **{bound: pd.Timestamp("2024-03-01")})


def test_bounds_out_of_order_are_refused():
    with pytest.raises(InputError, match="valid-start < test-start"):
        build(market(), valid_start=pd.Timestamp("2024-05-01"), test_start=pd.Timestamp("2024-03-01"))


# --- context -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lookback", [1, 2, 5, 30])
def test_context_equals_a_loop(lookback):
    rng = np.random.default_rng(lookback)
    table = pd.DataFrame({"ticker": list("AAAAABBBBBBBBCDDDDDDD" * 1)}).sort_values("ticker", ignore_index=True)
    table = pd.concat([table] * 6).sort_values("ticker", kind="stable", ignore_index=True)
    table = table.assign(x=rng.random(len(table)), y=rng.random(len(table)), scale=1.0)
    for name in ("x", "y", "scale"):
        table.loc[rng.random(len(table)) < 0.04, name] = rng.choice([np.nan, np.inf])
    mask = has_context(table, ["x", "y"], lookback)
    for i in range(len(table)):
        window = table.iloc[max(i - lookback + 1, 0) : i + 1]
        whole = len(window) == lookback and window["ticker"].nunique() == 1
        assert mask[i] == (whole and np.isfinite(window[["x", "y", "scale"]].to_numpy()).all()), i


def test_a_window_never_spans_two_tickers():
    data = small_dataset(THREE)
    tickers = data.features["ticker"].to_numpy()
    for split in ("train", "valid", "test"):
        for origin in data.origins(split):
            assert len(set(tickers[origin - 19 : origin + 1])) == 1
            assert data.features.iloc[origin - 19 : origin + 1].notna().all(axis=None)


@pytest.mark.parametrize("lookback", [1, 20, 50])
def test_origins_start_once_features_and_context_are_there(lookback):
    data = small_dataset(max_lookback=lookback)
    for _, group in data.features.reset_index(drop=True).groupby("ticker"):
        assert (group["split"].to_numpy() != "").argmax() == 60 + lookback - 1


# --- short tickers -----------------------------------------------------------------------------------------


def test_a_short_ticker_is_dropped_with_its_reason():
    data = build(market((*TWO, ("NEW", 150))), horizon=3, max_lookback=20)
    assert data.spec.tickers == ("AAA", "BBB")
    assert set(data.features["ticker"]) == set(data.bars["ticker"]) == {"AAA", "BBB"}
    reason = r"NEW has 150 bars, which leaves 0 training, \d+ validation and \d+ test origins \(50, 20 and 2 are"
    assert list(data.spec.dropped) == ["NEW"]
    pd.testing.assert_index_equal(data.features.index, data.bars.index)
    assert re.match(reason, data.spec.dropped["NEW"])


def test_a_dropped_ticker_teaches_the_scalers_nothing():
    with_it = build(market((*TWO, ("NEW", 150))), horizon=3, max_lookback=20)
    without = build(market(TWO), horizon=3, max_lookback=20)
    for name in ("X", "y"):
        ours, theirs = (getattr(data.scalers, name).learned for data in (with_it, without))
        assert all(same_bits(ours[key], theirs[key]) for key in ours)


def test_when_every_ticker_is_too_short_it_is_an_error_that_says_why():
    with pytest.raises(InputError, match=r"at least one ticker with enough bars, got AAA has 100 bars"):
        build(market((("AAA", 100),)), horizon=3, max_lookback=20)
    with pytest.raises(InputError, match=r"take a longer history .*, a shorter --max-lookback"):
        build(market(TWO), horizon=3, max_lookback=400)


# --- scalers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["standard", "minmax", "robust"])
def test_scalers_are_of_the_kind_asked_for_and_see_training_rows_only(kind):
    data = small_dataset(THREE, scaler=kind)
    train = data.origins("train")
    X = data.features[list(data.spec.features)].to_numpy()[train]
    close, scale = (data.features[name].to_numpy() for name in ("close", "scale"))
    y = np.array([[np.log(close[i + h] / close[i]) / scale[i] / h**0.5 for h in (1, 2, 3)] for i in train])
    assert data.spec.scaler == kind
    for scaler, rows in ((data.scalers.X, X), (data.scalers.y, y)):
        assert scaler.kind == kind
        expected = ESTIMATORS[kind]().fit(rows)
        for name, value in scaler.learned.items():
            np.testing.assert_allclose(value, getattr(expected, name), rtol=1e-9, atol=1e-12)


def test_the_textbook_recipe_takes_min_max_and_price_levels():
    data = small_dataset(target="price", scaler="robust")
    assert data.spec.scaler == "minmax"
    assert data.spec.features == ("price_open", "price_high", "price_low", "price_close", "price_volume")
    close = data.features["close"].to_numpy()
    labels = close[data.origins("train")[:, None] + [1, 2, 3]]
    np.testing.assert_allclose(data.scalers.y.learned["data_max_"], labels.max(axis=0), rtol=1e-12)


@pytest.mark.parametrize("how", ["scaled", "permuted", "huge"])
@pytest.mark.parametrize("target", ["return", "price"])
def test_scalers_do_not_notice_what_comes_after_training(target, how):
    data = small_dataset(target=target)
    after = build(later(market(TWO), data.spec.valid_start, how), horizon=3, max_lookback=20, target=target)
    for name in ("X", "y"):
        ours, theirs = (getattr(x.scalers, name).learned for x in (data, after))
        assert all(same_bits(ours[key], theirs[key]) for key in ours)


# --- adjustment --------------------------------------------------------------------------------------------


def test_adjusting_multiplies_by_the_rows_own_factor():
    prices = market(TWO)
    factor = np.random.default_rng(0).uniform(0.2, 3, len(prices))
    bars = adjust(prices.assign(adj_close=prices["close"] * factor))
    assert list(bars.columns) == list(BARS)
    for name in ("open", "high", "low", "close"):
        np.testing.assert_allclose(bars[name], prices[name] * factor, rtol=1e-12)
    np.testing.assert_allclose(bars["volume"], prices["volume"] / factor, rtol=1e-12)
    assert bars["quote"].equals(prices["close"].rename("quote"))


def test_a_ticker_without_adjusted_closes_is_taken_as_it_is():
    prices = market(TWO)
    half = prices.assign(adj_close=np.where(prices["ticker"] == "AAA", np.nan, prices["close"] / 2))
    bars = adjust(half)
    for ticker, factor in (("AAA", 1.0), ("BBB", 0.5)):
        rows = (prices["ticker"] == ticker).to_numpy()
        np.testing.assert_allclose(bars["close"][rows], factor * prices["close"][rows])


def test_adjusting_looks_at_no_other_row():
    prices = market(TWO)
    prices = prices.assign(adj_close=prices["close"] * np.linspace(0.5, 1, len(prices)))
    pd.testing.assert_frame_equal(adjust(prices.iloc[100:130]), adjust(prices).iloc[100:130])


@pytest.mark.parametrize("name", [*RETURN_FEATURES, "scale"])
def test_a_later_split_changes_no_return_feature(name):
    # What a vendor does after a 3:1 split tomorrow: every earlier adjusted close is divided by three.
    prices = market(TWO)
    before = features.compute(adjust(prices))[name]
    after = features.compute(adjust(prices.assign(adj_close=prices["adj_close"] / 3)))[name]
    np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-9)


def test_a_split_in_the_quotes_is_no_move_once_adjusted():
    prices = market((("AAA", 420),))
    split = np.where(np.arange(420) < 200, 4.0, 1.0)
    quoted = prices.assign(
        **{name: prices[name] * split for name in ("open", "high", "low", "close")}, volume=prices["volume"] / split
    )
    names = list(RETURN_FEATURES)
    recomputed = features.compute(adjust(quoted))[names]
    np.testing.assert_allclose(recomputed, features.compute(adjust(prices))[names], rtol=1e-9, atol=1e-9)


# --- the folder --------------------------------------------------------------------------------------------


def test_building_does_not_change_the_prices():
    prices = market(TWO)
    before = prices.copy(deep=True)
    build(prices, horizon=3, max_lookback=20)
    pd.testing.assert_frame_equal(prices, before)


def test_a_dataset_comes_back_as_it_was_saved(tmp_path):
    data = build(market((*TWO, ("NEW", 150))), horizon=3, max_lookback=20, quality={"source": "made up", "rows": 7})
    again = Dataset.load(data.save(tmp_path / "dataset"))
    pd.testing.assert_frame_equal(again.features, data.features)
    pd.testing.assert_frame_equal(again.bars, data.bars)
    assert again.spec == data.spec
    assert again.quality == data.quality
    assert again.spec.warmup == features.warmup()
    assert same_bits(again.panel().X, data.panel().X)
    origins = data.origins("train")
    assert same_bits(again.panel().labels(origins), data.panel().labels(origins))
    assert {path.suffix for path in (tmp_path / "dataset").iterdir()} == {".parquet", ".skops", ".json"}


def test_the_same_dataset_is_saved_as_the_same_bytes(tmp_path):
    digests = []
    for name in ("one", "two"):
        folder = build(market(TWO), horizon=3, max_lookback=20).save(tmp_path / name)
        manifest = json.loads((folder / "manifest.json").read_text())
        digests.append(manifest)
    assert digests[0] == digests[1]
    assert len(digests[0]) == 6


def test_a_flipped_byte_in_any_file_is_refused(tmp_path):
    folder = small_dataset().save(tmp_path / "dataset")
    assert sum(path.is_file() for path in folder.rglob("*")) == 7
    for where in flipped(folder):
        assert refused(lambda: Dataset.load(folder)), where
    Dataset.load(folder)


def test_a_missing_or_an_added_file_is_refused_and_named(tmp_path):
    folder = small_dataset().save(tmp_path / "dataset")
    (folder / "extra.txt").write_text("hello")
    with pytest.raises(InputError, match=r"changed, vanished or came later: extra\.txt"):
        Dataset.load(folder)
    (folder / "extra.txt").unlink()
    (folder / "scaler_y.skops").unlink()
    with pytest.raises(InputError, match=r"scaler_y\.skops"):
        Dataset.load(folder)
    with pytest.raises(InputError, match=r"manifest\.json"):
        Dataset.load(tmp_path / "nowhere")


def test_a_spec_with_an_unknown_key_is_refused():
    values = asdict(small_dataset().spec)
    assert module.Spec.from_json(values) == small_dataset().spec
    with pytest.raises(InputError, match="missing or unknown: surprise"):
        module.Spec.from_json({**values, "surprise": 1})
