"""The verdict: who beats the better of naive and ewma, in words and figures that only a test may lead to."""

from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from pricecast.evaluation.scores import LOSSES, at, best_model, horizons, reference_of, value
from pricecast.schema import NAIVE

ALPHA = 0.05
# A smaller difference may be proved and still matter to nobody.
MATERIAL = 0.001
# How far in percent the reference's 90 % interval may miss its promise and still be recommended.
TOLERANCE = 3
TEST = (
    "Diebold-Mariano, two-sided, on losses averaged over tickers per cutoff (squared log-return error; "
    "CRPS); HAC variance, Harvey-Leybourne-Newbold correction, Holm-adjusted over the models of this run at each "
    "horizon; differences below 0.1 % are not claimed"
)


def claims(scores: pd.DataFrame) -> pd.DataFrame:
    """All that the verdict's words rest on, one row per model, horizon and loss.

    Returns:
        Columns `model`, `horizon`, `loss` (a key of `LOSSES`), `reference` (the better of naive and ewma there,
        itself without a row), `skill` (1 - metric / the reference's), `p` (Holm-adjusted) and `sign`: 1 is called
        better, -1 worse, 0 neither.
    """
    rows = []
    for horizon in horizons(scores):
        table = at(scores, horizon)
        for model in table.index.drop(reference_of(table)):
            rows += [{"model": model, "horizon": horizon, **asdict(claim)} for claim in _claims(table, model)]
    return pd.DataFrame(rows, columns=["model", "horizon", *(field.name for field in fields(_Claim))])


def verdict(scores: pd.DataFrame) -> dict[str, Any]:
    """Say in words and figures who beat the better of naive and ewma at the shortest horizon, for JSON.

    "Better" and "worse" are said only below a Holm-adjusted p of .05, from a difference of 0.1 % on, and where test
    and metric agree; other horizons are mentioned where their outcome differs. Figures that do not exist are None.

    Returns:
        `sentence`, `best` (see `best_model`), `reference`, `horizon`, `n_days`, `test` (its description) and
        `models`: by name `sentence`, `point` (`skill_rmse`, `p`) and `intervals` (`skill_crps`, `p`) against
        the reference, `coverage_90`.
    """
    tables = {horizon: at(scores, horizon) for horizon in horizons(scores)}
    horizon, table = next(iter(tables.items()))
    return {
        "sentence": _overall(tables),
        "best": best_model(scores),
        "reference": reference_of(table),
        "horizon": horizon,
        "n_days": int(value(table, NAIVE, "n_days")),
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
        reference, metric = reference_of(table), LOSSES[loss][1]
        theirs = value(table, reference, metric)
        skill = 1 - value(table, model, metric) / theirs if theirs else float("nan")
        p = value(table, model, f"ref_dm_p_{loss}_holm")
        # The test averages by day and in returns, the metric does not: a claim needs both on one side.
        agree = np.sign(skill) == -np.sign(value(table, model, f"ref_dm_{loss}"))
        shown = p < ALPHA and agree and abs(skill) >= MATERIAL
        return cls(loss, reference, skill, p, int(np.sign(skill)) if shown else 0)

    def text(self, than: str = "") -> str:
        _, _, metric, subject = LOSSES[self.loss]
        percent = 100 * abs(self.skill)
        if self.sign:
            word = "better" if self.sign > 0 else "worse"
            return f"{subject} {percent:.1f} % {word}{than} ({metric}, {p_text(self.p)})"
        change = round(-100 * self.skill, 1)
        word = "not reliably better" if change < 0 else "no better"
        size = f" {abs(change):.1f} % {'lower' if change < 0 else 'higher'}" if change else " the same"
        return f"{subject} {word}{than} ({metric}{size if np.isfinite(change) else ''}, {p_text(self.p)})"


def _claims(table: pd.DataFrame, model: str) -> list[_Claim]:
    return [_Claim.of(table, model, loss) for loss in LOSSES]


def _model_verdict(tables: dict[int, pd.DataFrame], model: str) -> dict[str, Any]:
    table = next(iter(tables.values()))
    distribution, point = _claims(table, model)
    coverage = value(table, model, "coverage_90")
    words = f"{distribution.text(f' than {distribution.reference}')}, {point.text()}"
    if model == distribution.reference:
        words = "the reference"
    return {
        "sentence": f"{model}: {words}; its 90 % interval held {coverage:.1f} % of the time."
        + "".join(_elsewhere(tables, model, claim) for claim in (distribution, point)),
        "point": {"skill_rmse": number(point.skill), "p": number(point.p)},
        "intervals": {"skill_crps": number(distribution.skill), "p": number(distribution.p)},
        "coverage_90": number(coverage),
    }


def _elsewhere(tables: dict[int, pd.DataFrame], model: str, first: _Claim) -> str:
    """Name the longer horizons at which the claim comes out otherwise."""
    words = {1: "better", 0: "no better", -1: "worse"}
    found: dict[str, list[str]] = {}
    for horizon, table in tables.items():
        claim = _Claim.of(table, model, first.loss)
        if claim.sign != first.sign:
            outcome = f"{LOSSES[first.loss][3]} {words[claim.sign]} than {claim.reference}"
            found.setdefault(outcome, []).append(str(horizon))
    return "".join(f" At horizon {', '.join(others)}: {text}." for text, others in found.items())


def _overall(tables: dict[int, pd.DataFrame]) -> str:
    table, *later = tables.values()
    reference, n = reference_of(table), int(value(table, NAIVE, "n_days"))
    winners = winning(table)
    days = f"{n:,} day" if n == 1 else f"{n:,} days"
    if winners:
        # Better ones first, but what it is not better at stands beside them.
        claims = sorted(_claims(table, winners[0]), key=lambda claim: -claim.sign)
        text = f"{winners[0]} beats {reference} on {days}: {', '.join(claim.text() for claim in claims)}."
        text += f" So do, in one or the other: {', '.join(winners[1:])}." if winners[1:] else ""
    elif len(table) == 1:
        text = f"Only {reference} was judged, on {days}: {_advice(tables)}."
    elif untested(table):
        text = f"Too few days ({n}) to tell any model from {reference}."
    else:
        text = f"Nothing beats {reference} on {days}: {_advice(tables)}."
    return text + "".join(_later(dict(zip(list(tables)[1:], later, strict=True)), winners))


def _later(later: dict[int, pd.DataFrame], winners: list[str]) -> list[str]:
    """Return a sentence per outcome that differs from that of the shortest horizon, with the horizons that share it."""
    outcomes: dict[str, list[int]] = {}
    for horizon, table in later.items():
        if set(winning(table)) != set(winners):
            names = ", ".join(winning(table)) or "nothing"
            word = "beat" if len(winning(table)) > 1 else "beats"
            outcomes.setdefault(f"{names} {word} {reference_of(table)}", []).append(horizon)
    return [f" At {listed(found)} {outcome}." for outcome, found in outcomes.items()]


def listed(found: list[int]) -> str:
    """Horizons in words."""
    return f"horizon{'s' if len(found) > 1 else ''} {', '.join(map(str, found))}"


def _advice(tables: dict[int, pd.DataFrame]) -> str:
    """What to use when nothing beats the reference: its intervals, if they keep their promise at every horizon."""
    reference = reference_of(next(iter(tables.values())))
    held = {horizon: value(table, reference, "coverage_90") for horizon, table in tables.items()}
    if _kept(held):
        return f"use its intervals (the 90 % one held {_range(held)}), not anybody's point forecast"
    return f"trust nobody's point forecast, nor its 90 % interval, which held {_range(held)}"


def _kept(held: dict[int, float]) -> bool:
    return max(abs(coverage - 90) for coverage in held.values()) <= TOLERANCE


def _range(held: dict[int, float]) -> str:
    low, high = f"{min(held.values()):.1f}", f"{max(held.values()):.1f}"
    return f"{high} %" if low == high else f"{low} to {high} % at horizons {min(held)} to {max(held)}"


def winning(table: pd.DataFrame) -> list[str]:
    """Models better than the reference in distribution or point forecast and worse in neither, best CRPS first."""
    ranked = table.sort_values("crps", kind="stable").index
    signs = {str(model): [claim.sign for claim in _claims(table, str(model))] for model in ranked}
    return [model for model, found in signs.items() if max(found) > 0 and min(found) >= 0]


def untested(table: pd.DataFrame) -> bool:
    """Return whether no test of a model against the reference could be made at a horizon, for want of days."""
    return bool(table[["ref_dm_p_point", "ref_dm_p_crps"]].isna().to_numpy().all())


def number(figure: float) -> float | None:
    """Return a figure for JSON."""
    return figure if np.isfinite(figure) else None


def p_text(p: float) -> str:
    """Return a p-value in words."""
    if np.isnan(p):
        return "too few days to test"
    if p < 0.001:
        return "p < .001"
    return "p = 1" if p > 0.995 else f"p = {p:.{3 if p < 0.1 else 2}f}".replace("0.", ".")
