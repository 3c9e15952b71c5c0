"""Questions of a sceptic about a verdict, with the answers that the figures support."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pricecast.evaluation import evidence
from pricecast.evaluation.coverage import PERCENTS
from pricecast.evaluation.evidence import Sharpness
from pricecast.evaluation.scores import at_horizon, entry, horizons
from pricecast.evaluation.verdict import horizons_text, p_text
from pricecast.schema import NAIVE
from pricecast.statistics.confidence_set import SIZE

# A coverage of fewer days says nothing.
FEWEST = 20


def answer_questions(
    scores: pd.DataFrame, coverage: pd.DataFrame, folds: pd.DataFrame, selected: Mapping[str, Any] | None,
    trials: int = 0,
) -> list[dict[str, str]]:  # fmt: skip
    """Return questions and answers in the order of the page.

    Args:
        scores: result of `scores.score`.
        coverage: result of `coverage.coverage`.
        folds: result of `by_fold.by_fold`.
        selected: result of `by_fold.score_selected`.
        trials: number of settings that were tried on earlier data to choose the models.

    Returns:
        A `question` and its `answer` each; a question without an answer is left out.
    """
    shown = evidence.featured_model(scores)
    answers = {
        "Is the point forecast better than naive?": _point(evidence.point_claims(scores), horizons(scores)[0]),
        "Is the distribution sharper?": _distribution(shown, evidence.sharpness(scores, shown)),
        "Are the intervals honest?": _honest(shown, evidence.overall_coverage(coverage, shown)),
        "Over which horizons?": _horizons(evidence.winners_by_horizon(scores), evidence.winners_over_all(scores)),
        "In which regimes?": _regimes(shown, evidence.skill_by_regime(coverage, shown)),
        "In every fold?": _folds(folds, shown),
        "What is picking the best worth?": _selected(selected),
        "How sure are we?": _sure(scores, evidence.confidence_set(scores), trials),
    }
    return [{"question": question, "answer": answer} for question, answer in answers.items() if answer]


def _point(claims: pd.DataFrame, first: int) -> str:
    better = claims[claims["sign"] > 0]
    if claims.empty:
        return ""
    if claims["p"].isna().all():
        return "Not known: too few days to test."
    if better.empty:
        return _no_better(claims)
    now, later = (better[rule] for rule in (better["horizon"] == first, better["horizon"] != first))
    word = (
        "Yes" if len(now) else f"Not at horizon {first}; the tests of longer ones do not correct for their number"
    )
    return f"{word}: {', '.join(map(_better, [*now.to_dict('records'), *later.to_dict('records')]))}."


def _no_better(claims: pd.DataFrame) -> str:
    count, worse = claims["model"].nunique(), claims[claims["sign"] < 0]["model"].nunique()
    none = f"none of {count} models has a" if count > 1 else f"{claims['model'].iloc[0]} has no"
    return f"No: {none} lower error by more than chance" + (f"; {worse} worse than naive." if worse else ".")


def _better(claim: Mapping[Any, Any]) -> str:
    figures = f"{100 * claim['skill']:.1f} % lower RMSE, {p_text(claim['p'])}"
    return f"{claim['model']} at horizon {claim['horizon']} ({figures})"


def _distribution(shown: str, sharpness: Sharpness | None) -> str:
    if sharpness is None:
        return ""
    figures = (
        f"{shown}'s CRPS is {_change(sharpness.crps)} than {sharpness.reference}'s ({p_text(sharpness.p)}), "
        f"the Winkler score of its 90 % interval {_change(sharpness.winkler)}"
    )
    word = "Not known" if pd.isna(sharpness.p) else {1: "Yes", 0: "Not shown", -1: "No"}[sharpness.sign]
    return f"{word}: {figures}."


def _honest(shown: str, row: "pd.Series[Any]") -> str:
    if row["n_days"] < FEWEST:
        return f"Not known: {shown}'s intervals were tried on {row['n_days']} days, which is too few."
    held = ", ".join(f"{row[f'coverage_{p}']:.1f} ± {row[f'error_{p}']:.1f} %" for p in PERCENTS)
    missed = [p for p in PERCENTS if evidence.misses(row, p)]
    promised = ", ".join(map(str, PERCENTS))
    word = f"Not at {', '.join(map(str, missed))} %" if missed else "Yes"
    return f"{word}: {shown}'s {promised} % intervals held {held} (± one standard error)."


def _horizons(winners: Mapping[int, list[str] | None], over_all: list[str] | None) -> str:
    if len(winners) == 1:
        return ""
    by_outcome: dict[str, list[int]] = {}
    for horizon, names in winners.items():
        by_outcome.setdefault(_outcome(names, "nothing"), []).append(horizon)
    text = "; ".join(f"{outcome} at {horizons_text(shared)}" for outcome, shared in by_outcome.items())
    return f"Better than the reference: {text}. Over all horizons together: {_outcome(over_all, 'none')}."


def _outcome(names: list[str] | None, nobody: str) -> str:
    return "too few days to tell" if names is None else ", ".join(names) or nobody


def _regimes(shown: str, regimes: pd.DataFrame) -> str:
    if shown == NAIVE or regimes.empty:
        return ""
    parts = [
        f"{group} {_signed(row['skill'])} (90 % held {row['coverage_90']:.1f} %)"
        for group, row in regimes.iterrows()
    ]
    return f"CRPS skill of {shown} against naive by thirds of volatility: {', '.join(parts)}."


def _folds(folds: pd.DataFrame, shown: str) -> str:
    rows = folds[(folds["model"] == shown) & (folds["horizon"] == folds["horizon"].min())]
    if rows.empty or shown == NAIVE:
        return ""
    skill = rows["skill_crps"]
    return (
        f"{shown}'s CRPS is below naive's in {int((skill > 0).sum())} of {len(rows)} folds; its skill runs from "
        f"{_signed(skill.min())} to {_signed(skill.max())}."
    )


def _selected(selected: Mapping[str, Any] | None) -> str:
    if selected is None:
        return ""
    counts = pd.Series(list(selected["choice"].values())).value_counts()
    names = ", ".join(f"{name} in {count}" for name, count in counts.items())
    parts = [_against(name, row, set(counts.index) == {name}) for name, row in selected["against"].items()]
    return (
        f"The best of the folds before ({names}), judged on the next, {selected['n_days']:,} days in all: "
        f"{'; '.join(parts)}. That is what a choice made without hindsight gets."
    )


def _against(name: str, comparison: Mapping[str, float | None], is_itself: bool) -> str:
    if is_itself:
        return f"that is {name} itself"
    crps, winkler = comparison["skill_crps"], comparison["skill_winkler"]
    if crps is None or winkler is None:
        return f"{name} has no loss to compare with"
    return (
        f"its CRPS is {_change(crps)} than {name}'s ({_p(comparison['p_crps'])}), "
        f"its Winkler score {_change(winkler)} ({_p(comparison['p_winkler'])})"
    )


def _sure(scores: pd.DataFrame, inside: list[str] | None, trials: int) -> str:
    table = at_horizon(scores, horizons(scores)[0])
    n = int(entry(table, NAIVE, "n_days"))
    text = f"The verdict rests on {n:,} days and {len(table)} models, all corrected for."
    if trials:
        text += f" {trials:,} trials on earlier dates chose their settings; these days had no part in it."
    if inside is None:
        return f"{text} That is too few days for a Model Confidence Set."
    alike = (
        f"{len(inside)} of the {len(table)} models cannot be told apart from the best ({', '.join(inside)})"
        if len(inside) > 1
        else f"no other model than {inside[0]} can be the best"
    )
    return f"{text} At {100 * (1 - SIZE):.0f} % confidence, {alike}."


def _p(p: float | None) -> str:
    return p_text(float("nan") if p is None else p)


def _signed(skill: float) -> str:
    return f"{round(100 * skill, 1) + 0.0:+.1f} %".replace("-", "\N{MINUS SIGN}")


def _change(skill: float) -> str:
    size = f"{abs(100 * skill):.1f}"
    return f"{size} % {'lower' if skill > 0 else 'higher'}" if float(size) else "no lower"
