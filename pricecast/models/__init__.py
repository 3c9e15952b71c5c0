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

import ast
import importlib
import importlib.util
import inspect
import json
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from pricecast.errors import InputError
from pricecast.panel import Panel

Report = Callable[[int, dict[str, float]], None]
# What `--models` may name besides single models; a model without a family comes by its own name only.
FAMILIES = ("classical", "trees", "neural")
ALL = "all"
ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class About:
    """What a model's class body says of it.

    Attributes:
        family: one of `FAMILIES`, `ENSEMBLE`, or "" for a model that is trained only where it is named.
        calibrate: False keeps its own quantiles as they are.
        requires: the packages that it needs beyond the project's core.
        stops_early: it stops early on `valid`; any other model learns from those origins, too.
        whole_history: its forecast needs every bar from the first of its training on.
        across: its forecast of one ticker looks at the past of others.
    """

    family: str = ""
    calibrate: bool = True
    requires: tuple[str, ...] = ()
    stops_early: bool = False
    whole_history: bool = False
    across: bool = False


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


def names() -> list[str]:
    """The models there are, by file name."""
    return sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_"))


def check_name(name: str) -> None:
    """Refuses a model that there is no file for.

    Raises:
        InputError: there is none.
    """
    if name not in names():
        raise InputError(f"expected a model out of {', '.join(names())}, got {name!r}: choose from these")


def about(name: str) -> About:
    """The facts that a model's class body states, read without importing it.

    Raises:
        InputError: there is no such model.
    """
    check_name(name)
    spec = importlib.util.find_spec(f"{__name__}.{name}")
    assert spec is not None  # noqa: S101 - the name was found a line above
    assert spec.origin is not None  # noqa: S101
    return _read_about(Path(spec.origin))


def missing(name: str) -> list[str]:
    """The packages that a model needs and that are not installed.

    Raises:
        InputError: there is no such model.
    """
    return [package for package in about(name).requires if not _is_installed(package)]


def lacks(name: str) -> str:
    """Says what a model lacks and how to get it."""
    packages = missing(name)
    return (
        f"{name} needs {', '.join(packages)}, which {'are' if len(packages) > 1 else 'is'} not installed "
        "(pip install -e '.[models]')"
    )


def choose(wanted: list[str]) -> tuple[list[str], list[str]]:
    """The models that names and families stand for, in the order given, each once.

    Args:
        wanted: names of models, of `FAMILIES`, or `ALL`.

    Returns:
        The models to train, and those of a family that had to be left out for want of a package.

    Raises:
        InputError: a name is not known, or a model asked for by name lacks a package.
    """
    chosen: list[str] = []
    for word in wanted:
        if word not in (ALL, *FAMILIES):
            _check_choice(word)
            chosen.append(word)
            continue
        families = {name: about(name).family for name in names()}
        chosen += [name for name, family in families.items() if family and word in (ALL, family)]
    found = list(dict.fromkeys(chosen))
    left_out = [name for name in found if missing(name)]
    return [name for name in found if name not in left_out], left_out


def members(text: str) -> list[str]:
    """The members that an ensemble is asked to have.

    Raises:
        InputError: there is none, one is not known, comes twice, or is an ensemble itself.
    """
    found = [part.strip() for part in text.split(",") if part.strip()]
    for name in found:
        check_name(name)
    if not found or len(set(found)) < len(found) or any(about(name).family == ENSEMBLE for name in found):
        raise InputError(f"expected different models without ensembles as members, got {text!r}")
    return found


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


def _check_choice(name: str) -> None:
    if name not in names():
        raise InputError(
            f"expected models out of {', '.join(names())}, or {', '.join((ALL, *FAMILIES))}, got {name!r}: "
            "choose from these"
        )
    if missing(name):
        raise InputError(f"expected the packages of every model that is named, but {lacks(name)}")


def _is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


@cache
def _read_about(path: Path) -> About:
    body = next(
        node.body
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == "Model"
    )
    known = {field.name for field in fields(About)}
    found = {}
    for node in body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if isinstance(target, ast.Name) and target.id in known:
                found[target.id] = ast.literal_eval(node.value)
    return About(**found)


def _check_type(name: str, key: str, value: Any, default: Any) -> None:
    allowed = (int, float) if isinstance(default, float) else (type(default),)
    if isinstance(value, bool) != isinstance(default, bool) or not isinstance(value, allowed):
        raise InputError(
            f"expected {key} of {name} to be of type {type(default).__name__} like {default!r}, got {value!r}"
        )
    if isinstance(value, int | float) and not isinstance(value, bool) and not 0 <= value < 1e9:
        raise InputError(f"expected {key} of {name} to be zero or more, got {value!r}")
