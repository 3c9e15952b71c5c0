"""What a sceptic asks of a verdict, and the answers that the figures support."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pricecast.confidence_set import SIZE
from pricecast.coverage import PERCENTS
from pricecast.judge import NAIVES, at, best_model, horizons, reference_of, value
from pricecast.schema import NAIVE
from pricecast.verdict import ALPHA, MATERIAL, claims, listed, p_text, winning

# How far in points a coverage may miss its promise, or three standard errors where they are more.
TOLERANCE = {"all": 1.5, "regime": 3.0}
ERRORS = 3.0
# A coverage of fewer days says nothing.
FEWEST = 20


def answers(
    scores: pd.DataFrame, coverage: pd.DataFrame, folds: pd.DataFrame, selected: Mapping[str, Any] | None,
    trials: int = 0,
) -> list[dict[str, str]]:  # fmt: skip
    """Questions and answers in the order of the page.

    Args:
        scores: of `judge.score`.
        coverage: of `coverage.coverage`.
        folds: of `selection.by_fold`.
        selected: of `selection.judge_selected`.
        trials: settings that were tried on earlier data to choose the models.

    Returns:
        A list of `question` and `answer`.
    """
    shown = shown_model(scores)
    found = {
        "Is the point forecast better than naive?": _point(scores),
        "Is the distribution sharper?": _distribution(scores, shown),
        "Are the intervals honest?": _honest(coverage, shown),
        "Over which horizons?": _horizons(scores),
        "In which regimes?": _regimes(coverage, shown),
        "In every fold?": _folds(folds, shown),
        "What is picking the best worth?": _selected(selected),
        "How sure are we?": _sure(scores, trials),
    }
    return [{"question": question, "answer": answer} for question, answer in found.items() if answer]


def shown_model(scores: pd.DataFrame) -> str:
    """The model to speak of: the best winner, else the best model that is not naive itself."""
    table = at(scores, horizons(scores)[0])
    ranked = [str(name) for name in table.sort_values("crps", kind="stable").index if name not in NAIVES]
    return next(iter([*winning(table), *ranked]), best_model(scores))


def _point(scores: pd.DataFrame) -> str:
    table = claims(scores)
    own = table[(table["loss"] == "point") & ~table["model"].isin(NAIVES)]
    better = own[own["sign"] > 0]
    if own.empty:
        return ""
    first = horizons(scores)[0]
    if own["p"].isna().all():
        return "Not known: too few days to test."
    if better.empty:
        count = own["model"].nunique()
        none = f"none of {count} models has" if count > 1 else f"{own['model'].iloc[0]} has no"
        worse = own[own["sign"] < 0]["model"].nunique()
        return f"No: {none} {'a ' if count > 1 else ''}lower error by more than chance" + (
            f"; {worse} worse than naive." if worse else "."
        )
    now, later = (better[rule] for rule in (better["horizon"] == first, better["horizon"] != first))
    word = (
        "Yes" if len(now) else f"Not at horizon {first}; the tests of longer ones do not correct for their number"
    )
    return f"{word}: {', '.join(map(_better, [*now.to_dict('records'), *later.to_dict('records')]))}."


def _better(claim: Mapping[Any, Any]) -> str:
    figures = f"{100 * claim['skill']:.1f} % lower RMSE, {p_text(claim['p'])}"
    return f"{claim['model']} at horizon {claim['horizon']} ({figures})"


def _distribution(scores: pd.DataFrame, shown: str) -> str:
    table = at(scores, horizons(scores)[0])
    own = claims(scores).query("loss == 'crps' and model == @shown")
    own = own[own["horizon"] == horizons(scores)[0]]
    if own.empty:
        return ""
    claim, reference = own.iloc[0], reference_of(table)
    theirs = value(table, reference, "winkler_90")
    winkler = 1 - value(table, shown, "winkler_90") / theirs if theirs else 0.0
    figures = (
        f"{shown}'s CRPS is {_change(claim['skill'])} than {reference}'s ({p_text(claim['p'])}), the Winkler score "
        f"of its 90 % interval {_change(winkler)}"
    )
    word = "Not known" if pd.isna(claim["p"]) else {1: "Yes", 0: "Not shown", -1: "No"}[int(claim["sign"])]
    return f"{word}: {figures}."


def _honest(coverage: pd.DataFrame, shown: str) -> str:
    rows = coverage[(coverage["model"] == shown) & (coverage["by"] == "all")]
    row = rows[rows["horizon"] == rows["horizon"].min()].iloc[0]
    held = ", ".join(f"{row[f'coverage_{p}']:.1f} ± {row[f'error_{p}']:.1f} %" for p in PERCENTS)
    if row["n_days"] < FEWEST:
        return f"Not known: {shown}'s intervals were tried on {row['n_days']} days, which is too few."
    missed = [p for p in PERCENTS if misses(row, p)]
    promised = ", ".join(map(str, PERCENTS))
    word = f"Not at {', '.join(map(str, missed))} %" if missed else "Yes"
    return f"{word}: {shown}'s {promised} % intervals held {held} (± one standard error)."


def misses(row: "pd.Series[Any]", percent: int) -> bool:
    """Whether a row of the coverage table misses its promise by more than tolerance and chance allow."""
    tolerance = TOLERANCE.get(str(row["by"]), TOLERANCE["regime"])
    # Days that all hit, or all miss, have no error of their own.
    chance = math.sqrt(percent * (100 - percent) / row["n_rows"])
    error = max(chance, row[f"error_{percent}"])
    return bool(abs(row[f"coverage_{percent}"] - percent) > max(tolerance, ERRORS * error))


def _horizons(scores: pd.DataFrame) -> str:
    if len(horizons(scores)) == 1:
        return ""
    found: dict[str, list[int]] = {}
    for horizon in horizons(scores):
        table = at(scores, horizon)
        names = ", ".join(winning(table)) or "nothing"
        untested = table[["ref_dm_p_point", "ref_dm_p_crps"]].isna().to_numpy().all()
        found.setdefault("too few days to tell" if untested else names, []).append(horizon)
    text = "; ".join(f"{names} at {listed(where)}" for names, where in found.items())
    return f"Better than the reference: {text}. Over all horizons together: {_together(scores)}."


def _together(scores: pd.DataFrame) -> str:
    """Models whose CRPS over all horizons is lower, by more than chance and by enough to matter."""
    first = at(scores, horizons(scores)[0])
    if first["ref_dm_p_all"].isna().all():
        return "too few days to tell"
    reference = reference_of(first)
    ratio = scores["crps"].unstack("horizon").loc[first.index]
    skill = 1 - (ratio / ratio.loc[reference]).mean(axis=1)
    sure = (first["ref_dm_p_all_holm"] < ALPHA) & (first["ref_dm_all"] < 0) & (skill >= MATERIAL)
    return ", ".join(map(str, first.index[sure])) or "none"


def _regimes(coverage: pd.DataFrame, shown: str) -> str:
    if shown == NAIVE:
        return ""
    table = coverage[(coverage["by"] == "regime") & (coverage["horizon"] == coverage["horizon"].min())]
    both = {name: table[table["model"] == name].set_index("group") for name in (shown, NAIVE)}
    parts = [
        f"{group} {_signed(1 - both[shown].at[group, 'crps'] / both[NAIVE].at[group, 'crps'])}"
        f" (90 % held {both[shown].at[group, 'coverage_90']:.1f} %)"
        for group in both[shown].index
    ]
    return f"CRPS skill of {shown} against naive by thirds of volatility: {', '.join(parts)}." if parts else ""


def _folds(folds: pd.DataFrame, shown: str) -> str:
    own = folds[(folds["model"] == shown) & (folds["horizon"] == folds["horizon"].min())]
    if own.empty or shown == NAIVE:
        return ""
    skill = own["skill_crps"]
    return (
        f"{shown}'s CRPS is below naive's in {int((skill > 0).sum())} of {len(own)} folds; its skill runs from "
        f"{_signed(skill.min())} to {_signed(skill.max())}."
    )


def _selected(selected: Mapping[str, Any] | None) -> str:
    if selected is None:
        return ""
    counts = pd.Series(list(selected["choice"].values())).value_counts()
    names = ", ".join(f"{name} in {count}" for name, count in counts.items())
    parts = [_against(name, found, set(counts.index) == {name}) for name, found in selected["against"].items()]
    return (
        f"The best of the folds before ({names}), judged on the next, {selected['n_days']:,} days in all: "
        f"{'; '.join(parts)}. That is what a choice made without hindsight gets."
    )


def _against(name: str, found: Mapping[str, float | None], is_it: bool) -> str:
    if is_it:
        return f"that is {name} itself"
    crps, winkler = found["skill_crps"], found["skill_winkler"]
    if crps is None or winkler is None:
        return f"{name} has no loss to compare with"
    return (
        f"its CRPS is {_change(crps)} than {name}'s ({_p(found['p_crps'])}), its Winkler score {_change(winkler)} "
        f"({_p(found['p_winkler'])})"
    )


def _sure(scores: pd.DataFrame, trials: int) -> str:
    table = at(scores, horizons(scores)[0])
    n, kept = int(value(table, NAIVE, "n_days")), table["mcs_p"]
    text = f"The verdict rests on {n:,} days and {len(table)} models, all corrected for."
    if trials:
        text += f" {trials:,} trials on earlier dates chose their settings; these days had no part in it."
    if kept.isna().all():
        return f"{text} That is too few days for a Model Confidence Set."
    inside = [str(name) for name in table.sort_values("crps").index if kept[name] > SIZE]
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
