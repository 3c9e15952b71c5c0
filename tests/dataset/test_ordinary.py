"""The rows that models of many tickers learn from: all of ordinary tickers, none of odd ones."""

import math

import numpy as np
import pytest
from scipy.stats import kstest
from statsmodels.tsa.stattools import acf

from pricecast import models
from pricecast.dataset.dataset import build
from pricecast.dataset.ordinary import (
    CALM,
    CORRELATION,
    DAYS,
    FACTOR,
    LEAST,
    SHARE,
    distance,
    is_active,
    ordinary,
    repeats_itself,
    unusual,
)
from pricecast.dataset.panel import LABEL_LIMIT
from tests.support import pathologies
from tests.support.market_samples import small_dataset

# Marked as a whole, and in some of their days.
ODD = ("sticky", "half sticky", "constant", "line", "bounce", "spikes")
IN_PART = ("halted", "pegged", "print", "broken peg")


def panel_of(kind):
    data = build(pathologies.market(kind), horizon=2, max_lookback=30)
    return data.panel(), data.origins("train")


def share_taught(kind):
    """The share of the fifth ticker's rows that models learn from, and that of the others' rows."""
    panel, origins = panel_of(kind)
    kept = np.isin(origins, panel.ordinary(origins))
    fifth = panel.tickers[origins] == pathologies.FIFTH
    return kept[fifth].mean(), kept[~fifth].mean()


@pytest.mark.parametrize("rounded", [False, True])
def test_the_distance_is_that_of_kolmogorov_and_smirnov(rounded):
    moves = np.random.default_rng(0).standard_t(4, 300)
    moves = np.round(moves, 1) if rounded else moves
    assert distance(moves) == pytest.approx(kstest(moves, "norm").statistic, abs=1e-12)


def test_ordinary_tickers_teach_with_every_row():
    assert share_taught("ordinary") == (1.0, 1.0)


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_ticker_teaches_nothing_and_the_others_all_they_did(kind):
    assert share_taught(kind) == (0.0, 1.0)


@pytest.mark.parametrize("kind", IN_PART)
def test_the_odd_days_of_a_ticker_teach_nothing(kind):
    fifth, others = share_taught(kind)
    assert fifth < 0.9
    assert others == 1.0


@pytest.mark.parametrize("kind", ["print", "halted", "pegged", "spikes"])
def test_the_rows_equal_a_plain_loop(kind):
    panel, origins = panel_of(kind)
    tickers, scale, moves = panel.tickers[origins], panel.scale[origins], panel.moves(origins)[:, 0]
    active = np.zeros(len(origins), dtype=bool)
    for ticker in np.unique(tickers):
        rows = np.flatnonzero(tickers == ticker)
        for place, row in enumerate(rows):
            around = np.abs(moves[rows[max(place - DAYS // 2, 0) : place + DAYS // 2 + 1]])
            active[row] = np.median(around) > CALM
    np.testing.assert_array_equal(is_active(tickers, moves), active)
    usual, levels = [], []
    for ticker in np.unique(tickers):
        own = tickers == ticker
        part = moves[own & active]
        if len(part) < max(LEAST, SHARE * own.sum()):
            continue
        root = 1.63 / math.sqrt(len(part))
        if kstest(part, "norm").statistic <= 0.1 + root and abs(acf(part, nlags=1)[1]) <= CORRELATION + root:
            usual.append(ticker)
            levels.append(np.median(np.log(scale[own & active])))
    near = np.abs(np.log(scale) - np.median(levels)) <= math.log(FACTOR)
    expected = active & near & np.isin(tickers, usual)
    assert not expected.all()
    np.testing.assert_array_equal(ordinary(tickers, scale, moves), expected)


def made(kind):
    day = np.arange(1200)
    weekly = np.repeat(np.random.default_rng(0).standard_normal(240), 5)
    return {"a sine": np.diff(np.sin(day / 9)), "days between weekly closes": weekly}[kind]


@pytest.mark.parametrize("kind", ["a sine", "days between weekly closes"])
def test_moves_that_tell_the_next_one_are_unusual(kind):
    moves = made(kind) / made(kind).std()
    assert unusual(np.full(len(moves), "A"), moves).tolist() == ["A"]
    shuffled = np.random.default_rng(1).permutation(np.random.default_rng(0).standard_normal(len(moves)))
    assert unusual(np.full(len(moves), "A"), shuffled).tolist() == []


def test_a_stock_that_was_halted_teaches_on_its_other_days():
    moves = np.random.default_rng(0).standard_normal(1000)
    moves[400:700] = 0.0
    kept = ordinary(np.full(1000, "A"), np.full(1000, 0.01), moves)
    assert not kept[430:670].any()
    assert kept[:370].all()
    assert kept[730:].all()


def test_prices_that_repeat_themselves_are_told_from_others():
    day = np.arange(900)
    walk = 100 * np.exp(np.cumsum(0.01 * np.random.default_rng(0).standard_normal(900)))
    assert all(
        map(repeats_itself, (100 + day % 20.0, np.full(900, 7.0), 100 * 1.001**day, np.where(day % 2, 1.0, 2.0)))
    )
    assert not any(map(repeats_itself, (walk, np.round(walk, 2), 100 + 10 * np.sin(day / 9))))


def test_where_all_tickers_are_odd_all_rows_teach():
    moves = np.zeros(300)
    assert ordinary(np.repeat(["A", "B"], 150), np.full(300, 0.01), moves).all()


def test_it_does_not_matter_in_what_order_tickers_come():
    panel, origins = panel_of("halted")
    parts = (panel.tickers[origins], panel.scale[origins], panel.moves(origins)[:, 0])
    back = np.argsort(-np.unique(parts[0], return_inverse=True)[1], kind="stable")
    np.testing.assert_array_equal(ordinary(*(part[back] for part in parts)), ordinary(*parts)[back])


def test_the_scalers_are_those_of_the_ordinary_tickers_alone():
    alone, beside = (build(pathologies.market(kind), horizon=2, max_lookback=30) for kind in (None, "sticky"))
    for name in ("X", "y"):
        for key, values in getattr(alone.scalers, name).learned.items():
            np.testing.assert_array_equal(values, getattr(beside.scalers, name).learned[key])


def test_no_label_is_larger_than_twenty_volatilities():
    panel, origins = panel_of("print")
    moves = panel.moves(origins)
    raw = panel.returns(origins) / panel.unit(origins)
    assert np.abs(raw).max() > LABEL_LIMIT
    np.testing.assert_array_equal(moves, np.clip(raw, -LABEL_LIMIT, LABEL_LIMIT))
    np.testing.assert_array_equal(panel.labels(origins), panel.scaler_y.transform(moves).astype(np.float32))


def test_models_with_parameters_by_ticker_learn_from_odd_tickers_too():
    panel, origins = panel_of("sticky")
    nothing = origins[:0]
    taught = {
        name: models.teaching(models.create(name, {}), panel, origins, nothing)[0] for name in ("drift", "har")
    }
    assert len(taught["drift"]) == len(origins)
    assert set(panel.tickers[taught["har"]]) == set(pathologies.ORDINARY)
    assert models.about("ensemble").by_ticker


def test_what_stops_a_training_is_ordinary_too():
    data = build(pathologies.market("sticky"), horizon=2, max_lookback=30)
    panel, model = data.panel(), models.create("linear", {})
    train, valid = models.teaching(model, panel, data.origins("train"), data.origins("valid"))
    assert len(train) > 0
    assert set(panel.tickers[valid]) == set(pathologies.ORDINARY)


def test_a_validation_span_that_only_odd_tickers_have_is_kept():
    data = small_dataset()
    panel, train, valid = data.panel(), data.origins("train"), data.origins("valid")
    still = panel.scale.copy()
    # A thousandth of the volatility in all rows of the validation span: none of them would teach.
    still[valid] /= 1000
    odd = type(panel)(**{**vars(panel), "scale": still})
    assert models.teaching(models.create("linear", {}), odd, train, valid) == (train, valid)
