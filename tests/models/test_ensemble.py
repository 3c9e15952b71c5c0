"""The average of other models' quantiles."""

import json
from functools import cache

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

from pricecast import models
from pricecast.errors import InputError
from pricecast.models._holdout import hold_out
from pricecast.schema import QUANTILE_LEVELS
from pricecast.statistics import conformal
from tests.support.market_samples import same_bits, small_dataset

MEMBERS = "drift,har,naive"


@cache
def parts():
    data = small_dataset((("AAA", 700), ("BBB", 600)))
    return data.panel(), data.fold().past, data.origins("test")


@cache
def fitted(weights="fitted", members=MEMBERS):
    panel, past, _ = parts()
    return models.create("ensemble", {"members": members, "weights": weights}).fit(panel, past, past[:0])


def halves():
    """Origins to fit the members on, and those to weigh them on, by the calendar."""
    panel, past, _ = parts()
    dates = np.unique(panel.dates[past])
    cut = dates[int(0.7 * len(dates))]
    before = [row for row in past if panel.dates[row + panel.spec.horizon] <= cut]
    return np.array(before), np.array([row for row in past if panel.dates[row] >= cut])


def calibrated(name, rows, origins, newest):
    panel, _, _ = parts()
    model = models.create(name, {}).fit(panel, rows, rows[:0])
    held_out = models.create(name, {}).fit(panel, halves()[0], rows[:0]).predict(panel, newest)
    offsets = conformal.fit(held_out, panel.returns(newest), panel.unit(newest))
    return conformal.apply(model.predict(panel, origins), offsets, panel.unit(origins))


def test_it_is_the_weighted_average_of_calibrated_members_fitted_on_all_of_the_past():
    panel, past, test = parts()
    _, newest = halves()
    expected = sum(
        weight * calibrated(name, past, test, newest)
        for name, weight in zip(MEMBERS.split(","), fitted().weights_, strict=True)
    )
    np.testing.assert_allclose(fitted().predict(panel, test).quantiles, expected, rtol=0, atol=1e-12)


def test_equal_weights_are_equal():
    assert fitted("equal").weights_.tolist() == [1 / 3] * 3


def test_fitted_weights_have_the_lowest_pinball_loss():
    panel, _, _ = parts()
    before, newest = halves()
    assert len(before) + len(newest) < len(parts()[1])  # a gap of one horizon between them
    unit = panel.unit(newest)
    members = [calibrated(name, before, newest, newest) / unit[:, :, None] for name in MEMBERS.split(",")]
    actual = panel.returns(newest) / unit

    def loss(weights):
        error = actual[:, :, None] - sum(w * q for w, q in zip(weights, members, strict=True))
        levels = np.array(QUANTILE_LEVELS)
        return np.maximum(levels * error, (levels - 1) * error).mean()

    assert fitted().weights_.sum() == pytest.approx(1, abs=1e-12)
    assert (fitted().weights_ >= 0).all()
    # The loss is piecewise linear, so that a linear program finds the optimum itself.
    best = linprog(*program(np.stack(members), actual)).x[:3]
    assert loss(fitted().weights_) <= loss(best) * (1 + 2e-4)
    assert loss(fitted().weights_) < loss([1 / 3] * 3)


def program(members, actual):
    """Pinball regression on a simplex: minimise level * over + (1 - level) * under of each row."""
    m, rows = len(members), members[0].size
    levels = np.broadcast_to(np.array(QUANTILE_LEVELS), members.shape[1:]).ravel()
    cost = np.concatenate([np.zeros(m), levels, 1 - levels]) / rows
    flat = members.reshape(m, -1).T
    target = np.repeat(actual[:, :, None], len(QUANTILE_LEVELS), axis=2).ravel()
    errors = [sparse.eye(rows), -sparse.eye(rows)]
    weights = np.concatenate([np.ones(m), np.zeros(2 * rows)])
    equal = sparse.vstack([sparse.hstack([flat, *errors]), weights[None]])
    return cost, None, None, equal, np.append(target, 1.0)


def test_a_member_that_knows_less_weighs_next_to_nothing():
    # On a random walk, the close of five days ago says nothing that the last one does not say better.
    weights = fitted(members="seasonal_naive,naive").weights_
    assert weights[1] > 0.95


def test_a_member_that_stops_early_stops_on_the_newest_of_its_past():
    panel, past, _ = parts()
    learn, stop = hold_out(panel, past, 0.15)
    assert set(learn).isdisjoint(stop)
    assert (panel.dates[learn + panel.spec.horizon] <= panel.dates[stop].min()).all()
    dates = np.unique(panel.dates[past])
    assert len(np.unique(panel.dates[stop])) == len(dates) - int(0.85 * len(dates))


@pytest.mark.parametrize(("members", "message"), [
    ("", "different models"), ("drift,drift", "different models"), ("ensemble", "different models"),
    ("drift,oracle", "got 'oracle'"),
])  # fmt: skip
def test_members_that_make_no_ensemble_are_refused(members, message):
    panel, past, _ = parts()
    with pytest.raises(InputError, match=message):
        models.create("ensemble", {"members": members}).fit(panel, past, past[:0])


def test_members_are_weighed_on_tickers_that_all_of_them_knew_before():
    panel, past, test = parts()
    # BBB is listed within the newest 30 % of the dates, on which the members are weighed.
    dates = np.unique(panel.dates[past])
    late = past[(panel.tickers[past] == "AAA") | (panel.dates[past] >= dates[int(0.8 * len(dates))])]
    alone = late[panel.tickers[late] == "AAA"]
    model, other = (
        models.create("ensemble", {"members": MEMBERS, "weights": "fitted"}).fit(panel, rows, rows[:0])
        for rows in (late, alone)
    )
    assert model.models_[0].drift_.keys() == {"AAA", "BBB"}
    assert same_bits(model.offsets_, other.offsets_)
    assert np.isfinite(model.predict(panel, test).quantiles).all()


def test_a_past_too_short_to_weigh_members_on_is_refused():
    panel, past, _ = parts()
    few = past[panel.tickers[past] == "AAA"][:4]
    with pytest.raises(InputError, match="longer history or a shorter horizon"):
        models.create("ensemble", {"members": MEMBERS}).fit(panel, few, few[:0])


def test_weights_of_another_kind_are_refused():
    with pytest.raises(InputError, match="weights of the ensemble out of equal, fitted, got 'best'"):
        models.create("ensemble", {"members": MEMBERS, "weights": "best"}).fit(*parts())


def test_it_consists_of_its_members():
    assert models.parts("ensemble", {"members": "drift, har"}) == ["ensemble", "drift", "har"]
    default = models.parameters("ensemble")["members"].split(",")
    assert models.parts("ensemble", {}) == ["ensemble", *default]
    assert models.parts("drift", {}) == ["drift"]
    needed = {package for name in default for package in models.about(name).requires}
    assert set(models.about("ensemble").requires) == needed


def test_it_comes_back_from_its_folder_or_not_at_all(tmp_path):
    panel, _, test = parts()
    fitted().save(tmp_path / "model")
    again = models.create("ensemble", {"members": MEMBERS}).load(tmp_path / "model")
    assert same_bits(again.predict(panel, test).quantiles, fitted().predict(panel, test).quantiles)
    with pytest.raises(InputError, match="weights and offsets of 2 members"):
        models.create("ensemble", {"members": "drift,har"}).load(tmp_path / "model")
    state = json.loads((tmp_path / "model" / "state.json").read_text())
    for offsets in ([0.0] * 3, [[[0.0] * 6] * 3] * 3, [[0.0] * 7] * 3):
        (tmp_path / "model" / "state.json").write_text(json.dumps({**state, "offsets": offsets}))
        with pytest.raises(InputError, match=r"weights and offsets of 3 members|expected finite numbers"):
            models.create("ensemble", {"members": MEMBERS}).load(tmp_path / "model")
