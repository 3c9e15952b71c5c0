"""Outcomes of the tests of one model at one horizon: claims, and the coverage of its intervals."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pricecast.evaluation import coverage
from pricecast.evaluation.coverage import MISSED, PERCENTS
from pricecast.evaluation.scores import LOSSES
from pricecast.statistics.confidence_set import SIZE

ALPHA = 0.05
# A smaller difference may be proved and still matter to nobody.
MATERIAL = 0.001


@dataclass(frozen=True)
class Claim:
    """Comparison of a model's loss with the reference's at one horizon.

    Attributes:
        loss: a key of `LOSSES`.
        reference: the better of naive and ewma.
        skill: 1 - metric / the reference's.
        p: Holm-adjusted p-value of the test.
        sign: 1 is shown to be better, -1 worse, 0 neither.
    """

    loss: str
    reference: str
    skill: float
    p: float
    sign: int

    @classmethod
    def of(cls, rows: Mapping[str, Mapping[str, float]], model: str, reference: str, loss: str) -> "Claim":
        """Compare a model with the reference in the scores at one horizon, by model."""
        own, metric = rows[model], LOSSES[loss][1]
        theirs = rows[reference][metric]
        skill = 1 - own[metric] / theirs if theirs else float("nan")
        p = own[f"ref_dm_p_{loss}_holm"]
        # The test averages by day and in returns, the metric does not: a claim needs both on one side.
        agree = np.sign(skill) == -np.sign(own[f"ref_dm_{loss}"])
        shown = p < ALPHA and agree and abs(skill) >= MATERIAL
        return cls(loss, reference, float(skill), float(p), int(np.sign(skill)) if shown else 0)


@dataclass(frozen=True)
class Interval:
    """Central interval at one horizon: promise, coverage and error in percent, and how they are judged.

    `outcome` is what `coverage.judged` returns.
    """

    horizon: int
    percent: int
    held: float
    error: float
    outcome: str

    @property
    def missed(self) -> bool:
        """True if the interval is shown not to keep its promise."""
        return self.outcome in MISSED


@dataclass(frozen=True)
class Finding:
    """Outcomes of the tests of one model at one horizon.

    Attributes:
        model: label.
        horizon: trading days ahead.
        n_days: number of cutoffs whose outcome is known.
        distribution: comparison by CRPS.
        point: comparison by squared errors.
        winkler: skill by the Winkler score of the 90 % interval against the reference, a share.
        intervals: the central intervals, in the order of `PERCENTS`.
        in_set: whether the Model Confidence Set keeps the model; None where there is none.
    """

    model: str
    horizon: int
    n_days: int
    distribution: Claim
    point: Claim
    winkler: float
    intervals: tuple[Interval, ...]
    in_set: bool | None

    @property
    def claims(self) -> tuple[Claim, Claim]:
        """The comparisons, that of the distribution first."""
        return self.distribution, self.point

    @property
    def is_better(self) -> bool:
        """True if the model is better than the reference in one loss and worse in none."""
        return max(self._signs) > 0 and min(self._signs) >= 0

    @property
    def is_mixed(self) -> bool:
        """True if the model is better in one loss and worse in the other."""
        return max(self._signs) > 0 > min(self._signs)

    @property
    def interval(self) -> Interval:
        """The widest interval, that of 90 %."""
        return self.intervals[-1]

    @property
    def _signs(self) -> tuple[int, int]:
        return self.distribution.sign, self.point.sign


def finding(rows: Mapping[str, Mapping[str, float]], model: str, reference: str, horizon: int) -> Finding:
    """Judge a model by the scores of all models at one horizon."""
    own, theirs = rows[model], rows[reference]["winkler_90"]
    distribution, point = (Claim.of(rows, model, reference, loss) for loss in LOSSES)
    return Finding(
        model=model, horizon=horizon, n_days=int(own["n_days"]), distribution=distribution, point=point,
        winkler=1 - own["winkler_90"] / theirs if theirs else 0.0,
        intervals=tuple(_interval(own, percent, horizon) for percent in PERCENTS),
        in_set=bool(own["mcs_p"] > SIZE) if np.isfinite(own["mcs_p"]) else None,
    )  # fmt: skip


def _interval(row: Mapping[str, float], percent: int, horizon: int) -> Interval:
    held, error = row[f"coverage_{percent}"], row[f"error_{percent}"]
    outcome = coverage.judged(percent, held, error, row["n_rows"], row["n_days"], horizon)
    return Interval(horizon, percent, held, error, outcome)
