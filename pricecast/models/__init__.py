"""The models: one file each, discovered by its name, one contract, and the creation of a model by name.

A file `pricecast/models/<name>.py` holds a class `Model`:

- the constructor stores its arguments and does nothing else;
- `fit(panel, train, valid, on_epoch=None)` learns from the origins `train`, may stop early on `valid` (which
  is empty when there is nothing to stop on), calls `on_epoch(epoch, losses)` after each epoch, returns self;
- `predict(panel, origins)` returns a `Forecast` of log returns and looks at no row after an origin;
- `save(folder)` and `load(folder)` keep the learned state in formats that cannot run code;
- `lookback` is the number of days of context that it sees;
- `space(trial)`, where there is something to tune, suggests its hyperparameters.

The class body states the facts of `About` as literals: they are read without importing the file, so that neither a
slow library nor a missing one stands in the way of a list of models.
"""

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from pricecast.errors import InputError
from pricecast.failures import one_model
from pricecast.model_output import Forecast
from pricecast.models._catalog import (
    ALL,
    ENSEMBLE,
    FAMILIES,
    About,
    about,
    check_name,
    check_words,
    choose,
    lacks,
    members,
    missing,
    names,
)
from pricecast.models._state import check_shape, check_tickers, floats, read_state, write_state
from pricecast.text import short

if TYPE_CHECKING:  # a list of the models, for the help of a command, needs no table
    from pricecast.dataset.panel import Panel

__all__ = [
    "ALL", "FAMILIES", "About", "Forecast", "Model", "OnEpoch", "about", "check_name", "check_shape",
    "check_tickers", "check_words", "choose", "create", "floats", "lacks", "load", "members", "missing", "names",
    "parameters", "params_of", "parts", "read_state", "settle", "teaching", "write_state",
]  # fmt: skip

# A text that is a parameter is a name or a few.
_MAX_TEXT = 1000

# Called with the number of the epoch, from 1, and its losses by name.
OnEpoch = Callable[[int, dict[str, float]], None]


class Model(Protocol):
    """The contract that the module's docstring describes."""

    lookback: int

    def fit(self, panel: "Panel", train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Learn from origins and return self.

        Args:
            panel: with the rows of all origins and of their labels.
            train: (n,) row numbers of the origins to learn from.
            valid: (m,) row numbers of the origins to stop early on, perhaps none.
            on_epoch: called after each epoch.
        """
        ...

    def predict(self, panel: "Panel", origins: np.ndarray) -> Forecast:
        """Forecast the log returns of origins (n,) over all horizons."""
        ...

    def save(self, folder: Path) -> None:
        """Write the learned state into a folder."""
        ...

    def load(self, folder: Path) -> Self:
        """Read the learned state that `save` wrote and return self."""
        ...


def teaching(model: Model, panel: "Panel", train: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of a past that a model learns from: the ordinary ones, or all if it has parameters by ticker.

    Args:
        model: the unfitted model.
        panel: with the rows.
        train: (n,) row numbers with known labels.
        valid: (m,) the same, to stop early on; perhaps none.
    """
    if getattr(model, "by_ticker", False):
        return train, valid
    kept = panel.ordinary(np.concatenate([train, valid]))
    learn, stop = train[np.isin(train, kept)], valid[np.isin(valid, kept)]
    return (learn, stop) if len(learn) and len(stop) >= min(len(valid), 1) else (train, valid)


def parts(name: str, params: dict[str, Any]) -> list[str]:
    """Return the models whose code and packages a model needs: itself and, of an ensemble, its members."""
    if about(name).family != ENSEMBLE:
        return [name]
    return [name, *members(str(params.get("members", parameters(name)["members"])))]


def load(name: str) -> type[Model]:
    """Import a model's class.

    Raises:
        InputError: there is no such model, or it lacks a package.
        ModelError: its file, or a library that it needs, cannot be imported.
    """
    check_name(name)
    if missing(name):
        raise InputError(f"expected the packages of the model, but {lacks(name)}")
    with one_model(name, "be imported"):
        return importlib.import_module(f"{__name__}.{name}").Model


def parameters(name: str) -> dict[str, Any]:
    """Return a model's hyperparameters with their defaults, as its constructor declares them."""
    return {key: value.default for key, value in inspect.signature(load(name)).parameters.items()}


def create(name: str, params: dict[str, Any]) -> Model:
    """Construct a model by name.

    Raises:
        InputError: there is no such model, it has no such parameter, or a value is of the wrong type.
        ModelError: it cannot be imported or made.
    """
    defaults = parameters(name)
    for key, value in params.items():
        if key not in defaults:
            raise InputError(
                f"expected parameters of {name} out of {', '.join(defaults) or '(none)'}, got {short(key)}"
            )
        _check_type(name, key, value, defaults[key])
    model = load(name)
    with one_model(name, "be made"):
        return model(**params)


def settle(name: str, params: dict[str, Any], common: dict[str, Any]) -> dict[str, Any]:
    """Merge a model's parameters with options for all models.

    Args:
        name: of the model.
        params: set for this model; they count more.
        common: set for all models, by parameter; those that are zero or that the model does not have are left out.

    >>> settle("moving_average", {}, {"lookback": 30, "epochs": 5})
    {'lookback': 30}
    >>> settle("moving_average", {"lookback": 10}, {"lookback": 30})
    {'lookback': 10}
    """
    known = parameters(name)
    return {**{key: value for key, value in common.items() if key in known and value}, **params}


def params_of(name: str, model: Model) -> dict[str, Any]:
    """Return the arguments that a model was constructed with."""
    prototype = getattr(model, "prototype", model)  # of many alike, one for each ticker
    return {key: getattr(prototype, key) for key in parameters(name)}


def _check_type(name: str, key: str, value: Any, default: Any) -> None:
    allowed = (int, float) if isinstance(default, float) else (type(default),)
    if isinstance(value, bool) != isinstance(default, bool) or not isinstance(value, allowed):
        raise InputError(
            f"expected {key} of {name} to be of type {type(default).__name__} like {default!r}, got {short(value)}"
        )
    if isinstance(value, str) and not (len(value) <= _MAX_TEXT and value.isprintable()):
        raise InputError(f"expected {key} of {name} in {_MAX_TEXT} printable characters, got {short(value)}")
    if isinstance(value, int | float) and not isinstance(value, bool) and not 0 <= value < 1e9:
        raise InputError(f"expected {key} of {name} to be zero or more, got {short(value)}")
