"""JSON objects checked against type hints, so that a file made by hand fails at the door and not deep inside."""

import math
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from pricecast.errors import InputError
from pricecast.text import short


def check_object(values: Any, hints: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the object unchanged if it has exactly the keys of the hints, each with a value of that type.

    Raises:
        InputError: it has not; the message names the first wrong key.
    """
    if not isinstance(values, dict):
        raise InputError(f"expected a JSON object in {where}, got {short(values)}: run the step that writes it")
    if odd := sorted(map(str, values.keys() ^ hints.keys())):
        raise InputError(
            f"expected the keys {', '.join(hints)} in {where}, missing or unknown: {', '.join(odd)}: "
            "run the step that writes it"
        )
    for key, hint in hints.items():
        if not _fits(values[key], hint):
            name = getattr(hint, "__name__", hint) if not get_args(hint) else hint
            raise InputError(
                f"expected {key} in {where} to be of type {name}, got {short(values[key])}: "
                "run the step that writes it"
            )
    return values


def _fits(value: Any, hint: Any) -> bool:
    kind, parts = get_origin(hint), get_args(hint)
    if kind is UnionType:
        return any(_fits(value, part) for part in parts)
    if kind in (list, tuple):
        return isinstance(value, (list, tuple)) and all(_fits(item, parts[0]) for item in value)
    if kind is dict:
        return isinstance(value, dict) and all(_fits(item, parts[1]) for item in value.values())
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value)
    return hint is Any or type(value) is (NoneType if hint is None else hint)
