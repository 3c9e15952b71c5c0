"""The models: one file each, one contract, discovered by file name.

A file `pricecast/models/<name>.py` holds a class `Model`:

- the constructor stores its arguments and does nothing else;
- `fit(panel, train, valid, report=None)` learns from the origins `train`, may stop early on `valid` (which
  is empty when there is nothing to stop on), calls `report(epoch, metrics)` once an epoch, returns self;
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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from pricecast.errors import InputError
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
from pricecast.panel import Panel

__all__ = [
    "ALL", "FAMILIES", "About", "about", "check_name", "choose", "lacks", "members", "missing", "names",
]  # fmt: skip

Report = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class Forecast:
    """Log returns from each origin: `center` (n, h), and at most one of `sigma` (n, h), `quantiles` (n, h, q)."""

    center: np.ndarray
    sigma: np.ndarray | None = None
    quantiles: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> "Forecast":
        """The forecasts of some of its origins."""
        rest = (None if part is None else part[rows] for part in (self.sigma, self.quantiles))
        return Forecast(self.center[rows], *rest)


def join(parts: Sequence[Forecast]) -> Forecast:
    """Puts forecasts of one model under one another."""

    def stacked(values: list[np.ndarray | None]) -> np.ndarray | None:
        found = [value for value in values if value is not None]
        return np.concatenate(found) if found else None

    center = np.concatenate([part.center for part in parts])
    return Forecast(center, stacked([part.sigma for part in parts]), stacked([part.quantiles for part in parts]))


class Model(Protocol):
    """The contract of the module's docstring."""

    lookback: int

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, report: Report | None = None) -> Self:
        """Learns from training origins and returns self."""
        ...

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Forecasts the log returns of origins."""
        ...

    def save(self, folder: Path) -> None:
        """Keeps the learned state."""
        ...

    def load(self, folder: Path) -> Self:
        """Reads the learned state and returns self."""
        ...


def parts(name: str, params: dict[str, Any]) -> list[str]:
    """The models whose code and packages a model needs: itself, and its members if it is an ensemble."""
    if about(name).family != ENSEMBLE:
        return [name]
    return [name, *members(str(params.get("members", parameters(name)["members"])))]


def load(name: str) -> type[Model]:
    """Imports the class `Model` of a file.

    Raises:
        InputError: there is no such file, or it lacks a package.
    """
    check_name(name)
    if missing(name):
        raise InputError(f"expected the packages of the model, but {lacks(name)}")
    return importlib.import_module(f"{__name__}.{name}").Model


def parameters(name: str) -> dict[str, Any]:
    """A model's hyperparameters with their defaults, as its constructor declares them."""
    return {key: value.default for key, value in inspect.signature(load(name)).parameters.items()}


def create(name: str, params: dict[str, Any]) -> Model:
    """Constructs a model.

    Raises:
        InputError: there is no such model, it has no such parameter, or a value is of the wrong type.
    """
    known = parameters(name)
    for key, value in params.items():
        if key not in known:
            raise InputError(f"expected parameters of {name} out of {', '.join(known) or '(none)'}, got {key!r}")
        _check_type(name, key, value, known[key])
    return load(name)(**params)


def settle(name: str, given: dict[str, Any], common: dict[str, Any]) -> dict[str, Any]:
    """Merges a model's own parameters with common options, which count where the model knows them and set them."""
    known = parameters(name)
    return {**{key: value for key, value in common.items() if key in known and value}, **given}


def params_of(name: str, model: Model) -> dict[str, Any]:
    """The arguments a model was constructed with."""
    own = getattr(model, "prototype", model)  # of many alike, one for each ticker
    return {key: getattr(own, key) for key in parameters(name)}


def write_state(folder: Path, state: dict[str, Any]) -> None:
    """Writes a small learned state as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state.json").write_text(json.dumps(state, sort_keys=True), encoding="utf-8")


def read_state(folder: Path) -> dict[str, Any]:
    """Reads what `write_state` wrote."""
    return json.loads((folder / "state.json").read_text(encoding="utf-8"))


def _check_type(name: str, key: str, value: Any, default: Any) -> None:
    allowed = (int, float) if isinstance(default, float) else (type(default),)
    if isinstance(value, bool) != isinstance(default, bool) or not isinstance(value, allowed):
        raise InputError(
            f"expected {key} of {name} to be of type {type(default).__name__} like {default!r}, got {value!r}"
        )
    if isinstance(value, int | float) and not isinstance(value, bool) and not 0 <= value < 1e9:
        raise InputError(f"expected {key} of {name} to be zero or more, got {value!r}")
