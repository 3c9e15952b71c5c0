"""Candidates from the options of a command: a model, its parameters and settings."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from pricecast import defaults, models
from pricecast.failures import ModelError
from pricecast.forecasting.settings import Settings
from pricecast.forecasting.walk_plan import Candidate, prototype
from pricecast.models._lookback import check_days

# Options for every model that has such a parameter, by the parameter's name.
_COMMON = {"lookback": "lookback", "epochs": "epochs", "hidden_dim": "lstm_units", "seed": "seed"}
_SWITCHES = ("per_ticker", "mondrian", "online", "early_stopping")


def make_candidate(name: str, given: Mapping[str, Any], params: Mapping[str, Any]) -> Candidate:
    """Return a model with its own parameters and those of the common options.

    Args:
        name: of the model.
        given: its own parameters, which take precedence over the common options.
        params: of the step.
    """
    common = {key: params[option] for key, option in _COMMON.items()}
    settings = Settings(**{switch: params[switch] for switch in _SWITCHES})
    return Candidate(name, models.settle(name, dict(given), common), settings)


def overridden(given: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model's own parameters out of a file, with the values of those options that are set.

    An option is set where it has another value than its default, which `mlflow run` passes on, too.

    >>> overridden({"epochs": 100, "dropout": 0.1}, {"lookback": 0, "epochs": 1})
    {'epochs': 1, 'dropout': 0.1}
    """
    return {name: params.get(_COMMON.get(name, "")) or value for name, value in given.items()}


def check_given(names: Iterable[str], params: Mapping[str, Any], longest: int) -> None:
    """Refuse what a user has set wrongly for models, before any work.

    Args:
        names: of the models.
        params: of the step, `model_params` by model among them.
        longest: days of context that every origin has, or will have.

    Raises:
        InputError: a parameter is unknown or of another type, or a lookback is longer than the context.
    """
    given = params["model_params"]
    is_common = any(params[option] for option in _COMMON.values())
    for name in names:
        own = given.get(name, {})
        # The defaults are right, and to look at them would import the model's library.
        if own or is_common or longest < defaults.MAX_LOOKBACK:
            with suppress(ModelError):  # of a model that cannot be imported, which fails when it is its turn
                check_candidate(make_candidate(name, own, params), longest)


def check_candidate(candidate: Candidate, longest: int) -> None:
    """Refuse a model whose parameters are wrong, or that looks back further than the context.

    Raises:
        InputError: a parameter is unknown or of another type, or the lookback is longer than `longest` days.
    """
    check_days("lookback", prototype(candidate).lookback, longest)
