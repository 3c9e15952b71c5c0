"""JSON objects are held against type hints; a wrong key or value is named."""

from typing import Any

import pytest

from pricecast.errors import InputError
from pricecast.json_checks import check_object

FITS = [
    (1, int), (1.5, float), (1, float), ("a", str), (True, bool), (None, None), (None, int | None), (3, int | None),
    ([1, 2], tuple[int, ...]), ([], list[str]), ({"a": "b"}, dict[str, str]), ([[1.0], []], list[list[float]]),
    ({"any": object}, Any),
]  # fmt: skip
DOES_NOT_FIT = [
    (True, int), (1.0, int), ("1", int), (None, int), (1, str), (1, bool),
    (float("nan"), float), (float("inf"), float), (True, float),
    ([1, "2"], tuple[int, ...]), ("ab", list[str]), ({"a": 1}, dict[str, str]), ([[True]], list[list[float]]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "hint"), FITS)
def test_a_value_of_the_type_comes_back_as_it_is(value, hint):
    values = {"key": value}
    assert check_object(values, {"key": hint}, "a file") is values


@pytest.mark.parametrize(("value", "hint"), DOES_NOT_FIT)
def test_a_value_of_another_type_is_named(value, hint):
    with pytest.raises(InputError, match="expected key in a file to be of type"):
        check_object({"key": value}, {"key": hint}, "a file")


@pytest.mark.parametrize(("values", "name"), [({}, "a"), ({"a": 1, "b": 2}, "b"), ({"A": 1}, "A, a")])
def test_missing_and_unknown_keys_are_named(values, name):
    with pytest.raises(InputError, match=f"missing or unknown: {name}:"):
        check_object(values, {"a": int}, "a file")


@pytest.mark.parametrize("values", [[], "text", None, 1])
def test_what_is_no_object_is_refused(values):
    with pytest.raises(InputError, match="expected a JSON object in a file, got"):
        check_object(values, {"a": int}, "a file")
