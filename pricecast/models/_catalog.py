"""Which models there are and what they say of themselves, without importing any of them."""

import ast
import importlib
import importlib.util
import pkgutil
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pricecast.errors import InputError
from pricecast.text import short

PACKAGE = "pricecast.models"
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


def names() -> list[str]:
    """Return the models there are, by file name."""
    return sorted(
        info.name
        for info in pkgutil.iter_modules(importlib.import_module(PACKAGE).__path__)
        if not info.name.startswith("_")
    )


def check_name(name: str) -> None:
    """Refuse a model that there is no file for.

    Raises:
        InputError: there is none.
    """
    if name not in names():
        raise InputError(f"expected a model out of {', '.join(names())}, got {short(name)}: choose from these")


def about(name: str) -> About:
    """Return the facts that a model's class body states, read without importing it.

    Raises:
        InputError: there is no such model.
    """
    check_name(name)
    spec = importlib.util.find_spec(f"{PACKAGE}.{name}")
    assert spec is not None  # noqa: S101 - the name was found a line above
    assert spec.origin is not None  # noqa: S101
    return _read_about(Path(spec.origin))


def missing(name: str) -> list[str]:
    """Return the packages that a model needs and that are not installed.

    Raises:
        InputError: there is no such model.
    """
    return [package for package in about(name).requires if not _is_installed(package)]


def lacks(name: str) -> str:
    """Say what a model lacks and how to get it."""
    packages = missing(name)
    return (
        f"{name} needs {', '.join(packages)}, which {'are' if len(packages) > 1 else 'is'} not installed "
        "(pip install -e '.[models]')"
    )


def choose(wanted: list[str]) -> tuple[list[str], list[str]]:
    """Return the models that names and families stand for, in the order given, each once.

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
    """Return the members that an ensemble is asked to have.

    Raises:
        InputError: there is none, one is not known, comes twice, or is an ensemble itself.
    """
    found = [part.strip() for part in text.split(",") if part.strip()]
    different = dict.fromkeys(found)
    # The first that is unknown ends it, so that a text without end does no harm.
    for name in different:
        check_name(name)
    if not found or len(different) < len(found) or any(about(name).family == ENSEMBLE for name in found):
        raise InputError(f"expected different models without ensembles as members, got {short(text)}")
    return found


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
    nodes = ast.parse(path.read_text(encoding="utf-8")).body
    body = next((node.body for node in nodes if isinstance(node, ast.ClassDef) and node.name == "Model"), None)
    if body is None:
        raise InputError(f"expected a class Model in {path.name}, got none: write one, or begin its name with _")
    known = {field.name for field in fields(About)}
    found = {}
    for node in body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if isinstance(target, ast.Name) and target.id in known:
                found[target.id] = ast.literal_eval(node.value)
    return About(**found)
