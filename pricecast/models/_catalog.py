"""The catalogue of models: their names and the facts that their files state, without importing any of them."""

import ast
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pricecast.errors import InputError
from pricecast.text import advice, short

PACKAGE = "pricecast.models"
# What `--models` may name besides single models; a model without a family comes by its own name only.
FAMILIES = ("classical", "trees", "neural")
ALL = "all"
ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class About:
    """The facts that a model's class body states.

    Attributes:
        family: one of `FAMILIES`, `ENSEMBLE`, or "" for a model that is trained only where it is named.
        calibrate: False keeps its own quantiles as they are.
        requires: the packages that it needs beyond the project's core.
        stops_early: it stops early on `valid`; any other model learns from those origins, too.
        whole_history: its forecast needs every bar since the first one of its training.
        across: its forecast of one ticker depends on the past of others.
        by_ticker: it has parameters for each ticker, so that it learns from odd tickers, too.
    """

    family: str = ""
    calibrate: bool = True
    requires: tuple[str, ...] = ()
    stops_early: bool = False
    whole_history: bool = False
    across: bool = False
    by_ticker: bool = False


def names() -> list[str]:
    """Return the names of all models, sorted: the files without an underscore beside this one."""
    return sorted(
        info.name
        for info in pkgutil.iter_modules(importlib.import_module(PACKAGE).__path__)
        if not info.name.startswith("_")
    )


def check_name(name: str) -> None:
    """Refuse the name of a model that does not exist.

    Raises:
        InputError: there is no such model.
    """
    if name not in (known := names()):
        raise InputError(f"expected a model out of {', '.join(known)}, got {short(name)}: {advice(name, known)}")


def check_words(words: Iterable[str]) -> None:
    """Refuse a word that names neither a model nor a family.

    Raises:
        InputError: a word is not known.
    """
    known = names()
    for word in words:
        if word not in (*known, ALL, *FAMILIES):
            families = (ALL, *FAMILIES)
            raise InputError(
                f"expected models out of {', '.join(known)}, or {', '.join(families)}, got {short(word)}: "
                f"{advice(word, (*known, *families))}"
            )


def about(name: str) -> About:
    """Return the facts of a model, read from its file without importing it.

    Raises:
        InputError: there is no such model.
    """
    check_name(name)
    spec = importlib.util.find_spec(f"{PACKAGE}.{name}")
    assert spec is not None  # noqa: S101 - check_name has passed
    assert spec.origin is not None  # noqa: S101
    return _read_about(Path(spec.origin))


def missing(name: str) -> list[str]:
    """Return the packages that a model needs but that are not installed.

    Raises:
        InputError: there is no such model.
    """
    return [package for package in about(name).requires if not _is_installed(package)]


def lacks(name: str) -> str:
    """Return in words which packages a model lacks, and how to install them."""
    packages = missing(name)
    extras = sorted({"torch" if package == "torch" else "models" for package in packages})
    return (
        f"{name} needs {', '.join(packages)}, which {'are' if len(packages) > 1 else 'is'} not installed "
        f"(pip install 'pricecast[{','.join(extras)}]')"
    )


def choose(words: list[str]) -> tuple[list[str], list[str]]:
    """Resolve names of models and families to models, in the order given, each once.

    Args:
        words: names of models, of `FAMILIES`, or `ALL`.

    Returns:
        The models to train, and those of a family that are left out because a package is missing.

    Raises:
        InputError: a name is not known, or a model asked for by name lacks a package.
    """
    check_words(words)
    chosen: list[str] = []
    for word in words:
        if word not in (ALL, *FAMILIES):
            _check_packages(word)
            chosen.append(word)
            continue
        families = {name: about(name).family for name in names()}
        chosen += [name for name, family in families.items() if family and word in (ALL, family)]
    distinct = list(dict.fromkeys(chosen))
    left_out = [name for name in distinct if missing(name)]
    return [name for name in distinct if name not in left_out], left_out


def members(text: str) -> list[str]:
    """Return the members that an ensemble's parameter names.

    Raises:
        InputError: there is none, one is not known, comes twice, or is an ensemble itself.

    >>> members("har, knn,forest")
    ['har', 'knn', 'forest']
    """
    listed = [part.strip() for part in text.split(",") if part.strip()]
    distinct = dict.fromkeys(listed)
    # The first unknown name ends the loop, so that a very long text does no harm.
    for name in distinct:
        check_name(name)
    if not listed or len(distinct) < len(listed) or any(about(name).family == ENSEMBLE for name in listed):
        raise InputError(f"expected different models without ensembles as members, got {short(text)}")
    return listed


def _check_packages(name: str) -> None:
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
    facts = {}
    for node in body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            if isinstance(target, ast.Name) and target.id in known:
                facts[target.id] = ast.literal_eval(node.value)
    return About(**facts)
