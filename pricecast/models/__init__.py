"""The models: one file each, one contract, discovered by file name.

A file `pricecast/models/<name>.py` holds a class `Model`:

- the constructor stores its arguments and does nothing else;
- `fit(panel, train, valid, on_epoch=None)` learns from the origins `train`, may stop early on `valid` (which
  is empty when there is nothing to stop on), calls `on_epoch(epoch, metrics)` once an epoch, returns self;
- `predict(panel, origins)` returns a `Forecast` of log returns and looks at no row after an origin;
- `save(folder)` and `load(folder)` keep the learned state in formats that cannot run code;
- `lookback` is the days of context it sees;
- `space(trial)`, where there is something to tune, suggests its hyperparameters.

The class body states the facts of `About` as literals: they are read without importing the file, so that neither a
slow library nor a missing one stands in the way of a list of models.
"""

import importlib
import inspect
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from pricecast.errors import InputError
from pricecast.model_output import Forecast
from pricecast.models._catalog import (
    ALL,
    ENSEMBLE,
    FAMILIES,
    About,
    about,
    check_name,
    choose,
    lacks,
    members,
    missing,
    names,
)
from pricecast.text import parse_ticker, short

if TYPE_CHECKING:  # a list of the models, for the help of a command, needs no table
    from pricecast.dataset.panel import Panel

__all__ = [
    "ALL", "FAMILIES", "About", "Forecast", "about", "check_name", "choose", "lacks", "members", "missing", "names",
]  # fmt: skip

# A text that is a parameter is a name or a few.
_MAX_TEXT = 1000

OnEpoch = Callable[[int, dict[str, float]], None]


class Model(Protocol):
    """The contract of the module's docstring."""

    lookback: int

    def fit(self, panel: "Panel", train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Learn from training origins and returns self."""
        ...

    def predict(self, panel: "Panel", origins: np.ndarray) -> Forecast:
        """Forecast the log returns of origins."""
        ...

    def save(self, folder: Path) -> None:
        """Keep the learned state."""
        ...

    def load(self, folder: Path) -> Self:
        """Read the learned state and returns self."""
        ...


def parts(name: str, params: dict[str, Any]) -> list[str]:
    """Return the models whose code and packages a model needs: itself, and its members if it is an ensemble."""
    if about(name).family != ENSEMBLE:
        return [name]
    return [name, *members(str(params.get("members", parameters(name)["members"])))]


def load(name: str) -> type[Model]:
    """Import the class `Model` of a file.

    Raises:
        InputError: there is no such file, or it lacks a package.
    """
    check_name(name)
    if missing(name):
        raise InputError(f"expected the packages of the model, but {lacks(name)}")
    return importlib.import_module(f"{__name__}.{name}").Model


def parameters(name: str) -> dict[str, Any]:
    """Return a model's hyperparameters with their defaults, as its constructor declares them."""
    return {key: value.default for key, value in inspect.signature(load(name)).parameters.items()}


def create(name: str, params: dict[str, Any]) -> Model:
    """Construct a model.

    Raises:
        InputError: there is no such model, it has no such parameter, or a value is of the wrong type.
    """
    known = parameters(name)
    for key, value in params.items():
        if key not in known:
            raise InputError(
                f"expected parameters of {name} out of {', '.join(known) or '(none)'}, got {short(key)}"
            )
        _check_type(name, key, value, known[key])
    return load(name)(**params)


def settle(name: str, given: dict[str, Any], common: dict[str, Any]) -> dict[str, Any]:
    """Merge a model's own parameters with common options, which count where the model knows them and set them."""
    known = parameters(name)
    return {**{key: value for key, value in common.items() if key in known and value}, **given}


def params_of(name: str, model: Model) -> dict[str, Any]:
    """Return the arguments a model was constructed with."""
    own = getattr(model, "prototype", model)  # of many alike, one for each ticker
    return {key: getattr(own, key) for key in parameters(name)}


def write_state(folder: Path, state: dict[str, Any]) -> None:
    """Write a small learned state as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state.json").write_text(json.dumps(state, sort_keys=True), encoding="utf-8")


def read_state(folder: Path) -> dict[str, Any]:
    """Read what `write_state` wrote."""
    return json.loads((folder / "state.json").read_text(encoding="utf-8"))


def check_shape(name: str, panel: "Panel", horizon: int, features: int | None = None) -> None:
    """Refuse a panel of other features, or another horizon, than a model learned.

    Raises:
        InputError: it has more or fewer.
    """
    width = panel.X.shape[1]
    if features is not None and features != width:
        raise InputError(
            f"expected the {features} features that {name} was trained on, got {width}: train it again"
        )
    if horizon != panel.spec.horizon:
        raise InputError(
            f"expected the {horizon} days ahead that {name} was trained for, got {panel.spec.horizon}: "
            "train it again"
        )


def floats(values: Any, where: Path, dims: int) -> np.ndarray:
    """Return an array of finite numbers out of JSON.

    Raises:
        InputError: it is none, or of another number of dimensions.
    """
    try:
        found = np.array(values, dtype=float)
    except (TypeError, ValueError, OverflowError):
        found = np.empty(())
    if found.ndim != dims or not np.isfinite(found).all():
        raise InputError(f"expected finite numbers in {where}, got {short(values)}: train it again")
    return found


def check_tickers(found: Collection[Any], where: object) -> None:
    """Refuse names out of a file that are no tickers, or come twice.

    Raises:
        InputError: one does.
    """
    for ticker in found:
        if parse_ticker(ticker) != ticker:
            raise InputError(f"expected tickers in upper case in {where}, got {short(ticker)}: train it again")
    if len(set(found)) < len(found):
        raise InputError(f"expected different tickers in {where}, got one twice: train it again")


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
