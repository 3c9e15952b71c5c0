"""Failures of single models: the reason, what counts as one, and when nobody is left."""

import errno
import pickle

import numpy as np
import pytest

from pricecast.errors import InputError
from pricecast.failures import Failure, ModelError, check_left, one_model
from pricecast.model_output import FARTHEST, Forecast, check_forecast
from pricecast.schema import QUANTILE_LEVELS


def failure_of(error, **more):
    with pytest.raises(ModelError) as caught, one_model("har", "be fitted", **more):
        raise error
    assert str(caught.value) == caught.value.failure.reason
    return caught.value.failure


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (InputError("expected a day, got none: give one"), "expected a day, got none: give one"),
        (np.linalg.LinAlgError("Singular matrix"), "LinAlgError: Singular matrix"),
        (KeyError("x"), "KeyError: 'x'"),
        (RuntimeError("first\n  second."), "RuntimeError: first second"),
        (MemoryError(), "MemoryError"),
        (AssertionError(), "AssertionError"),
        (RecursionError("maximum depth"), "RecursionError: maximum depth"),
        (OSError("cannot open shared object"), "OSError: cannot open shared object"),
        (UserWarning("as an error"), "UserWarning: as an error"),
        (ValueError("\x1b[31m red"), "ValueError:  [31m red"),
    ],
)
def test_whatever_a_model_raises_is_its_reason_in_one_line(error, says):
    failure = failure_of(error)
    assert failure.reason.startswith(f"har cannot be fitted: {says}")
    assert failure.reason.isprintable()
    assert failure.trace.startswith("Traceback")
    assert pickle.loads(pickle.dumps(failure)) == failure  # noqa: S301 - between processes of one fit


def test_a_long_message_keeps_its_end_which_says_what_to_do():
    reason = failure_of(InputError("expected " + "x" * 500 + ": train it again")).reason
    assert len(reason) < 300
    assert reason.endswith("x: train it again")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(143), OSError(errno.ENOSPC, "No space left")])
def test_what_is_no_models_failure_goes_on_as_it_is(error):
    with pytest.raises(type(error)) as caught, one_model("har", "be fitted"):
        raise error
    assert caught.value is error


def test_errors_of_others_go_on_as_they_are():
    with pytest.raises(LookupError) as caught, one_model("har", "be fitted", (LookupError,)):
        raise KeyError("a store")
    assert not isinstance(caught.value, ModelError)
    inner = ModelError(Failure("har cannot be imported: OSError"))
    with pytest.raises(ModelError) as caught, one_model("ensemble", "be fitted"):
        raise inner
    assert caught.value is inner


def test_nobody_left_is_an_error_that_gives_all_reasons():
    failures = {name: Failure(f"{name} cannot be fitted: it is {name}") for name in ("har", "knn")}
    check_left(failures, ["har", "knn", "drift"])
    check_left(failures, [])
    check_left({}, ["drift"])
    with pytest.raises(InputError, match="got none of 2: knn cannot be fitted: it is knn; har cannot be fitted"):
        check_left(failures, ["knn", "har"])


@pytest.mark.parametrize(
    "parts",
    [
        {"center": np.full((2, 1), np.nan)},
        {"center": np.full((2, 1), -np.inf)},
        {"center": np.full((2, 1), FARTHEST)},
        {"center": np.zeros(2)},
        {"center": np.zeros((1, 2))},
        {"center": np.zeros((2, 1)), "sigma": np.full((2, 1), np.nan)},
        {"center": np.zeros((2, 1)), "sigma": np.full((2, 1), -0.01)},
        {"center": np.zeros((2, 1)), "sigma": np.zeros((2, 2))},
        {"center": np.zeros((2, 1)), "quantiles": np.full((2, 1, len(QUANTILE_LEVELS)), np.inf)},
        {"center": np.zeros((2, 1)), "quantiles": np.zeros((2, 1, 3))},
    ],
)
def test_nonsense_is_no_forecast(parts):
    with pytest.raises(InputError, match="expected forecasts of har that are log returns within 300"):
        check_forecast("har", Forecast(**parts), (2, 1))


def test_sound_forecasts_pass_unchanged():
    levels = np.arange(len(QUANTILE_LEVELS)) / 100
    for more in ({}, {"sigma": np.zeros((2, 1))}, {"quantiles": np.tile(levels, (2, 1, 1))}):
        forecast = Forecast(np.zeros((2, 1)), **more)
        assert check_forecast("har", forecast, (2, 1)) is forecast
