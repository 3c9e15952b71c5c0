"""Optuna's pictures of a study as files."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from matplotlib import pyplot
from optuna.trial import TrialState
from optuna.visualization import matplotlib as pictures

from pricecast.report import plots

# From how many finished trials on a picture says anything.
_FEWEST = 2
_DRAWN: dict[str, Callable[..., Any]] = {
    "history": pictures.plot_optimization_history,
    "importance": pictures.plot_param_importances,
    "parallel_coordinates": pictures.plot_parallel_coordinate,
    "slice": pictures.plot_slice,
}


def draw(study: optuna.Study, folder: Path) -> list[Path]:
    """Write the pictures of a study that has trials enough; returns their files."""
    folder.mkdir(parents=True, exist_ok=True)
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    varied = {name for trial in done for name in trial.params if trial.params[name] != done[0].params.get(name)}
    if len(done) < _FEWEST or not varied:
        return []
    return [_save(study, name, plot, folder) for name, plot in _DRAWN.items()]


def _save(study: optuna.Study, name: str, plot: Callable[..., Any], folder: Path) -> Path:
    with warnings.catch_warnings():
        # Their drawing with Matplotlib is an experiment of many years; a parameter that never varied warns, too.
        warnings.simplefilter("ignore")
        figure = np.ravel(plot(study))[0].get_figure()
        figure.set_size_inches(9.4, 5)
        # Their names of parameters stand aslant below the axes.
        figure.tight_layout()
        plots.save(figure, folder / f"{name}.svg")
        pyplot.close(figure)
    return folder / f"{name}.svg"
