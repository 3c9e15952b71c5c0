"""Experiments: named configurations of models in a YAML file, to be compared with one another."""

import re
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pricecast import models
from pricecast.errors import InputError
from pricecast.evaluation.scores import NAIVES
from pricecast.failures import ModelError
from pricecast.text import short

SEED = "seed"
MODEL = "lstm"
# A name becomes part of run names and file names; more experiments than these fit no page.
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,39}")
_MOST, _LONGEST = 26, 500
_DEFAULTS: dict[str, Any] = {"description": "", "model": MODEL, "params": {}}


@dataclass(frozen=True)
class Experiment:
    """Model with the parameters that differ from its defaults, and the purpose in words."""

    name: str
    description: str
    model: str
    params: dict[str, Any]


class _Loader(yaml.SafeLoader):
    """Loader of safe YAML that refuses names that come twice: the first would be lost without a word."""

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
        path: YAML file with `description`, `model` (by default lstm) and `params` (that differ from its defaults)
            by name.

    Raises:
        InputError: the file is no such file, or names an unknown model or parameter.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"expected a YAML file of experiments at {path}, got: {_line(error)}") from error
    if not isinstance(content, dict) or not 1 <= len(content) <= _MOST:
        raise InputError(
            f"expected 1 to {_MOST} experiments by name in {path}, got {short(content)}: see experiments/abc.yaml"
        )
    return [_experiment(name, about) for name, about in content.items()]


def _experiment(name: Any, about: Any) -> Experiment:
    if not (isinstance(name, str) and _NAME.fullmatch(name)) or name in NAIVES:
        raise InputError(
            "expected a name of letters, digits, _, . and - (at most 40, none of the naive models) for an "
            f"experiment, got {short(name)}"
        )
    fields = {**_DEFAULTS, **about} if isinstance(about, dict) else {}
    if fields.keys() != _DEFAULTS.keys() or any(type(fields[key]) is not type(_DEFAULTS[key]) for key in fields):
        raise InputError(
            f"expected of experiment {name} a description and a model in words and params by name, got "
            f"{short(about)}: see experiments/abc.yaml"
        )
    experiment = Experiment(name, **fields)
    if len(experiment.description) > _LONGEST or not experiment.description.isprintable():
        raise InputError(f"expected a description of {name} in {_LONGEST} printable characters on one line")
    if SEED in experiment.params:
        raise InputError(f"expected no seed in the params of {name}, got one: --seeds and --seed give them")
    with suppress(ModelError):  # of a model that cannot be imported, which fails when it is its turn
        models.create(experiment.model, experiment.params)
    return experiment


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
