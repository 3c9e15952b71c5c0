"""Optuna's plots of a study as files."""

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

_FEWEST_TRIALS = 2  # for which a plot is meaningful
_DRAWN: dict[str, Callable[..., Any]] = {
    "history": pictures.plot_optimization_history,
    "importance": pictures.plot_param_importances,
    "parallel_coordinates": pictures.plot_parallel_coordinate,
    "slice": pictures.plot_slice,
}


def draw(study: optuna.Study, folder: Path) -> list[Path]:
    """Write the plots of a study that has enough trials; return their files."""
    folder.mkdir(parents=True, exist_ok=True)
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    varied = {name for trial in done for name in trial.params if trial.params[name] != done[0].params.get(name)}
    if len(done) < _FEWEST_TRIALS or not varied:
        return []
    return [_save(study, name, plot, folder) for name, plot in _DRAWN.items()]


def _save(study: optuna.Study, name: str, plot: Callable[..., Any], folder: Path) -> Path:
    with warnings.catch_warnings():
        # Optuna's Matplotlib backend is experimental; a parameter that never varied warns, too.
        warnings.simplefilter("ignore")
        figure = np.ravel(plot(study))[0].get_figure()
        figure.set_size_inches(9.4, 5)
        # Makes room for the slanted parameter names below the axes.
        figure.tight_layout()
        plots.save(figure, folder / f"{name}.svg")
        pyplot.close(figure)
    return folder / f"{name}.svg"
