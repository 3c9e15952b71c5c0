"""Candidates from the options of a command: a model, its parameters and settings."""

from collections.abc import Mapping
from typing import Any

from pricecast import models
from pricecast.forecasting.settings import Settings
from pricecast.forecasting.walk_plan import Candidate

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
