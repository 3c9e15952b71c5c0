"""What a comparison says in words: the best, whether seeds alone explain its lead, and what to take."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from pricecast import judge
from pricecast.schema import NAIVE
from pricecast.significance import holm
from pricecast.tried import Tried
from pricecast.verdict import ALPHA, claims, p_text

# What the best is chosen by: label and, of the verdict's claims, the loss that says whether it beats naive.
CHOSEN_BY = {"crps": ("CRPS", "crps"), "rmse": ("RMSE", "point"), "mape": ("MAPE", "point")}
# A validation loss so far above the training loss, or so far above its own best at the end, is worth a word.
GAP = 0.05


def recommend(
    tried: Sequence[Tried], table: pd.DataFrame, seeds: pd.DataFrame, scores: pd.DataFrame, metric: str
) -> list[str]:
    """The best, how far seeds alone explain its lead, how each was fitted, and what to take, in sentences.

    Args:
        tried: each with the same seeds.
        table: of the comparison.
        seeds: of the comparison.
        scores: of `judge.score`.
        metric: a key of `CHOSEN_BY`.
    """
    column = f"test_{metric}"
    own = table[table["experiment"] != NAIVE]
    own = own.assign(rank=own[column].rank(method="first"))
    best = str(own.loc[own[column].idxmin(), "experiment"])
    alike = _alike({each.experiment.name: each.random for each in tried}, seeds, column, best)
    beating = _beating(tried, scores, metric)
    return [
        _best(table, best, metric),
        *_noise(seeds, alike, best),
        *_foreseen(own, best, {each.loss for each in tried}),
        *[_fit(each) for each in tried if len(each.seeds[0].curve)],
        _so(own, best, alike, beating, judge.reference_of(judge.at(scores, judge.horizons(scores)[0]))),
    ]


def _best(table: pd.DataFrame, best: str, metric: str) -> str:
    rows, column = _by_name(table), f"test_{metric}"
    value, naive, spread = rows[best][column], rows[NAIVE][column], rows[best][f"{column}_sd"]
    sd = "" if pd.isna(spread) else f" (standard deviation over {rows[best]['seeds']} seeds {spread:.3g})"
    relation = f"{_percent(abs(value / naive - 1), 1)} {'below' if value < naive else 'above'}"
    name = CHOSEN_BY[metric][0]
    return f"{best} has the lowest {name} on the test days: {value:.4g}{sd}, {relation} naive's {naive:.4g}."


def _alike(random: Mapping[str, bool], seeds: pd.DataFrame, column: str, best: str) -> dict[str, float]:
    """By other experiment, how often seeds alone differ so much (Holm-adjusted); NaN where there is one seed."""
    values = {str(name): rows[column].to_numpy(float) for name, rows in seeds.groupby("experiment", sort=False)}
    known = {name: len(values[name]) > 1 or not random[name] for name in values}
    # All pairs, since it is the best that is compared: the more there are, the further ahead the luckiest one is.
    pairs = list(itertools.combinations(values, 2))
    p_values = [_p(values[a], values[b]) if known[a] and known[b] else np.nan for a, b in pairs]
    adjusted = dict(zip(pairs, holm(np.array(p_values, float)), strict=True))
    return {next(name for name in pair if name != best): p for pair, p in adjusted.items() if best in pair}


def _p(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Welch's test (1947), or Student's where one side does not vary."""
    if np.ptp(ours) == np.ptp(theirs) == 0:
        return 1.0 if ours[0] == theirs[0] else 0.0
    if min(len(ours), len(theirs)) > 1:
        return float(stats.ttest_ind(ours, theirs, equal_var=False).pvalue)
    few, many = sorted([ours, theirs], key=len)
    return float(stats.ttest_1samp(many, few[0]).pvalue)


def _noise(seeds: pd.DataFrame, alike: dict[str, float], best: str) -> list[str]:
    unknown = [name for name, p in alike.items() if np.isnan(p)]
    within = [f"{name} ({p_text(p)})" for name, p in alike.items() if p >= ALPHA]
    beyond = [f"{name} ({p_text(p)})" for name, p in alike.items() if p < ALPHA]
    parts = [f"no more than seed noise to {_listed(within)}"] * bool(within)
    parts += [f"more than seed noise to {_listed(beyond)}"] * bool(beyond)
    told = [f"{best}'s lead is {', '.join(parts)} (Welch's test over the seeds, Holm-adjusted)."] * bool(parts)
    if unknown:
        advice = ": --seeds 3 tells" if seeds["experiment"].is_unique else ""
        told.append(
            f"How much of its lead to {_listed(unknown)} is seed noise is not known from one training{advice}."
        )
    return told


def _foreseen(own: pd.DataFrame, best: str, units: set[str]) -> list[str]:
    """What the validation loss alone would have chosen, which is all that one has beforehand."""
    losses = own.set_index("experiment")["final_val_loss"]
    if len(own) < 2 or losses.isna().any() or own["model"].nunique() > 1 or len(units) > 1:
        return []
    choice = str(losses.idxmin())
    word = "the same" if choice == best else f"{choice} instead"
    return [f"The validation loss, which is known beforehand, would have chosen {word}."]


def _fit(each: Tried) -> str:
    """Under- or overfitting, from the losses of all seeds."""
    name, curves = each.experiment.name, [seed.curve for seed in each.seeds]
    if any("val_loss" not in curve for curve in curves):
        return f"{name} had no validation loss to judge its fit by."
    tables = [curve[["epoch", "train_loss", "val_loss"]].to_numpy(float) for curve in curves]
    kept = np.array([table[table[:, 2].argmin()] for table in tables])
    gap = float((kept[:, 2] / kept[:, 1] - 1).mean())
    later = float(np.mean([table[-1, 2] / table[:, 2].min() - 1 for table in tables]))
    where = f"best at epoch {kept[:, 0].mean():.0f}" + (f" of {each.epochs}" if each.epochs else "")
    size = f"validation loss {_percent(abs(gap))} {'above' if gap > 0 else 'below'} training"
    if each.epochs and (kept[:, 0] >= each.epochs).all():
        return f"{name} underfits: it was still improving at its last epoch ({where}; {size})."
    if gap > GAP or later > GAP:
        rise = f", and {_percent(later)} above its best when it stopped" if later > GAP else ""
        return f"{name} overfits: {where}, {size}{rise}."
    return f"{name} fits about as well on validation as in training ({where}; {size})."


def _beating(tried: Sequence[Tried], scores: pd.DataFrame, metric: str) -> dict[str, int]:
    """By experiment: in how many seeds it beats the reference by more than chance."""
    found = claims(scores)
    found = found[(found["horizon"] == judge.horizons(scores)[0]) & (found["loss"] == CHOSEN_BY[metric][1])]
    better = set(found.loc[found["sign"] > 0, "model"])
    return {each.experiment.name: sum(seed.label in better for seed in each.seeds) for each in tried}


def _so(own: pd.DataFrame, best: str, alike: dict[str, float], beating: dict[str, int], reference: str) -> str:
    """The best by mean of those that seeds cannot tell from it, if most of its trainings beat the reference."""
    rows = _by_name(own)
    near = [best, *(name for name, p in alike.items() if p >= ALPHA)]
    within = sorted(near, key=lambda name: rows[name]["rank"])
    proved = [name for name in within if 2 * beating[name] > rows[name]["seeds"]]
    chosen = proved[0] if proved else best
    cases = f"beats {reference} by more than chance in {beating[chosen]} of {rows[chosen]['seeds']} trainings"
    if not proved:
        return f"Recommendation: none. {chosen} {cases}; take {reference}'s forecast."
    others = _listed([name for name in within if name != chosen])
    rest = f"; seeds cannot tell it from {others}" if others else ""
    return f"Recommendation: {chosen}, which {cases}{rest}."


def _by_name(table: pd.DataFrame) -> dict[str, dict[Any, Any]]:
    return {str(row["experiment"]): row for row in table.to_dict("records")}


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(itertools.chain(names[:-2], [" and ".join(names[-2:])]))
