"""Named configurations of models out of a YAML file, to be compared with one another."""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pricecast import models
from pricecast.errors import InputError
from pricecast.evaluation.scores import NAIVES
from pricecast.text import short

SEED = "seed"
MODEL = "lstm"
# A name becomes part of run names and file names, and more experiments than these fit no page.
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,39}")
_MOST, _LONGEST = 26, 500
_DEFAULTS: dict[str, Any] = {"description": "", "model": MODEL, "params": {}}


@dataclass(frozen=True)
class Experiment:
    """A model, what differs from its defaults, and in words what that is for."""

    name: str
    description: str
    model: str
    params: dict[str, Any]


class _Loader(yaml.SafeLoader):
    """YAML's safe part, without names that come twice: the first would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [str(key.value) for key, _ in node.value]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise yaml.YAMLError(f"{short(twice[0])} stands there twice")
        return super().construct_mapping(node, deep)


# YAML 1.1 takes 1e-3 for text.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+"), list("-+0123456789")
)


def read(path: Path) -> list[Experiment]:
    """Read a file of experiments.

    Args:
        path: YAML, by name `description`, `model` (by default lstm) and `params`, what differs from its defaults.

    Raises:
        InputError: the file is none, or names a model or a parameter that there is not.
    """
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"expected a YAML file of experiments at {path}, got: {_line(error)}") from error
    if not isinstance(found, dict) or not 1 <= len(found) <= _MOST:
        raise InputError(
            f"expected 1 to {_MOST} experiments by name in {path}, got {short(found)}: see experiments/abc.yaml"
        )
    return [_experiment(name, about) for name, about in found.items()]


def _experiment(name: Any, about: Any) -> Experiment:
    if not (isinstance(name, str) and _NAME.fullmatch(name)) or name in NAIVES:
        raise InputError(
            "expected a name of letters, digits, _, . and - (at most 40, none of the naive models) for an "
            f"experiment, got {short(name)}"
        )
    whole = {**_DEFAULTS, **about} if isinstance(about, dict) else {}
    if whole.keys() != _DEFAULTS.keys() or any(type(whole[key]) is not type(_DEFAULTS[key]) for key in whole):
        raise InputError(
            f"expected of experiment {name} a description and a model in words and params by name, got "
            f"{short(about)}: see experiments/abc.yaml"
        )
    made = Experiment(name, **whole)
    if len(made.description) > _LONGEST or not made.description.isprintable():
        raise InputError(f"expected a description of {name} in {_LONGEST} printable characters on one line")
    if SEED in made.params:
        raise InputError(f"expected no seed in the params of {name}, got one: --seeds and --seed give them")
    models.create(made.model, made.params)
    return made


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
