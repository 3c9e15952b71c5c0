"""What MLproject has to say, derived from the click options."""

import importlib

import click
import yaml

from main import STEPS
from main import main as pipeline

TYPES = {"integer range": "int", "float range": "float"}


def commands() -> dict[str, click.Command]:
    return {"main": pipeline, **{name: importlib.import_module(f"flow_steps.{name}").main for name in STEPS}}


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
