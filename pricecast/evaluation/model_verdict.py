"""The verdict on one model: its claims and its intervals, in words and figures."""

from typing import Any

import numpy as np

from pricecast.evaluation.claims import Claim, Finding
from pricecast.evaluation.findings import Findings
from pricecast.evaluation.scores import LOSSES
from pricecast.evaluation.wording import OUTCOMES, ahead, horizons_text, number, p_text


def of_model(findings: Findings, row: Finding) -> dict[str, Any]:
    """Return the verdict on one model: its sentence, and its figures at the headline horizon."""
    reference, held = row.distribution.reference, row.interval
    words = f"{_claim_text(row.distribution, f' than {reference}')}, {_claim_text(row.point)}"
    if row.model == reference:
        words = "the reference"
    return {
        "sentence": f"{row.model}: {words} {ahead(row.horizon)}; its 90 % interval held {held.held:.1f} % of the "
        + f"time{OUTCOMES[held.outcome]}."
        + "".join(_claims_elsewhere(findings, row))
        + "".join(_misses_elsewhere(findings, row)),
        "point": {"skill_rmse": number(row.point.skill), "p": number(row.point.p), "sign": row.point.sign},
        "intervals": {
            "skill_crps": number(row.distribution.skill), "p": number(row.distribution.p),
            "sign": row.distribution.sign,
        },
        "coverage_90": number(held.held),
    }  # fmt: skip


def _claims_elsewhere(findings: Findings, first: Finding) -> list[str]:
    """Return a sentence per outcome of a claim that differs from the headline's, with its horizons."""
    outcomes: dict[str, list[int]] = {}
    for place, claim in enumerate(first.claims):
        for horizon, rows in findings.rows.items():
            other = rows[first.model].claims[place]
            if other.reference != first.model and _outcome(other) != _outcome(claim):
                text = f"{LOSSES[claim.loss][3]} {_outcome(other)} than {other.reference}"
                outcomes.setdefault(text.replace("not tested than", "not tested against"), []).append(horizon)
    return [f" At {horizons_text(shared)}: {outcome}." for outcome, shared in outcomes.items()]


def _outcome(claim: Claim) -> str:
    return "not tested" if np.isnan(claim.p) else {1: "better", 0: "no better", -1: "worse"}[claim.sign]


def _misses_elsewhere(findings: Findings, first: Finding) -> list[str]:
    return [
        f" At horizon {each.horizon} its {each.percent} % interval held {each.held:.1f} %{OUTCOMES[each.outcome]}."
        for each in findings.missed(first.model)
        if each != first.interval
    ]


def claim_texts(row: Finding) -> str:
    """Return what is claimed of a model in words."""
    # Better ones first, but what it is not better at stands beside them.
    return ", ".join(map(_claim_text, sorted(row.claims, key=lambda claim: -claim.sign)))


def _claim_text(claim: Claim, than: str = "") -> str:
    _, _, metric, subject = LOSSES[claim.loss]
    percent = 100 * abs(claim.skill)
    if claim.sign:
        word = "better" if claim.sign > 0 else "worse"
        return f"{subject} {percent:.1f} % {word}{than} ({metric}, {p_text(claim.p)})"
    if np.isnan(claim.p):
        return f"{subject} not tested{than and f' against{than[5:]}'} ({metric}, {p_text(claim.p)})"
    difference = round(-100 * claim.skill, 1)
    word = "not reliably better" if difference < 0 else "no better"
    size = f" {abs(difference):.1f} % {'lower' if difference < 0 else 'higher'}" if difference else " the same"
    return f"{subject} {word}{than} ({metric}{size if np.isfinite(difference) else ''}, {p_text(claim.p)})"
