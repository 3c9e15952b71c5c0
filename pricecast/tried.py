"""What came of an experiment: its trainings, with their losses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pricecast import models
from pricecast.experiments import SEED, Experiment


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
