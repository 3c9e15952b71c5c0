"""The verdict: who beats the better of naive and ewma, in words and figures that only a test may lead to."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

import pandas as pd

from pricecast.evaluation.claims import Interval
from pricecast.evaluation.coverage import UNKNOWN
from pricecast.evaluation.findings import Findings
from pricecast.evaluation.model_verdict import claim_texts, of_model
from pricecast.evaluation.recommendation import Recommendation, all_missed, recommend, why
from pricecast.evaluation.trust import trust
from pricecast.evaluation.wording import ahead, days_text, horizons_text, miss_text
from pricecast.schema import NAIVE

TEST = (
    "Diebold-Mariano, two-sided, on losses averaged over tickers per cutoff (squared log-return error; "
    "CRPS); HAC variance, Harvey-Leybourne-Newbold correction, Holm-adjusted over the models of this run at each "
    "horizon; differences below 0.1 % are not claimed"
)


def verdict(
    scores: pd.DataFrame, left_out: Mapping[str, str] = MappingProxyType({}), headline: int | None = None,
    eligible: Collection[str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Say in words and figures who beat the better of naive and ewma at the headline horizon, for JSON.

    "Better" and "worse" are said only below a Holm-adjusted p of .05, from a difference of 0.1 % on, and where test
    and metric agree; other horizons are mentioned where their outcome differs. Figures that do not exist are None.

    Args:
        scores: result of `scores.score` with the same headline horizon.
        left_out: reasons for which models were not judged, by label.
        headline: horizon to lead with, by default the shortest.
        eligible: models that may be recommended besides naive and ewma, by default all.

    Returns:
        `sentence`, `trust` (plain sentences on how far to trust the forecast), `left_out`, `best` (the lowest CRPS:
        a rank, not a claim), `recommended` (see `recommendation.recommend`) and `why`, `reference`, `horizon` (the
        headline), `n_days` (cutoffs whose outcome there is known), `test` (its description) and `models`: by name
        `sentence`, `point` (`skill_rmse`, `p`) and `intervals` (`skill_crps`, `p`) against the reference,
        `coverage_90`.
    """
    findings = Findings.of(scores, headline)
    return verdict_of(findings, recommend(findings, eligible), left_out)


def verdict_of(
    findings: Findings, choice: Recommendation, left_out: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Return the verdict (see `verdict`) that follows from the table of tests."""
    return {
        "sentence": _overall(findings, choice) + (f" Left out: {', '.join(left_out)}." if left_out else ""),
        "trust": trust(findings, choice),
        "left_out": dict(left_out),
        "best": next(iter(findings.first)),
        "recommended": choice.model,
        "why": why(findings, choice),
        "reference": findings.reference(),
        "horizon": findings.headline,
        "n_days": findings.first[NAIVE].n_days,
        "test": TEST,
        "models": {
            name: of_model(findings, findings.first[name])
            for name in sorted(findings.first, key=lambda name: name != NAIVE)
        },
    }


def _overall(findings: Findings, choice: Recommendation) -> str:
    better, reference = findings.winners(), findings.reference()
    where = f"{ahead(findings.headline)} on {days_text(findings.first[NAIVE].n_days)}"
    if better:
        leader = choice.model if choice.model in better else better[0]
        rest = [name for name in better if name != leader]
        text = f"{leader} beats {reference} {where}: {claim_texts(findings.first[leader])}."
        text += f" So do, in one or the other: {', '.join(rest)}." if rest else ""
        text += "" if choice.model in better else f" But take {why(findings, choice)}"
    elif len(findings.first) == 1:
        text = f"Only {reference} was judged, {where}: {_advice(findings, choice)}."
    elif not findings.is_tested():
        text = f"Too few days ({findings.first[NAIVE].n_days}) to tell any model from {reference} "
        text += f"{ahead(findings.headline)}: {_advice(findings, choice)}."
    else:
        text = f"{_nothing(findings, findings.headline)} {where}: {_advice(findings, choice)}."
    return text + _contested(findings) + "".join(_elsewhere(findings))


def _nothing(findings: Findings, horizon: int) -> str:
    """Say that no model wins at a horizon, and which ones are better in one loss but worse in the other."""
    reference = findings.reference(horizon)
    mixed = [name for name, row in findings.rows[horizon].items() if row.is_mixed]
    if mixed:
        word = "is" if len(mixed) == 1 else "are"
        names = ", ".join(mixed)
        return f"Nothing beats {reference} in both losses ({names} {word} better in one and worse in the other)"
    contested = horizon == findings.headline and findings.is_contested
    return f"{'Nothing is shown to beat' if contested else 'Nothing beats'} {reference}"


def _contested(findings: Findings) -> str:
    """Say what the tests say where the Model Confidence Set alone finds something better than the reference."""
    if not findings.is_contested:
        return ""
    reference, kept = findings.reference(), findings.confidence_set() or []
    return (
        f" Yet the Model Confidence Set (90 %) rules {reference} out as the best distribution "
        f"{ahead(findings.headline)} and keeps {', '.join(kept)}. No lead over {reference} is sure (5 %, "
        "corrected) and of 0.1 % or more, so which one is better cannot be claimed."
    )


def _elsewhere(findings: Findings) -> list[str]:
    """Return a sentence per outcome that differs from the headline horizon's, with the horizons that share it."""
    outcomes: dict[str, list[int]] = {}
    for horizon in findings.rows:
        if horizon != findings.headline and _result(findings, horizon) != _result(findings, findings.headline):
            outcomes.setdefault(_result_text(findings, horizon), []).append(horizon)
    return [f" At {horizons_text(shared)} {outcome}." for outcome, shared in outcomes.items()]


def _result(findings: Findings, horizon: int) -> tuple[Any, ...]:
    mixed = {name for name, row in findings.rows[horizon].items() if row.is_mixed}
    return findings.is_tested(horizon), set(findings.winners(horizon)), mixed


def _result_text(findings: Findings, horizon: int) -> str:
    better, reference = findings.winners(horizon), findings.reference(horizon)
    if not findings.is_tested(horizon):
        return f"there are too few days to tell any model from {reference}"
    if better:
        return f"{', '.join(better)} beat{'' if len(better) > 1 else 's'} {reference}"
    nothing = _nothing(findings, horizon)
    return nothing[0].lower() + nothing[1:]


def _advice(findings: Findings, choice: Recommendation) -> str:
    """Say what to take where nothing beats the reference."""
    if not choice.is_sound:
        missed = "; ".join(all_missed(findings, choice))
        return f"take {choice.model}'s forecast, but not all of its intervals ({missed})"
    reasons = "".join(f"; {miss_text(name, findings.missed(name))}" for name in choice.passed_over)
    held = [rows[choice.model].interval for rows in findings.rows.values()]
    known = [each for each in held if each.outcome != UNKNOWN]
    if not known:
        return f"take {choice.model}'s forecast, whose intervals were tried on too few days to judge{reasons}"
    anybody = any(row.point.sign > 0 for row in findings)
    points = "" if anybody else ", not anybody's point forecast"
    its = "its" if choice.model == findings.reference() else f"{choice.model}'s"
    return f"use {its} intervals (the 90 % one held {_range(known)}){points}{reasons}"


def _range(intervals: list[Interval]) -> str:
    held, places = [f"{each.held:.1f}" for each in intervals], [each.horizon for each in intervals]
    low, high = min(held, key=float), max(held, key=float)
    where = f"horizons {min(places)} to {max(places)}" if len(places) > 1 else f"horizon {places[0]}"
    return f"{high} % at {where}" if low == high else f"{low} to {high} % at {where}"
