"""The import closure of modules and its libraries, read from the files without running them."""

import ast
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pricecast.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("pricecast", "flow_steps", "serving")
# Code that determines results. In every key one constant stands for flow_steps.
_FOLLOWED = ("pricecast", "serving")
# They parse a command line and draw progress bars; no result depends on them.
_CONSOLE = {"click", "tqdm"}
# A bundle names the version of MLflow that it was written with; MLflow's servers and clients leave no trace in it.
_WITHOUT_REQUIREMENTS = {"mlflow", "mlflow-skinny", "mlflow-tracing"}


class Names(NamedTuple):
    """Imports of code: modules, and members of modules, which may be modules themselves."""

    modules: frozenset[str]
    members: frozenset[str]


def files(roots: Iterable[str]) -> dict[str, Path]:
    """Return the files of modules and of everything that they import of `pricecast` and `serving`, directly or not.

    Args:
        roots: dotted names of modules of the project.

    Raises:
        InputError: there is no such module.
    """
    paths: dict[str, Path] = {}
    waiting = [(name, "a step's key") for name in roots]
    while waiting:
        name, importer = waiting.pop()
        if name not in paths:
            paths[name] = path = _existing(name, importer)
            waiting += [(imported, name) for imported in _imported(name, path)]
    return dict(sorted(paths.items()))


def libraries(paths: Iterable[Path]) -> dict[str, str]:
    """Return the versions of the distributions that files import, and of their requirements, by name."""
    modules = {name.partition(".")[0] for path in paths for name in _names_of(path).modules}
    foreign = modules - sys.stdlib_module_names - set(PACKAGES)
    waiting = [name for module in foreign for name in _distributions().get(module, [module])]
    versions: dict[str, str] = {}
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in versions and name not in _CONSOLE:
            versions[name] = _version(name)
            waiting += () if name in _WITHOUT_REQUIREMENTS else _required(name)
    return versions


def module_path(name: str) -> Path | None:
    """Return the file of a module of the project, None where there is none."""
    if name.split(".")[0] not in PACKAGES:
        return None
    base = ROOT.joinpath(*name.split("."))
    package, _, stem = name.rpartition(".")
    # A model or a source may lie in a folder that somebody added to the package.
    added = (Path(folder) / f"{stem}.py" for folder in getattr(sys.modules.get(package), "__path__", ()))
    candidates = (base.with_suffix(".py"), base / "__init__.py", *added)
    return next((path for path in candidates if path.is_file()), None)


def _existing(name: str, importer: str) -> Path:
    path = module_path(name)
    if path is None:
        raise InputError(f"expected a file of the module {name} that {importer} names, got none: correct the name")
    return path


def _imported(name: str, path: Path) -> set[str]:
    """Return the modules of the followed packages that run when a module is imported."""
    names = _names_of(path)
    # `from pricecast import metrics` names a module, `from pricecast.schema import X` does not.
    modules = {*names.modules, *filter(module_path, names.members), name.rpartition(".")[0]}
    return {module for module in modules if module.partition(".")[0] in _FOLLOWED}


def _names_of(path: Path) -> Names:
    return _names(path.read_text(encoding="utf-8"))


@cache
def _names(code: str) -> Names:
    modules, members = set[str](), set[str]()
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Import(names=aliases):
                modules |= {alias.name for alias in aliases}
            case ast.ImportFrom(module=str(module), names=aliases):
                modules.add(module)
                members |= {f"{module}.{alias.name}" for alias in aliases}
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module"),
                args=[ast.Constant(value=str(module)), *_],
            ):
                modules.add(module)
    return Names(frozenset(modules), frozenset(members))


@cache
def _distributions() -> dict[str, list[str]]:
    """Return the distributions by importable module; reading them takes a tenth of a second."""
    return dict(packages_distributions())


@cache
def _required(distribution: str) -> list[str]:
    """Return the distributions that one requires on this platform, without extras."""
    try:
        needed = [Requirement(line) for line in requires(distribution) or ()]
    except PackageNotFoundError:
        return []
    return [each.name for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]


@cache
def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
