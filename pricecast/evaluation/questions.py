"""Questions of a sceptic about a verdict, with the answers that the table of tests supports."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pricecast.evaluation.claims import Finding
from pricecast.evaluation.coverage import PERCENTS, UNKNOWN, judge
from pricecast.evaluation.findings import Findings
from pricecast.evaluation.recommendation import Recommendation, why
from pricecast.evaluation.scores import NAIVES
from pricecast.evaluation.wording import OUTCOMES, ahead, change, days_text, horizons_text, p_text, signed
from pricecast.schema import NAIVE
from pricecast.statistics.confidence_set import SIZE
from pricecast.text import listed


def answer_questions(
    findings: Findings, choice: Recommendation, coverage: pd.DataFrame, folds: pd.DataFrame,
    selected: Mapping[str, Any] | None, trials: int = 0,
) -> list[dict[str, str]]:  # fmt: skip
    """Return questions and answers in the order of the page.

    Args:
        findings: the table of tests.
        choice: the model to take.
        coverage: result of `coverage.coverage`.
        folds: result of `by_fold.by_fold`.
        selected: result of `by_fold.score_selected`.
        trials: number of settings that were tried on earlier data to choose the models.

    Returns:
        A `question` and its `answer` each; a question without an answer is left out.
    """
    shown = findings.first[featured_model(findings, choice.model)]
    answers = {
        "Whose forecast to take?": why(findings, choice),
        "Is the point forecast better than naive?": _point(findings),
        "Is the distribution sharper?": _distribution(shown),
        "Are the intervals honest?": _honest(findings, [shown.model, choice.model]),
        "Over which horizons?": _horizons(findings),
        "In which regimes?": _regimes(shown, coverage),
        "In every fold?": _folds(folds, shown),
        "What is picking the best worth?": _selected(selected),
        "How sure are we?": _sure(findings, trials),
    }
    return [{"question": question, "answer": answer} for question, answer in answers.items() if answer]


def featured_model(findings: Findings, recommended: str) -> str:
    """Return the model that the answers are about: the one to take, else the best winner, else the best model.

    It is naive or ewma only where there is no other.
    """
    winners = findings.winners()
    if recommended in winners:
        return recommended
    return next(iter([*winners, *(name for name in findings.first if name not in NAIVES), *findings.first]))


def _point(findings: Findings) -> str:
    rows = [row for row in findings if row.model not in NAIVES]
    tested = [row for row in rows if pd.notna(row.point.p)]
    if not rows:
        return ""
    if not tested:
        return "Not known: too few days to test."
    # Of the headline horizon first, models in the order of their CRPS.
    tested.sort(key=lambda row: row.horizon != findings.headline)
    better = [row for row in tested if row.point.sign > 0]
    if not better:
        return _no_better(findings, tested)
    first = findings.headline
    word = (
        "Yes"
        if better[0].horizon == first
        else f"Not at horizon {first}; the tests of other ones do not correct for their number"
    )
    return f"{word}: {', '.join(map(_better, better))}."


def _no_better(findings: Findings, tested: list[Finding]) -> str:
    names = list(dict.fromkeys(row.model for row in tested))
    none = f"none of {len(names)} models has a" if len(names) > 1 else f"{names[0]} has no"
    places = sorted({row.horizon for row in tested})
    where = "any horizon" if 1 < len(places) == len(findings.rows) else horizons_text(places)
    worse = [f"{row.model} at horizon {row.horizon}" for row in tested if row.point.sign < 0]
    told = f"; worse: {listed(worse)}" if worse else ""
    return f"No: {none} lower error at {where} by more than chance{told}."


def _better(row: Finding) -> str:
    figures = f"{100 * row.point.skill:.1f} % lower RMSE, {p_text(row.point.p)}"
    return f"{row.model} at horizon {row.horizon} ({figures})"


def _distribution(shown: Finding) -> str:
    claim = shown.distribution
    if shown.model == claim.reference:
        return ""
    figures = (
        f"{shown.model}'s CRPS {ahead(shown.horizon)} is {change(claim.skill)} than {claim.reference}'s "
        f"({p_text(claim.p)}), the Winkler score of its 90 % interval {change(shown.winkler)}"
    )
    word = "Not known" if pd.isna(claim.p) else {1: "Yes", 0: "Not shown", -1: "No"}[claim.sign]
    return f"{word}: {figures}."


def _honest(findings: Findings, models: list[str]) -> str:
    texts = [_intervals(findings.first[name]) for name in dict.fromkeys(models)]
    elsewhere = [
        f" At horizon {each.horizon} {name}'s {each.percent} % interval held {each.held:.1f} ± {each.error:.1f} %"
        f"{OUTCOMES[each.outcome]}."
        for name in dict.fromkeys(models)
        for each in findings.missed(name)
        if each.horizon != findings.headline
    ]
    return " ".join(texts) + "".join(elsewhere)


def _intervals(row: Finding) -> str:
    if row.interval.outcome == UNKNOWN:
        days = days_text(row.n_days)
        return f"Not known: {row.model}'s intervals {ahead(row.horizon)} were tried on {days}, which is too few."
    held = ", ".join(f"{each.held:.1f} ± {each.error:.1f} %" for each in row.intervals)
    missed = [str(each.percent) for each in row.intervals if each.missed]
    promised = ", ".join(map(str, PERCENTS))
    word = f"Not at {', '.join(missed)} %" if missed else "Yes"
    return f"{word}: {row.model}'s {promised} % intervals {ahead(row.horizon)} held {held} (± one standard error)."


def _horizons(findings: Findings) -> str:
    if len(findings.rows) == 1:
        return ""
    by_outcome: dict[str, list[int]] = {}
    for horizon in findings.rows:
        names = findings.winners(horizon) if findings.is_tested(horizon) else None
        by_outcome.setdefault(_outcome(names, "nothing"), []).append(horizon)
    text = "; ".join(f"{outcome} at {horizons_text(shared)}" for outcome, shared in by_outcome.items())
    return f"Better than the reference: {text}. Over all horizons together: {_outcome(findings.together, 'none')}."


def _outcome(names: list[str] | None, nobody: str) -> str:
    return "too few days to tell" if names is None else ", ".join(names) or nobody


def _regimes(shown: Finding, coverage: pd.DataFrame) -> str:
    table = coverage[(coverage["by"] == "regime") & (coverage["horizon"] == shown.horizon)]
    rows, naive = (table[table["model"] == name].set_index("group") for name in (shown.model, NAIVE))
    if shown.model == NAIVE or rows.empty:
        return ""
    skills = 1 - rows["crps"] / naive["crps"].reindex(rows.index)
    parts = [
        f"{group} {signed(skill)} (90 % held {row['coverage_90']:.1f} %{OUTCOMES[judge(row, 90)]})"
        for skill, (group, row) in zip(skills, rows.iterrows(), strict=True)
    ]
    what = f"CRPS skill of {shown.model} against naive {ahead(shown.horizon)} by thirds of volatility"
    return f"{what}: {', '.join(parts)}."


def _folds(folds: pd.DataFrame, shown: Finding) -> str:
    rows = folds[(folds["model"] == shown.model) & (folds["horizon"] == shown.horizon)]
    if rows.empty or shown.model == NAIVE:
        return ""
    skill = rows["skill_crps"]
    return (
        f"{shown.model}'s CRPS {ahead(shown.horizon)} is below naive's in {int((skill > 0).sum())} of {len(rows)} "
        f"folds; its skill runs from {signed(skill.min())} to {signed(skill.max())}."
    )


def _selected(selected: Mapping[str, Any] | None) -> str:
    if selected is None:
        return ""
    counts = pd.Series(list(selected["choice"].values())).value_counts()
    names = ", ".join(f"{name} in {count}" for name, count in counts.items())
    parts = [_against(name, row, set(counts.index) == {name}) for name, row in selected["against"].items()]
    return (
        f"The best of the folds before ({names}), judged on the next, {selected['n_days']:,} days in all: "
        f"{'; '.join(parts)}. That is what a choice made without hindsight gets; as one procedure, fixed "
        "beforehand, it is tested alone."
    )


def _against(name: str, comparison: Mapping[str, float | None], is_itself: bool) -> str:
    if is_itself:
        return f"that is {name} itself"
    crps, winkler = comparison["skill_crps"], comparison["skill_winkler"]
    if crps is None or winkler is None:
        return f"{name} has no loss to compare with"
    return (
        f"its CRPS is {change(crps)} than {name}'s ({_p(comparison['p_crps'])}), "
        f"its Winkler score {change(winkler)} ({_p(comparison['p_winkler'])})"
    )


def _sure(findings: Findings, trials: int) -> str:
    n, count, distance = findings.first[NAIVE].n_days, len(findings.first), ahead(findings.headline)
    text = f"The verdict rests on {days_text(n)} and {count} models, whose number the tests are corrected for."
    if trials:
        text += f" {trials:,} trials on earlier dates chose their settings; these days had no part in it."
    kept = findings.confidence_set()
    if kept is None:
        return f"{text} That is too few days for a Model Confidence Set."
    out = f"rules out {count - len(kept)} of them as the best and keeps {', '.join(kept)}"
    text += f" At {100 * (1 - SIZE):.0f} % confidence the Model Confidence Set, by CRPS {distance}, "
    text += f"{out if len(kept) < count else 'keeps them all'}."
    return text + _set_beside_tests(findings, kept)


def _set_beside_tests(findings: Findings, kept: list[str]) -> str:
    """Say how the set, which compares all models with one another, agrees with the tests against the reference."""
    reference = findings.reference()
    better = [name for name, row in findings.first.items() if row.distribution.sign > 0]
    worse = [name for name, row in findings.first.items() if row.distribution.sign < 0]
    beaten = [name for name in [*([reference] if better else []), *worse] if name in kept]
    outside = [name for name in better if name not in kept]
    text = ""
    if beaten:
        text += (
            f" That it keeps {', '.join(beaten)} is no praise: the tests against {reference} show a better one. "
            "The set compares all with one another, for which it needs more days."
        )
    if outside:
        text += f" {', '.join(outside)}, though better than {reference}, {_are(outside)} not the best of all."
    if findings.is_contested:
        text += (
            f" So some model is better than {reference}, but which one cannot be claimed: no lead over it is sure "
            "(5 %, corrected) and of 0.1 % or more."
        )
    return text


def _are(names: list[str]) -> str:
    return "are" if len(names) > 1 else "is"


def _p(p: float | None) -> str:
    return p_text(float("nan") if p is None else p)
