"""The verdict: who beats the better of naive and ewma, in words and figures that only a test may lead to."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from pricecast.evaluation.claims import Claim, model_claims, untested, winners
from pricecast.evaluation.scores import LOSSES, at_horizon, best_model, entry, horizons, reference_of
from pricecast.schema import NAIVE

# How far in percent the reference's 90 % interval may miss its promise and still be recommended.
TOLERANCE = 3
TEST = (
    "Diebold-Mariano, two-sided, on losses averaged over tickers per cutoff (squared log-return error; "
    "CRPS); HAC variance, Harvey-Leybourne-Newbold correction, Holm-adjusted over the models of this run at each "
    "horizon; differences below 0.1 % are not claimed"
)


def verdict(scores: pd.DataFrame, left_out: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    """Say in words and figures who beat the better of naive and ewma at the shortest horizon, for JSON.

    "Better" and "worse" are said only below a Holm-adjusted p of .05, from a difference of 0.1 % on, and where test
    and metric agree; other horizons are mentioned where their outcome differs. Figures that do not exist are None.

    Args:
        scores: result of `scores.score`.
        left_out: reasons for which models were not judged, by label.

    Returns:
        `sentence`, `left_out`, `best` (see `best_model`), `recommended` (the first winner, else the reference),
        `reference`, `horizon`, `n_days`, `test` (its description) and `models`: by name `sentence`, `point`
        (`skill_rmse`, `p`) and `intervals` (`skill_crps`, `p`) against the reference, `coverage_90`.
    """
    tables = {horizon: at_horizon(scores, horizon) for horizon in horizons(scores)}
    horizon, table = next(iter(tables.items()))
    return {
        "sentence": _overall(tables) + (f" Left out: {', '.join(left_out)}." if left_out else ""),
        "left_out": dict(left_out),
        "best": best_model(scores),
        "recommended": next(iter(winners(table)), reference_of(table)),
        "reference": reference_of(table),
        "horizon": horizon,
        "n_days": int(entry(table, NAIVE, "n_days")),
        "test": TEST,
        "models": {model: _model_verdict(tables, model) for model in table.index},
    }


def _claim_text(claim: Claim, than: str = "") -> str:
    _, _, metric, subject = LOSSES[claim.loss]
    percent = 100 * abs(claim.skill)
    if claim.sign:
        word = "better" if claim.sign > 0 else "worse"
        return f"{subject} {percent:.1f} % {word}{than} ({metric}, {p_text(claim.p)})"
    change = round(-100 * claim.skill, 1)
    word = "not reliably better" if change < 0 else "no better"
    size = f" {abs(change):.1f} % {'lower' if change < 0 else 'higher'}" if change else " the same"
    return f"{subject} {word}{than} ({metric}{size if np.isfinite(change) else ''}, {p_text(claim.p)})"


def _model_verdict(tables: dict[int, pd.DataFrame], model: str) -> dict[str, Any]:
    table = next(iter(tables.values()))
    distribution, point = model_claims(table, model)
    coverage = entry(table, model, "coverage_90")
    words = f"{_claim_text(distribution, f' than {distribution.reference}')}, {_claim_text(point)}"
    if model == distribution.reference:
        words = "the reference"
    return {
        "sentence": f"{model}: {words}; its 90 % interval held {coverage:.1f} % of the time."
        + "".join(_elsewhere(tables, model, claim) for claim in (distribution, point)),
        "point": {"skill_rmse": number(point.skill), "p": number(point.p)},
        "intervals": {"skill_crps": number(distribution.skill), "p": number(distribution.p)},
        "coverage_90": number(coverage),
    }


def _elsewhere(tables: dict[int, pd.DataFrame], model: str, first: Claim) -> str:
    """Return a sentence on the longer horizons at which the claim comes out otherwise."""
    words = {1: "better", 0: "no better", -1: "worse"}
    outcomes: dict[str, list[str]] = {}
    for horizon, table in tables.items():
        claim = Claim.of(table, model, first.loss)
        if claim.sign != first.sign:
            outcome = f"{LOSSES[first.loss][3]} {words[claim.sign]} than {claim.reference}"
            outcomes.setdefault(outcome, []).append(str(horizon))
    return "".join(f" At horizon {', '.join(others)}: {outcome}." for outcome, others in outcomes.items())


def _overall(tables: dict[int, pd.DataFrame]) -> str:
    table, *later = tables.values()
    reference, n = reference_of(table), int(entry(table, NAIVE, "n_days"))
    better = winners(table)
    days = f"{n:,} day" if n == 1 else f"{n:,} days"
    if better:
        # Better ones first, but what it is not better at stands beside them.
        claims = sorted(model_claims(table, better[0]), key=lambda claim: -claim.sign)
        text = f"{better[0]} beats {reference} on {days}: {', '.join(map(_claim_text, claims))}."
        text += f" So do, in one or the other: {', '.join(better[1:])}." if better[1:] else ""
    elif len(table) == 1:
        text = f"Only {reference} was judged, on {days}: {_advice(tables)}."
    elif untested(table):
        text = f"Too few days ({n}) to tell any model from {reference}."
    else:
        text = f"Nothing beats {reference} on {days}: {_advice(tables)}."
    return text + "".join(_later(dict(zip(list(tables)[1:], later, strict=True)), better))


def _later(later: dict[int, pd.DataFrame], first_winners: list[str]) -> list[str]:
    """Return a sentence per outcome that differs from the shortest horizon's, with the horizons that share it."""
    outcomes: dict[str, list[int]] = {}
    for horizon, table in later.items():
        better = winners(table)
        if set(better) != set(first_winners):
            names = ", ".join(better) or "nothing"
            word = "beat" if len(better) > 1 else "beats"
            outcomes.setdefault(f"{names} {word} {reference_of(table)}", []).append(horizon)
    return [f" At {horizons_text(shared)} {outcome}." for outcome, shared in outcomes.items()]


def horizons_text(numbers: list[int]) -> str:
    """Return horizons in words.

    >>> horizons_text([2, 5])
    'horizons 2, 5'
    """
    return f"horizon{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _advice(tables: dict[int, pd.DataFrame]) -> str:
    """Recommend the reference's intervals where nothing beats it, if they keep their promise at every horizon."""
    reference = reference_of(next(iter(tables.values())))
    coverage = {horizon: entry(table, reference, "coverage_90") for horizon, table in tables.items()}
    if max(abs(held - 90) for held in coverage.values()) <= TOLERANCE:
        return f"use its intervals (the 90 % one held {_range(coverage)}), not anybody's point forecast"
    return f"trust nobody's point forecast, nor its 90 % interval, which held {_range(coverage)}"


def _range(coverage: dict[int, float]) -> str:
    low, high = f"{min(coverage.values()):.1f}", f"{max(coverage.values()):.1f}"
    return f"{high} %" if low == high else f"{low} to {high} % at horizons {min(coverage)} to {max(coverage)}"


def number(figure: float) -> float | None:
    """Return a figure for JSON, None where there is none."""
    return figure if np.isfinite(figure) else None


def p_text(p: float) -> str:
    """Return a p-value in words.

    >>> p_text(0.0312), p_text(0.4), p_text(1e-9)
    ('p = .031', 'p = .40', 'p < .001')
    """
    if np.isnan(p):
        return "too few days to test"
    if p < 0.001:
        return "p < .001"
    return "p = 1" if p > 0.995 else f"p = {p:.{3 if p < 0.1 else 2}f}".replace("0.", ".")
