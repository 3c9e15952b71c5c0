"""The key of a step: everything that its outcome depends on, each part with a digest of its own."""

import ast
import json
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pricecast.storage import digest_file, digest_text

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("pricecast", "flow_steps", "serving")
LIBRARIES = (
    "numpy", "scipy", "pandas", "polars", "pyarrow", "scikit-learn", "torch", "exchange_calendars",
    "bokeh_sampledata", "yfinance", "matplotlib", "skops", "safetensors", "mlflow", "jinja2",
    "xgboost-cpu", "lightgbm", "statsforecast", "arch", "keras", "statsmodels", "optuna",
)  # fmt: skip


def parts(
    step: str, params: dict[str, Any], inputs: dict[str, str], plugins: tuple[str, ...] = ()
) -> dict[str, str]:
    """Digests of the parts of a step's key, by name.

    Args:
        step: the entry point.
        params: typed parameters, artifact inputs left out.
        inputs: digest of each artifact input.
        plugins: modules that are loaded by name (a model, a source).
    """
    files = closure((f"flow_steps.{step}", *plugins))
    machine = {
        "threads": os.environ.get("OMP_NUM_THREADS") or _cores(),
        "cuda": Path("/dev/nvidiactl").exists() and os.environ.get("CUDA_VISIBLE_DEVICES", "all"),
    }
    return {
        "step": step,
        **{f"param {name}": _digest(value)[:16] for name, value in params.items()},
        **{f"input {name}": value for name, value in inputs.items()},
        **{f"code {name}": _digest_module(path) for name, path in files.items()},
        **{f"version of {name}": _version(name) for name in LIBRARIES},
        "version of python": platform.python_version(),
        **{f"machine {name}": str(value) for name, value in machine.items()},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cores() -> int:
    """Cores that this process may use, where the system says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def key(key_parts: dict[str, str]) -> str:
    """One digest over all parts."""
    return _digest(key_parts)


def difference(ours: dict[str, str], theirs: dict[str, str]) -> list[str]:
    """The parts that differ."""
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def shown(changed: list[str], limit: int = 4) -> str:
    """Parts for the log, what a user sets first."""
    changed = sorted(changed, key=lambda name: (not name.startswith("param"), not name.startswith("input")))
    more = f" and {len(changed) - limit} more" if len(changed) > limit else ""
    return ", ".join(changed[:limit]) + more


def closure(modules: tuple[str, ...]) -> dict[str, Path]:
    """The project's files that modules import, directly or not, themselves included."""
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = module_path(name)
        if path is None or name in found:
            continue
        found[name] = path
        waiting += [name.rpartition(".")[0], *_imports(path)]
    return dict(sorted(found.items()))


def module_path(name: str) -> Path | None:
    """The file of a module of the project, None for anybody else's."""
    if name.split(".")[0] not in PACKAGES:
        return None
    base = ROOT.joinpath(*name.split("."))
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def _digest_module(path: Path) -> str:
    """A module's digest, with that of files that share its stem (a report's template, say)."""
    beside = sorted(path.parent.glob(f"{path.stem}.*"))
    return _digest([digest_file(file) for file in beside])[:16]


@cache
def _imports(path: Path) -> tuple[str, ...]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from pricecast import metrics` names a module, `from pricecast.schema import X` does not.
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)


def _digest(value: Any) -> str:
    return digest_text(json.dumps(value, sort_keys=True, default=str))
