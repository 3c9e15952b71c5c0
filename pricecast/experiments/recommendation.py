"""The recommendation of a comparison in words: the best, whether seeds alone explain its lead, and what to take."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from pricecast.evaluation import recommendation
from pricecast.evaluation.claims import ALPHA, Finding
from pricecast.evaluation.findings import Findings
from pricecast.evaluation.wording import joined, p_text, percent
from pricecast.experiments.trainings import GAP, FitQuality, TrainedExperiment
from pricecast.schema import NAIVE
from pricecast.statistics.significance import holm

# Metrics to choose the best by: label and, of the verdict's claims, the loss that says whether it beats naive.
CHOSEN_BY = {"crps": ("CRPS", "crps"), "rmse": ("RMSE", "point"), "mape": ("MAPE", "point")}


def recommend(
    experiments: Sequence[TrainedExperiment], table: pd.DataFrame, seeds: pd.DataFrame, findings: Findings,
    metric: str,
) -> tuple[str, list[str], tuple[str, ...]]:  # fmt: skip
    """Recommend an experiment, or none.

    Args:
        experiments: experiments, each with the same seeds.
        table: table of the comparison, naive included.
        seeds: table of the trainings.
        findings: the table of tests.
        metric: a key of `CHOSEN_BY`.

    Returns:
        The experiment to take, "" for none; sentences: the best, how far seeds alone explain its lead, how each was
        fitted, and what to take; and the labels of the trainings of the experiment to take that beat the reference.
    """
    column = f"test_{metric}"
    rows = table[table["experiment"] != NAIVE]
    rows = rows.assign(rank=rows[column].rank(method="first"))
    best = str(rows.loc[rows[column].idxmin(), "experiment"])
    alike = _alike({trained.experiment.name: trained.random for trained in experiments}, seeds, column, best)
    beating = {each.experiment.name: Beating.of(each, findings, CHOSEN_BY[metric][1]) for each in experiments}
    choice = Choice.of(rows, best, alike, beating)
    sentences = [
        _best(table, best, metric),
        *_noise(seeds, alike, best),
        *_by_validation(_lowest_loss(rows, {trained.loss for trained in experiments}), best),
        *[_fit(each.experiment.name, FitQuality.of(each)) for each in experiments if len(each.trainings[0].curve)],
        _conclusion(choice, beating[choice.name], findings),
    ]
    eligible = beating[choice.name].sound if choice.proved else ()
    return (choice.name if choice.proved else ""), sentences, eligible


def _best(table: pd.DataFrame, best: str, metric: str) -> str:
    rows, column = _by_name(table), f"test_{metric}"
    value, naive, spread = rows[best][column], rows[NAIVE][column], rows[best][f"{column}_sd"]
    sd = "" if pd.isna(spread) else f" (standard deviation over {rows[best]['seeds']} seeds {spread:.3g})"
    relation = f"{percent(abs(value / naive - 1), 1)} {'below' if value < naive else 'above'}"
    name = CHOSEN_BY[metric][0]
    lowest = f"Of the experiments, {best} has the lowest {name} on the test days"
    return f"{lowest}: {value:.4g}{sd}, {relation} naive's {naive:.4g}."


def _alike(random: Mapping[str, bool], seeds: pd.DataFrame, column: str, best: str) -> dict[str, float]:
    """Return by other experiment the Holm-adjusted p-value that it is as good; NaN where there is one seed."""
    values = {str(name): rows[column].to_numpy(float) for name, rows in seeds.groupby("experiment", sort=False)}
    known = {name: len(values[name]) > 1 or not random[name] for name in values}
    # All pairs, since it is the best that is compared: the more there are, the further ahead the luckiest one is.
    pairs = list(itertools.combinations(values, 2))
    p_values = [_p(values[a], values[b]) if known[a] and known[b] else np.nan for a, b in pairs]
    adjusted = dict(zip(pairs, holm(np.array(p_values, float)), strict=True))
    return {next(name for name in pair if name != best): p for pair, p in adjusted.items() if best in pair}


def _p(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the p-value of Welch's test (1947), or of Student's where one side does not vary."""
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
    parts = [f"no more than seed noise to {joined(within)}"] * bool(within)
    parts += [f"more than seed noise to {joined(beyond)}"] * bool(beyond)
    sentences = [f"{best}'s lead is {', '.join(parts)} (Welch's test over the seeds, Holm-adjusted)."] * bool(parts)
    if unknown:
        advice = ": --seeds 3 tells" if seeds["experiment"].is_unique else ""
        sentences.append(
            f"How much of its lead to {joined(unknown)} is seed noise is not known from one training{advice}."
        )
    return sentences


def _lowest_loss(rows: pd.DataFrame, loss_names: set[str]) -> str | None:
    """Return the experiment with the lowest validation loss; None where the losses cannot be compared."""
    losses = rows.set_index("experiment")["final_val_loss"]
    if len(rows) < 2 or losses.isna().any() or rows["model"].nunique() > 1 or len(loss_names) > 1:
        return None
    return str(losses.idxmin())


def _by_validation(choice: str | None, best: str) -> list[str]:
    word = "the same" if choice == best else f"{choice} instead"
    sentence = f"The validation loss, which is known beforehand, would have chosen {word}."
    return [] if choice is None else [sentence]


def _fit(name: str, fit: FitQuality | None) -> str:
    if fit is None:
        return f"{name} had no validation loss to judge its fit by."
    where = f"best at epoch {fit.epochs.mean():.0f}" + (f" of {fit.most}" if fit.most else "")
    size = f"validation loss {percent(abs(fit.gap))} {'above' if fit.gap > 0 else 'below'} training"
    if fit.underfits:
        return f"{name} underfits: it was still improving at its last epoch ({where}; {size})."
    if fit.overfits:
        rise = f", and {percent(fit.later)} above its best when it stopped" if fit.later > GAP else ""
        return f"{name} overfits: {where}, {size}{rise}."
    return f"{name} fits about as well on validation as in training ({where}; {size})."


@dataclass(frozen=True)
class Beating:
    """Trainings of an experiment that beat the reference.

    Attributes:
        labels: labels of those that do so by more than chance, and are not worse in the other loss.
        sound: those of them whose intervals are not shown to miss their promise.
        count: number of all trainings.
    """

    labels: tuple[str, ...]
    sound: tuple[str, ...]
    count: int

    @classmethod
    def of(cls, trained: TrainedExperiment, findings: Findings, loss: str) -> "Beating":
        """Look up the trainings of an experiment in the table of tests."""
        labels = [each.label for each in trained.trainings]
        better = tuple(label for label in labels if _is_better(findings.first[label], loss))
        return cls(better, tuple(label for label in better if not findings.missed(label)), len(labels))

    @property
    def is_proof(self) -> bool:
        """True if most of the trainings beat the reference with intervals that keep their promise."""
        return 2 * len(self.sound) > self.count


def _is_better(row: Finding, loss: str) -> bool:
    return row.is_better and any(claim.sign > 0 for claim in row.claims if claim.loss == loss)


@dataclass(frozen=True)
class Choice:
    """Experiment to take.

    Attributes:
        name: name of the experiment.
        proved: whether most of its trainings beat the reference by more than chance, with intervals that hold.
        others: experiments that seeds cannot tell from it.
    """

    name: str
    proved: bool
    others: list[str]

    @classmethod
    def of(
        cls, table: pd.DataFrame, best: str, alike: dict[str, float], beating: Mapping[str, Beating]
    ) -> "Choice":
        """Choose, of the best and those that seeds cannot tell from it, the first that is proved, else the best."""
        rows = _by_name(table)
        near = [best, *(name for name, p in alike.items() if p >= ALPHA)]
        within = sorted(near, key=lambda name: rows[name]["rank"])
        proved = [name for name in within if beating[name].is_proof]
        chosen = proved[0] if proved else best
        return cls(chosen, bool(proved), [name for name in within if name != chosen])


def _conclusion(choice: Choice, beating: Beating, findings: Findings) -> str:
    many = len(beating.labels)
    cases = f"beats {findings.reference()} by more than chance in {many} of {beating.count} trainings"
    if beating.sound != beating.labels:
        cases += f", {many - len(beating.sound)} of them with intervals that miss their promise"
    if choice.proved:
        rest = f"; seeds cannot tell it from {joined(choice.others)}" if choice.others else ""
        return f"Recommendation: {choice.name}, which {cases}{rest}."
    instead = recommendation.recommend(findings, eligible=())
    doubt = " (some training is better, but which one cannot be claimed)" if findings.is_contested else ""
    broken = "" if instead.is_sound else ", but not all of its intervals"
    return f"Recommendation: none. {choice.name} {cases}; take {instead.model}'s forecast{doubt}{broken}."


def _by_name(table: pd.DataFrame) -> dict[str, dict[Any, Any]]:
    return {str(row["experiment"]): row for row in table.to_dict("records")}
