"""Checks of options against each other, before anything heavy is imported and before any run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pricecast import defaults, models
from pricecast.text import advice, listed


def problem(params: Mapping[str, Any]) -> str | None:
    """Return the first contradiction among the options of a command in words, None where there is none."""
    return next((text for check in _CHECKS for text in check(params)), None)


def _dates(params: Mapping[str, Any]) -> Iterator[str]:
    """Dates out of order; those that are given as text compare as they follow each other."""
    start, end, valid, test = (params.get(name, "") for name in ("start", "end", "valid_start", "test_start"))
    if start and end and start > end:
        yield f"expected a start on or before the end, got {start} and {end}: swap them"
    if bool(valid) != bool(test):
        yield "expected valid-start and test-start together, got one of them: give both or none"
    if valid and valid >= test:
        yield f"expected a valid-start before the test-start, got {valid} and {test}: swap them"
    if valid and start and valid <= start:
        yield f"expected a valid-start after the start, got {valid} and {start}: nothing would be left to train on"
    if test and end and test > end:
        yield f"expected a test-start on or before the end, got {test} and {end}: nothing would be left to test on"


def _shares(params: Mapping[str, Any]) -> Iterator[str]:
    valid, test = params.get("valid_size"), params.get("test_size")
    if valid is None or test is None:
        return
    if params["valid_start"]:
        given = {"valid-size": (valid, defaults.VALID_SIZE), "test-size": (test, defaults.TEST_SIZE)}
        if changed := [name for name, (value, default) in given.items() if value != default]:
            yield f"expected dates or shares of the spans, got valid-start and {changed[0]}: leave one of them out"
    elif valid + test >= 1:
        yield (
            "expected shares of the dates that leave some to train on, "
            f"got valid-size {valid} and test-size {test}: their sum has to be below 1"
        )


def _lookbacks(params: Mapping[str, Any]) -> Iterator[str]:
    longest = params.get("max_lookback", defaults.LONGEST_LOOKBACK)
    for name, what in {"lookback": "a lookback of", "timesteps": "timesteps of"}.items():
        if (days := params.get(name, 0)) > longest:
            yield f"expected {what} 1 to {longest}, got {days}: give a longer --max-lookback"


def _model_params(params: Mapping[str, Any]) -> Iterator[str]:
    """Parameters for models that are not named; an audit may name saved ones, which it judges itself."""
    given, words = params.get("model_params"), params.get("models")
    if not given or words is None or any("/" in word for word in words):
        return
    chosen, lacking = models.choose(list(words or (models.ALL,)))
    if text := unknown_params(given, [*chosen, *lacking]):
        yield text


def _quick(params: Mapping[str, Any]) -> Iterator[str]:
    """Names of models for a quick audit, which fits none."""
    names = [word for word in params.get("models", ()) if "/" not in word]
    if params.get("quick") and names:
        yield (
            f"expected models that are kept (models:/<id>) for a quick audit, got {listed(names)}: name those, or "
            "leave out --quick"
        )


def unknown_params(given: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return in words which models have parameters but are not among those named, "" where all are."""
    unknown = sorted(given.keys() - set(names))
    if not unknown:
        return ""
    near = advice(unknown[0], names)
    example = 'write them as \'{"lstm": {"dropout": 0.1}}\''
    return (
        f"expected --model-params by model ({listed(names, 30)}), got {listed(unknown)}: "
        f"{near if near.endswith('?') else example}"
    )


_CHECKS: tuple[Callable[[Mapping[str, Any]], Iterator[str]], ...] = (
    _dates,
    _shares,
    _lookbacks,
    _model_params,
    _quick,
)
