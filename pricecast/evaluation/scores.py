"""The judge: every model beside naive on the same rows, with tests, in a table; `verdict` has the words."""

from typing import cast

import numpy as np
import pandas as pd

from pricecast.errors import InputError
from pricecast.evaluation.metrics import METRICS, Slice
from pricecast.schema import FORECASTS, NAIVE
from pricecast.statistics.confidence_set import model_confidence_set
from pricecast.statistics.significance import daily_losses, diebold_mariano, diebold_mariano_over_horizons, holm

# The two forecasts that know nothing; claims are made against the better one.
NAIVES = (NAIVE, "ewma")
# What a test is about: its loss per row, the metric that tells its size, the words for both.
LOSSES = {
    "crps": ("crps_losses", "crps", "CRPS", "distribution"),
    "point": ("squared_errors", "rmse", "RMSE", "point forecast"),
}
# Tested as well, without a claim of its own: CRPS has judged the intervals already.
TESTED = {**{loss: field for loss, (field, *_) in LOSSES.items()}, "winkler": "winkler_losses"}
READING_ORDER = (
    *("rmse", "skill_rmse", "dm_p_point_holm", "crps", "skill_crps", "dm_p_crps_holm", "mcs_p"),
    *("coverage_90", "width_90", "winkler_90", "direction", "majority"),
    *("r2", "return_r2", "theils_u", "mae", "mape", "mase", "mse", "pinball", "log_loss", "qlike"),
    *("coverage_80", "width_80", "winkler_80", "coverage_50", "width_50", "winkler_50"),
    *("n_days", "n_rows"),
)
OTHER_HORIZONS = ("rmse", "crps", "coverage_90", "winkler_90", "skill_rmse", "skill_crps")


def score(forecasts: pd.DataFrame, insample_mae: pd.Series | None = None) -> pd.DataFrame:
    """Score every model at every horizon, each against naive on the same rows.

    Args:
        forecasts: The forecasts table; rows without an actual are left out.
        insample_mae: Mean absolute one-day change of the training prices by ticker, for `mase`.

    Returns:
        Index (model, horizon), naive first. Columns: `METRICS`; `skill_rmse` and `skill_crps` (1 - x /
        naive's); `dm_point`, `dm_crps` and `dm_winkler` (statistics, negative = better than naive; the last of
        the 90 % interval), `dm_p_*` and, over the models other than naive at that horizon, `dm_p_*_holm`; the same
        with `ref_` in front against the better of naive and ewma by CRPS; `n_days`, `n_rows`. A model has no test
        against itself: NaN. At the shortest horizon alone: `ref_dm_all`, `ref_dm_p_all`, `ref_dm_p_all_holm` (the
        CRPS over all horizons together), and `mcs_p` (see `model_confidence_set`, on the CRPS).

    Raises:
        InputError: columns or naive are missing, prices are not above zero, or models differ in rows.
    """
    slices = slices_of(forecasts, insample_mae)
    tables = {horizon: _score_horizon(group, horizon) for horizon, group in slices.items()}
    first = min(tables)
    tables[first] = tables[first].join(_over_horizons(slices, reference_of(tables[first])))
    scores = pd.concat(tables, names=["horizon", "model"]).swaplevel()
    models = list(next(iter(slices.values())))
    return scores.reindex(pd.MultiIndex.from_product([models, list(tables)], names=["model", "horizon"]))


def measure(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Return the metrics, skills and counts of `score` without its tests, index (horizon, model)."""
    tables = {horizon: _measure(group) for horizon, group in slices_of(forecasts).items()}
    return pd.concat(tables, names=["horizon", "model"])


def slices_of(forecasts: pd.DataFrame, insample_mae: pd.Series | None = None) -> dict[int, dict[str, Slice]]:
    """Return the rows by horizon and model (naive first), all in one order of tickers and cutoffs.

    Raises:
        InputError: as `score`.
    """
    missing = [name for name in FORECASTS if name not in forecasts.columns]
    if missing:
        raise InputError(f"expected a forecasts table, got one without {', '.join(missing)}")
    table = forecasts[forecasts["actual"].notna()]
    if not table["model"].eq(NAIVE).any():
        raise InputError(
            f"expected rows of the model {NAIVE} whose actual is known, got none: forecast with it as well, "
            "from cutoffs whose future has come"
        )
    ticker, tickers = pd.factorize(table["ticker"])
    row = pd.factorize(table["cutoff"], sort=True)[0] * len(tickers) + ticker
    code, models = pd.factorize(table["model"])
    horizons = table["horizon"].to_numpy()
    result: dict[int, dict[str, Slice]] = {}
    for horizon in np.unique(horizons):
        group = result[int(horizon)] = {}
        expected = np.sort(row[(horizons == horizon) & (code == list(models).index(NAIVE))])
        for model in sorted(models, key=lambda name: name != NAIVE):
            index = np.flatnonzero((horizons == horizon) & (code == list(models).index(model)))
            index = index[np.argsort(row[index])]
            once = index.size > 0 and (np.diff(expected) > 0).all()
            if not (once and np.array_equal(row[index], expected)):
                raise _differs(model, int(horizon))
            group[str(model)] = Slice.of(table.iloc[index], insample_mae)
            if not _same_future(group[str(model)], group[NAIVE]):
                raise _differs(model, int(horizon))
    return result


def _same_future(a: Slice, b: Slice) -> bool:
    pairs = ((a.last_close, b.last_close), (a.actual, b.actual))
    return all(np.allclose(x, y, rtol=1e-9, atol=0) for x, y in pairs)


def _differs(model: str, horizon: int) -> InputError:
    return InputError(
        "expected every model to forecast the same tickers and cutoffs, once each, with the same last close "
        f"and actual; {model} does not at horizon {horizon}: forecast with all of them on the same data"
    )


def _measure(slices: dict[str, Slice]) -> pd.DataFrame:
    rows = {name: {metric: f(s) for metric, f in METRICS.items()} for name, s in slices.items()}
    table = pd.DataFrame.from_dict(rows, orient="index")
    for metric in ("rmse", "crps"):
        table[f"skill_{metric}"] = 1 - table[metric] / value(table, NAIVE, metric)
    naive = slices[NAIVE]
    return table.assign(n_days=len(np.unique(naive.cutoff)), n_rows=len(naive.actual))


def _score_horizon(slices: dict[str, Slice], horizon: int) -> pd.DataFrame:
    table = _measure(slices)
    daily = {
        loss: {name: daily_losses(s.cutoff, getattr(s, field)) for name, s in slices.items()}
        for loss, field in TESTED.items()
    }
    against_naive = _against(NAIVE, daily, horizon)
    against_better = _against(reference_of(table), daily, horizon).add_prefix("ref_")
    return table.join([against_naive, against_better])


def _over_horizons(slices: dict[int, dict[str, Slice]], reference: str) -> pd.DataFrame:
    """Test over all horizons together, and the Model Confidence Set at the shortest one; index model."""
    first = min(slices)
    losses = {
        name: pd.DataFrame({horizon: _daily_crps(group[name]) for horizon, group in slices.items()})
        for name in slices[first]
    }
    tests = {
        name: diebold_mariano_over_horizons(own, losses[reference], losses[NAIVE])
        for name, own in losses.items()
        if name != reference
    }
    p_values = np.array([test.p_value for test in tests.values()], float)
    table = pd.DataFrame(index=list(losses))
    for column, values in {
        "ref_dm_all": [test.statistic for test in tests.values()],
        "ref_dm_p_all": p_values,
        "ref_dm_p_all_holm": holm(p_values),
    }.items():
        table[column] = pd.Series(values, list(tests), dtype=float)
    daily = pd.DataFrame({name: own[first].dropna() for name, own in losses.items()})
    return table.assign(mcs_p=model_confidence_set(daily, first))


def _daily_crps(s: Slice) -> pd.Series:
    return pd.Series(daily_losses(s.cutoff, s.crps_losses), np.unique(s.cutoff))


def reference_of(table: pd.DataFrame) -> str:
    """Return the better of naive and ewma by CRPS in a table by model; naive on a tie."""
    return str(table["crps"].loc[[name for name in NAIVES if name in table.index]].idxmin())


def _against(reference: str, daily: dict[str, dict[str, np.ndarray]], horizon: int) -> pd.DataFrame:
    """Test every model's daily losses against the reference's; NaN for the reference itself."""
    columns: dict[str, pd.Series] = {}
    for loss, by_model in daily.items():
        others = [model for model in by_model if model != reference]
        tests = [diebold_mariano(by_model[model], by_model[reference], horizon) for model in others]
        p_values = np.array([test.p_value for test in tests], float)
        columns[f"dm_{loss}"] = pd.Series([test.statistic for test in tests], others, dtype=float)
        columns[f"dm_p_{loss}"] = pd.Series(p_values, others)
        columns[f"dm_p_{loss}_holm"] = pd.Series(holm(p_values), others)
    return pd.DataFrame(columns, index=list(daily["crps"]))


def leaderboard(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per model, naive first, then by CRPS: the shortest horizon in full, the main metrics of others.

    Returns:
        Columns `model`, `horizon` (the shortest one), its scores, `rmse_h5` and its like for other horizons.
    """
    first, *others = horizons(scores)
    table = at(scores, first)[list(READING_ORDER)]
    for horizon in others:
        table = table.join(at(scores, horizon)[list(OTHER_HORIZONS)].add_suffix(f"_h{horizon}"))
    table = table.sort_values("crps", kind="stable")
    table = table.loc[sorted(table.index, key=lambda model: model != NAIVE)]
    table.insert(0, "horizon", first)
    return table.rename_axis("model").reset_index()


def headline(scores: pd.DataFrame, model: str) -> dict[str, float]:
    """One model's finite scores by flat name: `test_rmse` at horizon 1, `test_rmse_h5` at horizon 5."""
    own = cast(pd.DataFrame, scores.xs(model, level="model"))
    own = own.drop(columns=list(scores.filter(regex="^ref_").columns))
    return {
        f"test_{name}" + ("" if horizon == 1 else f"_h{horizon}"): float(value)
        for horizon, row in own.to_dict(orient="index").items()
        for name, value in row.items()
        if np.isfinite(value)
    }


def best_model(scores: pd.DataFrame) -> str:
    """Return the lowest CRPS at the shortest horizon, the first on a tie: a rank, not a claim."""
    return str(at(scores, horizons(scores)[0])["crps"].idxmin())


def horizons(scores: pd.DataFrame) -> list[int]:
    """Return the horizons of `score`, shortest first."""
    return sorted(int(horizon) for horizon in scores.index.unique("horizon"))


def at(scores: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """Return the scores at one horizon, by model."""
    return cast(pd.DataFrame, scores.xs(horizon, level="horizon"))


def value(table: pd.DataFrame, model: str, column: str) -> float:
    """One figure of a table by model."""
    return float(cast(float, table.at[model, column]))
