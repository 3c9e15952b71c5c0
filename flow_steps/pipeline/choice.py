"""Selection of models by name and family."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from flow_steps.cli import checks
from flow_steps.cli.options import MODELS
from pricecast import models
from pricecast.errors import InputError
from pricecast.failures import Failure

_log = logging.getLogger(__name__)


def choose(wanted: Sequence[str], given: Mapping[str, Any]) -> tuple[list[str], dict[str, Failure]]:
    """Return the names of the models to train, and by name those left out because they lack a package.

    Args:
        wanted: names and families.
        given: parameters by model.

    Raises:
        InputError: a model is not known, lacks a package though it is named, or has parameters but is not trained.
    """
    names, lacking = resolve(wanted)
    left_out = {name: Failure(models.lacks(name)) for name in lacking}
    for failure in left_out.values():
        _log.warning("left out: %s", failure.reason)
    if not names:
        raise InputError(f"expected a model that can be trained, but {'; '.join(map(models.lacks, lacking))}")
    if problem := checks.unknown_params(given, names):
        raise InputError(problem)
    return names, left_out


def resolve(wanted: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the models that are meant, and those that are left out because they lack a package.

    Args:
        wanted: names and families; the default is taken as far as it is installed.

    Raises:
        InputError: a model is not known, or lacks a package though it is named.
    """
    if tuple(wanted) != MODELS:
        return models.choose(list(wanted))
    lacking = [name for name in MODELS if models.missing(name)]
    return [name for name in MODELS if name not in lacking], lacking


def split(given: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the addresses of saved models and the names of models among `given`; a name has no slash."""
    return [each for each in given if "/" in each], [each for each in given if "/" not in each]
