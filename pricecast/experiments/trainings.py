"""What came of an experiment: its trainings, with their losses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pricecast import models
from pricecast.experiments.config import SEED, Experiment

# A validation loss so far above the training loss, or so far above its own best at the end, is worth a word.
GAP = 0.05


@dataclass(frozen=True, eq=False)
class Seed:
    """One training: its label in the forecasts, losses by epoch, and what `Forecaster.summary` says of them."""

    label: str
    curve: pd.DataFrame
    summary: dict[str, float]


@dataclass(frozen=True, eq=False)
class Tried:
    """An experiment and its trainings, which differ in nothing but the seed.

    Attributes:
        experiment: that was tried.
        seeds: its trainings.
        random: whether another seed would change anything.
        epochs: most epochs of a training, None for a model without.
        loss: what its model is trained by.
    """

    experiment: Experiment
    seeds: Sequence[Seed]
    random: bool = True
    epochs: int | None = None
    loss: str = ""


@dataclass(frozen=True, eq=False)
class Fit:
    """The fit of an experiment's trainings, from the losses of all seeds.

    Attributes:
        epochs: kept epoch by seed, (seeds,).
        most: epochs that a training may take, None for a model without.
        gap: how far the validation loss of the kept epoch is above its training loss, a share, mean over seeds.
        later: how far the last validation loss is above the best one, likewise.
    """

    epochs: np.ndarray
    most: int | None
    gap: float
    later: float

    @classmethod
    def of(cls, each: Tried) -> "Fit | None":
        """Return the figures of an experiment, None where a seed has no validation loss."""
        curves = [seed.curve for seed in each.seeds]
        if any("val_loss" not in curve for curve in curves):
            return None
        tables = [curve[["epoch", "train_loss", "val_loss"]].to_numpy(float) for curve in curves]
        kept = np.array([table[table[:, 2].argmin()] for table in tables])
        gap = float((kept[:, 2] / kept[:, 1] - 1).mean())
        later = float(np.mean([table[-1, 2] / table[:, 2].min() - 1 for table in tables]))
        return cls(kept[:, 0], each.epochs, gap, later)

    @property
    def underfits(self) -> bool:
        """Every training was best at its last epoch."""
        return bool(self.most) and bool((self.epochs >= self.most).all())

    @property
    def overfits(self) -> bool:
        """The validation loss is too far above the training loss, or above its own best at the end."""
        return self.gap > GAP or self.later > GAP


def is_random(model: str, params: dict[str, Any]) -> bool:
    """Whether another seed would change what a model, or a member of it, learns."""
    return any(SEED in models.parameters(part) for part in models.parts(model, params))


def mean_curve(seeds: Sequence[Seed]) -> dict[int, dict[str, float]]:
    """Losses by epoch, means over the seeds that still train."""
    curves = [seed.curve.set_index("epoch") for seed in seeds if len(seed.curve)]
    epochs = sorted({epoch for curve in curves for epoch in curve.index})
    return {
        int(epoch): {
            name: float(np.mean([curve.at[epoch, name] for curve in curves if epoch in curve.index]))
            for name in curves[0].columns
        }
        for epoch in epochs
    }
