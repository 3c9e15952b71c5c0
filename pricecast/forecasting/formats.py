"""The formats of a forecaster's folder: the keys of forecaster.json in each, and the upgrades of older ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pricecast.errors import InputError
from pricecast.files import read_json
from pricecast.json_checks import check_object
from pricecast.schema import FORECASTER_FILE

# The format that this version writes; docs/compatibility.md says what a new one needs.
FORMAT = 4
_KEYS_1: dict[str, Any] = {
    "name": str, "params": dict[str, Any], "spec": dict[str, Any], "fitted_until": str,
    "calibration": dict[str, Any] | None, "settings": dict[str, Any], "starts": dict[str, str],
    "history": list[dict[str, float]],
}  # fmt: skip
_KEYS_2: dict[str, Any] = {"format": int, **_KEYS_1}
# Keys and types by format.
KEYS: dict[int, dict[str, Any]] = {1: _KEYS_1, 2: _KEYS_2, 3: _KEYS_2, 4: _KEYS_2}
# No format will ever have this number: what is larger was not written by a later version.
_ENDLESS = 1_000


def read(folder: Path) -> dict[str, Any]:
    """Return the content of forecaster.json as the newest format has it.

    Raises:
        InputError: the file is of no known format, or holds other keys or types than its format says.
    """
    content = read_json(folder / FORECASTER_FILE)
    number = number_of(content)
    content = check_object(content, KEYS[number], FORECASTER_FILE)
    for older in range(number, FORMAT):
        content = _UPGRADES[older](content)
    return content


def number_of(content: Any) -> int:
    """Return the format that the content of forecaster.json states; format 1 states none."""
    stated = isinstance(content, dict) and "format" in content
    return check_number(content["format"], FORECASTER_FILE) if stated else 1


def check_number(number: object, where: object, writer: str = "a newer pricecast") -> int:
    """Return the number of a format unchanged if this version reads it.

    Args:
        number: the number as it was read, of whatever type.
        where: the file that it was read from.
        writer: the version to install if the number is that of a later format.

    Raises:
        InputError: the number is that of a later format, or of none.
    """
    if type(number) is int and number in KEYS:
        return number
    expected = f"expected a format from 1 to {FORMAT} in {where}"
    if type(number) is int and FORMAT < number < _ENDLESS:
        raise InputError(f"{expected}, got format {number}: install {writer}")
    raise InputError(f"{expected}, got a value of type {type(number).__name__} that is none: train it again")


def _from_1(content: dict[str, Any]) -> dict[str, Any]:
    return {"format": 2, **content}


def _from_2(content: dict[str, Any]) -> dict[str, Any]:
    # Until then all tickers were calibrated together.
    calibration = content["calibration"]
    return {**content, "format": 3, "calibration": calibration and {**calibration, "own": {}}}


def _from_3(content: dict[str, Any]) -> dict[str, Any]:
    # Until then each horizon stayed as it was calibrated.
    calibration = content["calibration"]
    return {**content, "format": 4, "calibration": calibration and {**calibration, "smooth": False}}


_UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1, 2: _from_2, 3: _from_3}
