"""Checks of JSON objects against type hints, so that a damaged file fails where it is read."""

import math
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from pricecast.errors import InputError
from pricecast.text import short


def check_object(values: Any, hints: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a JSON object unchanged if it has exactly the keys of the hints, each with a value of that type.

    A float hint takes whole numbers, too, but no boolean, infinity or NaN; other types are taken exactly.

    Args:
        values: as read from JSON.
        hints: a type by key: one of JSON's, `list[...]`, `tuple[...]`, `dict[str, ...]`, a union of these or `Any`.
        where: the object's name in messages.

    Raises:
        InputError: it is no such object; the message names the first wrong key.

    >>> check_object({"horizon": 5, "levels": [0.05, 0.95]}, {"horizon": int, "levels": list[float]}, "spec")
    {'horizon': 5, 'levels': [0.05, 0.95]}
    >>> check_object({"horizon": "5"}, {"horizon": int}, "spec")
    Traceback (most recent call last):
    pricecast.errors.InputError: expected horizon in spec to be of type int, got '5': run the step that writes it
    """
    if not isinstance(values, dict):
        raise InputError(f"expected a JSON object in {where}, got {short(values)}: run the step that writes it")
    if odd_keys := sorted(map(str, values.keys() ^ hints.keys())):
        raise InputError(
            f"expected the keys {', '.join(hints)} in {where}, missing or unknown: {', '.join(odd_keys)}: "
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
    origin, args = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return any(_fits(value, member) for member in args)
    if origin in (list, tuple):
        return isinstance(value, (list, tuple)) and all(_fits(item, args[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(item, args[1]) for item in value.values())
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value)
    return hint is Any or type(value) is (NoneType if hint is None else hint)
