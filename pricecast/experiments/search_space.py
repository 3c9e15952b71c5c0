"""The search space of a study: which models can be tuned, and the hyperparameters that a trial suggests for one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from pricecast import models
from pricecast.errors import InputError
from pricecast.forecasting.walk_plan import Candidate, prototype

LOOKBACK = "lookback"


class Trial(Protocol):
    """Source of suggestions for hyperparameters, as Optuna's trials are."""

    def suggest_int(self, name: str, low: int, high: int, **more: Any) -> int:
        """Return a whole number."""
        ...

    def suggest_float(self, name: str, low: float, high: float, **more: Any) -> float:
        """Return a number."""
        ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of several values."""
        ...


def tunable(names: Sequence[str]) -> list[str]:
    """Return the models that have a search space.

    Raises:
        InputError: none has.
    """
    with_space = [name for name in names if hasattr(models.load(name), "space")]
    if not with_space:
        raise InputError(f"expected a model with something to tune, got {', '.join(names)}: lstm and har have")
    return with_space


def defaults(name: str, longest: int) -> dict[str, Any]:
    """Return the default parameters of a model, with a lookback of at most `longest` days."""
    known = models.parameters(name)
    return known | ({LOOKBACK: min(known[LOOKBACK], longest)} if LOOKBACK in known else {})


def suggest(name: str, trial: Trial, fixed: Mapping[str, Any], longest: int, timesteps: int) -> dict[str, Any]:
    """Return the parameters of a model for a trial.

    Args:
        name: name of the model.
        trial: trial that suggests the parameters of the model's `space`.
        fixed: parameters that are not searched.
        longest: days of context that every origin has.
        timesteps: the lookback, 0 to let the trial choose it.
    """
    lookback = {LOOKBACK: timesteps} if timesteps and LOOKBACK in models.parameters(name) else {}
    fixed = {**fixed, **lookback}
    searched = models.load(name).space(_ConstrainedTrial(trial, fixed, longest))  # type: ignore[attr-defined]
    return {**searched, **fixed}


class _ConstrainedTrial:
    """Trial that is not asked for fixed parameters, nor for more context than there is."""

    def __init__(self, trial: Trial, fixed: Mapping[str, Any], longest: int) -> None:
        self._trial, self._fixed, self._longest = trial, fixed, longest

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        def suggested(name: str, *args: Any, **more: Any) -> Any:
            if name in self._fixed:
                return self._fixed[name]
            if name == LOOKBACK and self._longest < max(args):
                # Without a step: the longest that there is context for need not be on one.
                return self._trial.suggest_int(name, *(min(bound, self._longest) for bound in args))
            return getattr(self._trial, kind)(name, *args, **more)

        return suggested


def check(candidate: Candidate, longest: int) -> None:
    """Refuse parameters with which no trial could be made.

    Args:
        candidate: model with the parameters that are not searched.
        longest: days of context that every origin has.

    Raises:
        InputError: a parameter is unknown, or the lookback is longer than the context.
    """
    prototype(candidate)
    if (lookback := candidate.params.get(LOOKBACK, 0)) > longest:
        raise InputError(
            f"expected a lookback of at most {longest} days for {candidate.name}, got {lookback}: give a longer "
            "--max-lookback"
        )
