"""The judge: every model beside naive on the same rows, with tests, in a table and in words."""

from dataclasses import asdict, dataclass, fields
from typing import Any, cast

import numpy as np
import pandas as pd

from pricecast.errors import InputError
from pricecast.metrics import METRICS, Slice
from pricecast.schema import FORECASTS, NAIVE
from pricecast.significance import daily_losses, diebold_mariano, holm

# The two forecasts that know nothing; claims are made against the better one.
NAIVES = (NAIVE, "ewma")
ALPHA = 0.05
# A smaller difference may be proved and still matter to nobody.
MATERIAL = 0.001
# How far in percent the reference's 90 % interval may miss its promise and still be recommended.
TOLERANCE = 3
# What a test is about: its loss per row, the metric that tells its size, the words for both.
LOSSES = {
    "crps": ("crps_losses", "crps", "CRPS", "distribution"),
    "point": ("squared_errors", "rmse", "RMSE", "point forecast"),
}
TEST = (
    "Diebold-Mariano, two-sided, on losses averaged over tickers per cutoff (squared log-return error; "
    "CRPS); HAC variance, Harvey-Leybourne-Newbold correction, Holm-adjusted over the models of this run at each "
    "horizon; differences below 0.1 % are not claimed"
)
READING_ORDER = (
    *("rmse", "skill_rmse", "dm_p_point_holm", "crps", "skill_crps", "dm_p_crps_holm"),
    *("coverage_90", "width_90", "winkler_90", "direction", "majority"),
    *("r2", "return_r2", "theils_u", "mae", "mape", "mase", "mse", "pinball", "log_loss", "qlike"),
    *("coverage_80", "width_80", "winkler_80", "coverage_50", "width_50", "winkler_50"),
    *("n_days", "n_rows"),
)
OTHER_HORIZONS = ("rmse", "crps", "coverage_90", "winkler_90", "skill_rmse", "skill_crps")


def score(forecasts: pd.DataFrame, insample_mae: pd.Series | None = None) -> pd.DataFrame:
    """Scores every model at every horizon, each against naive on the same rows.

    Args:
        forecasts: The forecasts table; rows without an actual are left out.
        insample_mae: Mean absolute one-day change of the training prices by ticker, for `mase`.

    Returns:
        Index (model, horizon), naive first. Columns: `METRICS`; `skill_rmse` and `skill_crps` (1 - x /
        naive's); `dm_point` and `dm_crps` (statistics, negative = better than naive), `dm_p_*` and, over the
        models other than naive at that horizon, `dm_p_*_holm`; the same six with `ref_` in front against the
        better of naive and ewma by CRPS; `n_days`, `n_rows`. A model has no test against itself: NaN.

    Raises:
        InputError: columns or naive are missing, prices are not above zero, or models differ in rows.
    """
    slices = _slices(forecasts, insample_mae)
    tables = {horizon: _score_horizon(group, horizon) for horizon, group in slices.items()}
    scores = pd.concat(tables, names=["horizon", "model"]).swaplevel()
    models = list(next(iter(slices.values())))
    return scores.reindex(pd.MultiIndex.from_product([models, list(tables)], names=["model", "horizon"]))


def measure(forecasts: pd.DataFrame) -> pd.DataFrame:
    """The metrics, skills and counts of `score` without its tests, index (horizon, model)."""
    tables = {horizon: _measure(group) for horizon, group in _slices(forecasts, None).items()}
    return pd.concat(tables, names=["horizon", "model"])


def _slices(forecasts: pd.DataFrame, insample_mae: pd.Series | None) -> dict[int, dict[str, Slice]]:
    """By horizon and model (naive first), all in one order of rows."""
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
        table[f"skill_{metric}"] = 1 - table[metric] / _value(table, NAIVE, metric)
    naive = slices[NAIVE]
    return table.assign(n_days=len(np.unique(naive.cutoff)), n_rows=len(naive.actual))


def _score_horizon(slices: dict[str, Slice], horizon: int) -> pd.DataFrame:
    table = _measure(slices)
    daily = {
        loss: {name: daily_losses(s.cutoff, getattr(s, field)) for name, s in slices.items()}
        for loss, (field, *_) in LOSSES.items()
    }
    against_naive = _against(NAIVE, daily, horizon)
    against_better = _against(_reference(table), daily, horizon).add_prefix("ref_")
    return table.join([against_naive, against_better])


def _reference(table: pd.DataFrame) -> str:
    """The better of naive and ewma by CRPS in a table by model; naive on a tie."""
    return str(table["crps"].loc[[name for name in NAIVES if name in table.index]].idxmin())


def _against(reference: str, daily: dict[str, dict[str, np.ndarray]], horizon: int) -> pd.DataFrame:
    """Tests every model's daily losses against the reference's; NaN for the reference itself."""
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
    first, *others = _horizons(scores)
    table = _at(scores, first)[list(READING_ORDER)]
    for horizon in others:
        table = table.join(_at(scores, horizon)[list(OTHER_HORIZONS)].add_suffix(f"_h{horizon}"))
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
    """The lowest CRPS at the shortest horizon, the first on a tie: a rank, not a claim."""
    return str(_at(scores, _horizons(scores)[0])["crps"].idxmin())


def claims(scores: pd.DataFrame) -> pd.DataFrame:
    """All that the verdict's words rest on, one row per model, horizon and loss.

    Returns:
        Columns `model`, `horizon`, `loss` (a key of `LOSSES`), `reference` (the better of naive and ewma there,
        itself without a row), `skill` (1 - metric / the reference's), `p` (Holm-adjusted) and `sign`: 1 is called
        better, -1 worse, 0 neither.
    """
    rows = []
    for horizon in _horizons(scores):
        table = _at(scores, horizon)
        for model in table.index.drop(_reference(table)):
            rows += [{"model": model, "horizon": horizon, **asdict(claim)} for claim in _claims(table, model)]
    return pd.DataFrame(rows, columns=["model", "horizon", *(field.name for field in fields(_Claim))])


def verdict(scores: pd.DataFrame) -> dict[str, Any]:
    """Says in words and figures who beat the better of naive and ewma at the shortest horizon, for JSON.

    "Better" and "worse" are said only below a Holm-adjusted p of .05, from a difference of 0.1 % on, and where test
    and metric agree; other horizons are mentioned where their outcome differs. Figures that do not exist are None.

    Returns:
        `sentence`, `best` (see `best_model`), `reference`, `horizon`, `n_days`, `test` (its description) and
        `models`: by name `sentence`, `point` (`skill_rmse`, `p`) and `intervals` (`skill_crps`, `p`) against
        the reference, `coverage_90`.
    """
    tables = {horizon: _at(scores, horizon) for horizon in _horizons(scores)}
    horizon, table = next(iter(tables.items()))
    return {
        "sentence": _overall(tables),
        "best": best_model(scores),
        "reference": _reference(table),
        "horizon": horizon,
        "n_days": int(_value(table, NAIVE, "n_days")),
        "test": TEST,
        "models": {model: _model_verdict(tables, model) for model in table.index},
    }


@dataclass(frozen=True)
class _Claim:
    """How a model's loss compares with the reference's at one horizon."""

    loss: str
    reference: str
    skill: float
    p: float
    sign: int  # 1 better, -1 worse, 0 nothing shown

    @classmethod
    def of(cls, table: pd.DataFrame, model: str, loss: str) -> "_Claim":
        reference, metric = _reference(table), LOSSES[loss][1]
        theirs = _value(table, reference, metric)
        skill = 1 - _value(table, model, metric) / theirs if theirs else float("nan")
        p = _value(table, model, f"ref_dm_p_{loss}_holm")
        # The test averages by day and in returns, the metric does not: a claim needs both on one side.
        agree = np.sign(skill) == -np.sign(_value(table, model, f"ref_dm_{loss}"))
        shown = p < ALPHA and agree and abs(skill) >= MATERIAL
        return cls(loss, reference, skill, p, int(np.sign(skill)) if shown else 0)

    def text(self, than: str = "") -> str:
        _, _, metric, subject = LOSSES[self.loss]
        percent = 100 * abs(self.skill)
        if self.sign:
            word = "better" if self.sign > 0 else "worse"
            return f"{subject} {percent:.1f} % {word}{than} ({metric}, {_p_text(self.p)})"
        change = round(-100 * self.skill, 1)
        word = "not reliably better" if change < 0 else "no better"
        size = f" {abs(change):.1f} % {'lower' if change < 0 else 'higher'}" if change else " the same"
        return f"{subject} {word}{than} ({metric}{size if np.isfinite(change) else ''}, {_p_text(self.p)})"


def _claims(table: pd.DataFrame, model: str) -> list[_Claim]:
    return [_Claim.of(table, model, loss) for loss in LOSSES]


def _model_verdict(tables: dict[int, pd.DataFrame], model: str) -> dict[str, Any]:
    table = next(iter(tables.values()))
    distribution, point = _claims(table, model)
    coverage = _value(table, model, "coverage_90")
    words = f"{distribution.text(f' than {distribution.reference}')}, {point.text()}"
    if model == distribution.reference:
        words = "the reference"
    return {
        "sentence": f"{model}: {words}; its 90 % interval held {coverage:.1f} % of the time."
        + "".join(_elsewhere(tables, model, claim) for claim in (distribution, point)),
        "point": {"skill_rmse": _number(point.skill), "p": _number(point.p)},
        "intervals": {"skill_crps": _number(distribution.skill), "p": _number(distribution.p)},
        "coverage_90": _number(coverage),
    }


def _elsewhere(tables: dict[int, pd.DataFrame], model: str, first: _Claim) -> str:
    """Names the longer horizons at which the claim comes out otherwise."""
    words = {1: "better", 0: "no better", -1: "worse"}
    found: dict[str, list[str]] = {}
    for horizon, table in tables.items():
        claim = _Claim.of(table, model, first.loss)
        if claim.sign != first.sign:
            outcome = f"{LOSSES[first.loss][3]} {words[claim.sign]} than {claim.reference}"
            found.setdefault(outcome, []).append(str(horizon))
    return "".join(f" At horizon {', '.join(horizons)}: {text}." for text, horizons in found.items())


def _overall(tables: dict[int, pd.DataFrame]) -> str:
    table, *later = tables.values()
    reference, n = _reference(table), int(_value(table, NAIVE, "n_days"))
    winners = _winners(table)
    days = f"{n} day" if n == 1 else f"{n} days"
    if winners:
        # Better ones first, but what it is not better at stands beside them.
        claims = sorted(_claims(table, winners[0]), key=lambda claim: -claim.sign)
        text = f"{winners[0]} beats {reference} on {days}: {', '.join(claim.text() for claim in claims)}."
        text += f" So do, in one or the other: {', '.join(winners[1:])}." if winners[1:] else ""
    elif len(table) == 1:
        text = f"Only {reference} was judged, on {days}: {_advice(tables)}."
    elif table[["ref_dm_p_point", "ref_dm_p_crps"]].isna().to_numpy().all():
        text = f"Too few days ({n}) to tell any model from {reference}."
    else:
        text = f"Nothing beats {reference} on {days}: {_advice(tables)}."
    return text + "".join(_later(dict(zip(list(tables)[1:], later, strict=True)), winners))


def _later(later: dict[int, pd.DataFrame], winners: list[str]) -> list[str]:
    """A sentence per outcome that differs from that of the shortest horizon, with the horizons that share it."""
    outcomes: dict[str, list[int]] = {}
    for horizon, table in later.items():
        if set(_winners(table)) != set(winners):
            found = ", ".join(_winners(table)) or "nothing"
            word = "beat" if len(_winners(table)) > 1 else "beats"
            outcomes.setdefault(f"{found} {word} {_reference(table)}", []).append(horizon)
    return [f" At {_listed(horizons)} {outcome}." for outcome, horizons in outcomes.items()]


def _listed(horizons: list[int]) -> str:
    return f"horizon{'s' if len(horizons) > 1 else ''} {', '.join(map(str, horizons))}"


def _advice(tables: dict[int, pd.DataFrame]) -> str:
    """What to use when nothing beats the reference: its intervals, if they keep their promise at every horizon."""
    reference = _reference(next(iter(tables.values())))
    held = [_value(table, reference, "coverage_90") for table in tables.values()]
    low, high = f"{min(held):.1f}", f"{max(held):.1f}"
    text = f"{high} %" if low == high else f"{low} to {high} % at horizons {min(tables)} to {max(tables)}"
    if max(abs(coverage - 90) for coverage in held) <= TOLERANCE:
        return f"use its intervals (the 90 % one held {text}), not anybody's point forecast"
    return f"trust nobody's point forecast, nor its 90 % interval, which held {text}"


def _winners(table: pd.DataFrame) -> list[str]:
    """Models better than the reference in distribution or point forecast and worse in neither, best CRPS first."""
    ranked = table.sort_values("crps", kind="stable").index
    signs = {str(model): [claim.sign for claim in _claims(table, str(model))] for model in ranked}
    return [model for model, found in signs.items() if max(found) > 0 and min(found) >= 0]


def _horizons(scores: pd.DataFrame) -> list[int]:
    return sorted(int(horizon) for horizon in scores.index.unique("horizon"))


def _at(scores: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """The scores at one horizon, by model."""
    return cast(pd.DataFrame, scores.xs(horizon, level="horizon"))


def _value(table: pd.DataFrame, model: str, column: str) -> float:
    return float(cast(float, table.at[model, column]))


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _p_text(p: float) -> str:
    if np.isnan(p):
        return "too few days to test"
    if p < 0.001:
        return "p < .001"
    return "p = 1" if p > 0.995 else f"p = {p:.{3 if p < 0.1 else 2}f}".replace("0.", ".")
