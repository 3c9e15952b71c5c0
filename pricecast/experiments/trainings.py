"""The trainings of an experiment, one for each seed, with their losses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pricecast import models
from pricecast.experiments.config import SEED, Experiment

# Beyond this share, a validation loss above the training loss, or above its own best at the end, is overfitting.
GAP = 0.05


@dataclass(frozen=True, eq=False)
class Training:
    """Training with one seed: its label in the forecasts, its losses by epoch, and `Forecaster.summary`."""

    label: str
    curve: pd.DataFrame
    summary: dict[str, float]


@dataclass(frozen=True, eq=False)
class TrainedExperiment:
    """Experiment with its trainings, which differ in nothing but the seed.

    Attributes:
        experiment: its configuration.
        trainings: one for each seed.
        random: whether another seed would change anything.
        epochs: most epochs of a training, None for a model without epochs.
        loss: name of the loss that its model is trained by.
    """

    experiment: Experiment
    trainings: Sequence[Training]
    random: bool = True
    epochs: int | None = None
    loss: str = ""


@dataclass(frozen=True, eq=False)
class FitQuality:
    """Signs of under- and overfitting in the losses of an experiment's trainings.

    Attributes:
        epochs: kept epoch by seed, (seeds,).
        most: epochs that a training may take, None for a model without epochs.
        gap: excess of the kept epoch's validation loss over its training loss, a share, mean over seeds.
        later: excess of the last validation loss over the best one, likewise.
    """

    epochs: np.ndarray
    most: int | None
    gap: float
    later: float

    @classmethod
    def of(cls, trained: TrainedExperiment) -> "FitQuality | None":
        """Return the figures of an experiment, None where a training has no validation loss."""
        curves = [training.curve for training in trained.trainings]
        if any("val_loss" not in curve for curve in curves):
            return None
        tables = [curve[["epoch", "train_loss", "val_loss"]].to_numpy(float) for curve in curves]
        kept = np.array([table[table[:, 2].argmin()] for table in tables])
        gap = float((kept[:, 2] / kept[:, 1] - 1).mean())
        later = float(np.mean([table[-1, 2] / table[:, 2].min() - 1 for table in tables]))
        return cls(kept[:, 0], trained.epochs, gap, later)

    @property
    def underfits(self) -> bool:
        """True if every training was best at its last epoch."""
        return bool(self.most) and bool((self.epochs >= self.most).all())

    @property
    def overfits(self) -> bool:
        """True if the validation loss is too far above the training loss, or above its own best at the end."""
        return self.gap > GAP or self.later > GAP


def is_random(model: str, params: dict[str, Any]) -> bool:
    """Tell whether another seed would change what a model, or a member of it, learns."""
    return any(SEED in models.parameters(part) for part in models.parts(model, params))


def mean_curve(trainings: Sequence[Training]) -> dict[int, dict[str, float]]:
    """Return the losses by epoch, means over the trainings that have the epoch."""
    curves = [training.curve.set_index("epoch") for training in trainings if len(training.curve)]
    epochs = sorted({epoch for curve in curves for epoch in curve.index})
    return {
        int(epoch): {
            name: float(np.mean([curve.at[epoch, name] for curve in curves if epoch in curve.index]))
            for name in curves[0].columns
        }
        for epoch in epochs
    }
