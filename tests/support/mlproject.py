"""Content of MLproject, derived from the click options; a copy of the project; how `mlflow run` is called."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import yaml

from flow_steps.cli.commands import FLOWS, STEPS
from main import main as pipeline
from tests.support.stress import ROOT

PARTS = ("pricecast", "flow_steps", "serving", "main.py", "MLproject", "conda.yaml", "pyproject.toml")
TYPES = {"integer range": "int", "float range": "float"}


def commands() -> dict[str, click.Command]:
    return {"main": pipeline, **STEPS, **FLOWS}


def entry_point(name: str, command: click.Command) -> dict:
    options = [option for option in command.params if isinstance(option, click.Option)]
    program = "python main.py" if name == "main" else f"python -m flow_steps.{name}"
    flags = {option.opts[0].removeprefix("--").replace("-", "_"): option for option in options}
    return {
        "parameters": {flag: parameter(option) for flag, option in flags.items()},
        "command": " ".join([program, *(f"{option.opts[0]} {{{flag}}}" for flag, option in flags.items())]),
    }


def parameter(option: click.Option) -> dict:
    kind = {"type": TYPES.get(option.type.name, "string")}
    if option.required:
        return kind
    default = str(option.default).lower() if isinstance(option.default, bool) else option.default
    return {**kind, "default": default}


def block() -> str:
    entries = {name: entry_point(name, command) for name, command in commands().items()}
    return yaml.safe_dump({"entry_points": entries}, sort_keys=False, width=100)


def copy_of_project(folder: Path) -> Path:
    """A copy of what the project needs, and of nothing else."""
    folder.mkdir(exist_ok=True)
    for name in PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def run_line(project: Path, params: Mapping[str, object], step: str = "main", manager: str = "local") -> list[str]:
    """The words of `mlflow run`."""
    words = [word for name, value in params.items() for word in ("-P", f"{name}={value}")]
    return [sys.executable, "-m", "mlflow", "run", str(project), "--env-manager", manager, "-e", step, *words]
