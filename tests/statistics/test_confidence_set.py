import math

import numpy as np
import pandas as pd
import pytest
from arch.bootstrap import CircularBlockBootstrap, optimal_block_length

from pricecast.statistics.confidence_set import DRAWS, SIZE, model_confidence_set


def losses(seed: int, days: int = 200, models: str = "abcd", horizon: int = 1, **worse: float) -> pd.DataFrame:
    """Losses of forecasts that are equally wrong on the same outcomes, some a little more so."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal((len(models) + 1, days + horizon - 1))
    actual, *errors = (np.convolve(x, np.ones(horizon), "valid") for x in steps)
    noise = {name: 0.5 + worse.get(name, 0.0) for name in models}
    return pd.DataFrame({name: (actual - noise[name] * e) ** 2 for name, e in zip(models, errors, strict=True)})


def slowly(table: pd.DataFrame, horizon: int, seed: int) -> dict[str, float]:
    """The published procedure in plain loops: test all, drop the worst, test the rest; p-values never fall."""
    means = table.mean()
    best = means.idxmin()
    lengths = [float(optimal_block_length(table[m] - table[best])["circular"].iloc[0]) for m in table if m != best]
    length = max(horizon, math.ceil(sum(lengths) / len(lengths)))
    bootstrap = CircularBlockBootstrap(length, np.arange(len(table)), seed=seed)
    draws = [table.to_numpy()[days[0]].mean(axis=0) for days, _ in bootstrap.bootstrap(DRAWS)]
    names, where = list(table), {name: i for i, name in enumerate(table)}
    error = {}
    for a in names:
        for b in names:
            gaps = [draw[where[a]] - draw[where[b]] - (means[a] - means[b]) for draw in draws]
            error[a, b] = math.sqrt(sum(gap**2 for gap in gaps) / DRAWS)
    p_values, highest = {}, 0.0
    while len(names) > 1:
        pairs = [(a, b) for a in names for b in names if a != b]
        ratio = {(a, b): (means[a] - means[b]) / error[a, b] for a, b in pairs}
        worst = max(pairs, key=lambda pair: ratio[pair])
        beyond = 0
        for draw in draws:
            widest = max((draw[where[a]] - draw[where[b]] - (means[a] - means[b])) / error[a, b] for a, b in pairs)
            beyond += widest > ratio[worst]
        highest = max(highest, beyond / DRAWS)
        p_values[worst[0]] = highest
        names.remove(worst[0])
    return {**p_values, names[0]: 1.0}


@pytest.mark.parametrize(("horizon", "seed"), [(1, 0), (5, 3)])
def test_p_values_are_those_of_plain_loops(horizon: int, seed: int) -> None:
    table = losses(seed, 120, horizon=horizon, c=0.15, d=0.3)
    p_values = model_confidence_set(table, horizon, seed)
    assert list(p_values.index) == list("abcd")
    assert p_values.to_dict() == pytest.approx(slowly(table, horizon, seed))
    assert 0 < p_values.min() < p_values.max() == 1


def test_equals_stay_together_about_as_often_as_promised() -> None:
    sets = [model_confidence_set(losses(seed, 250), seed=seed).gt(SIZE) for seed in range(40)]
    assert sum(members.all() for members in sets) >= 0.8 * 40
    assert sum(members["a"] for members in sets) >= 0.9 * 40


def test_a_worse_model_leaves_and_the_best_stays() -> None:
    sets = [model_confidence_set(losses(seed, 250, d=0.5), seed=seed) for seed in range(20)]
    assert sum(p["d"] <= SIZE for p in sets) >= 19
    assert sum(p["a"] > SIZE for p in sets) >= 18
    assert all(p.drop("d").max() == 1 for p in sets)


def test_one_wild_model_does_not_hide_what_the_others_show() -> None:
    table = losses(1, 250, d=0.6)
    before = model_confidence_set(table)
    table["wild"] = table["a"]
    table.loc[100, "wild"] = 1e6
    after = model_confidence_set(table)
    assert before["d"] <= SIZE
    assert after["d"] <= SIZE


def test_twins_share_a_p_value_and_cost_nothing() -> None:
    table = losses(2, c=0.1)
    alone = model_confidence_set(table)
    twins = model_confidence_set(table.assign(c2=table["c"], a2=table["a"] * (1 + 1e-13)))
    assert twins[list("abcd")].equals(alone)
    assert twins["c2"] == alone["c"]
    assert twins["a2"] == alone["a"]


def test_worse_by_the_same_amount_every_day_is_out_for_certain() -> None:
    table = losses(2)
    alone = model_confidence_set(table)
    p_values = model_confidence_set(table.assign(z=table["a"] + 0.01, y=table["d"] - 0.01))
    assert p_values["z"] == 0
    assert p_values["d"] == 0
    assert model_confidence_set(table[["a"]].assign(b=table["a"] + 1)).tolist() == [1, 0]
    assert alone.min() > 0


def test_equal_means_of_different_losses_are_no_difference() -> None:
    days = np.random.default_rng(0).integers(0, 2, 100).astype(float)
    table = pd.DataFrame({"a": days, "b": 1 - days, "c": np.roll(days, 3), "d": np.roll(days, 7)})
    table["b"] += days.mean() - table["b"].mean()
    assert model_confidence_set(table).gt(0.9).all()
    zeros = pd.DataFrame(np.zeros((60, 3)), columns=list("abc"))
    assert model_confidence_set(zeros).eq(1).all()


def test_the_order_of_columns_does_not_matter() -> None:
    table = losses(4, c=0.1).assign(e=lambda t: t["b"])
    p_values = model_confidence_set(table)
    for order in ("edcba", "badce"):
        assert model_confidence_set(table[list(order)]).to_dict() == p_values.to_dict()
        assert list(model_confidence_set(table[list(order)]).index) == list(order)


def test_the_same_seed_gives_the_same_set() -> None:
    table = losses(5)
    assert model_confidence_set(table, seed=7).equals(model_confidence_set(table, seed=7))
    assert not model_confidence_set(table, seed=7).equals(model_confidence_set(table, seed=8))


def test_the_unit_of_the_losses_does_not_matter() -> None:
    table = losses(6, c=0.1)
    assert model_confidence_set(1e-9 * table).to_dict() == pytest.approx(model_confidence_set(table).to_dict())


def test_one_model_is_the_best() -> None:
    assert model_confidence_set(losses(0, models="a")).to_dict() == {"a": 1.0}


def test_losses_that_are_none_are_left_out() -> None:
    table = losses(7, c=0.1)
    expected = model_confidence_set(table)
    p_values = model_confidence_set(table.assign(e=math.inf, f=table["a"].where(table.index > 0)))
    assert p_values[["e", "f"]].isna().all()
    assert p_values.drop(["e", "f"]).equals(expected)
    assert model_confidence_set(table[["a"]] * math.nan).isna().all()


@pytest.mark.parametrize(
    ("days", "horizon", "enough"), [(49, 1, False), (50, 1, True), (99, 10, False), (100, 10, True)]
)
def test_too_few_days_are_no_test(days: int, horizon: int, enough: bool) -> None:
    p_values = model_confidence_set(losses(0, days, horizon=horizon), horizon)
    assert p_values.notna().all() if enough else p_values.isna().all()
