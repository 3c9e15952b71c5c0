"""What a forecaster's file may say: checks of the values that were read."""

from typing import Any

import pandas as pd

from pricecast.calibration import Calibration
from pricecast.errors import InputError
from pricecast.models import Model
from pricecast.schema import FORECASTER_FILE
from pricecast.spec import Spec, is_day
from pricecast.text import short


def check_calibration(given: dict[str, Any] | None, calibrate: bool, horizon: int) -> Calibration | None:
    """The calibration, if there is one exactly where the model needs one."""
    if (given is None) == calibrate:
        raise InputError(
            f"expected a calibration (none for a model that keeps its own quantiles) in {FORECASTER_FILE}, got "
            f"{short(given)}: run the step that writes it"
        )
    return None if given is None else Calibration.from_json(given, horizon)


def check_starts(given: dict[str, str]) -> dict[str, str]:
    """First days by ticker."""
    try:
        pd.to_datetime(list(given.values()), format="%Y-%m-%d")
    except ValueError as error:
        raise InputError(
            f"expected dates as starts in {FORECASTER_FILE}, got {short(given)}: run the step that writes it"
        ) from error
    return given


def check_day(given: str) -> str:
    """The last date that was seen."""
    if not is_day(given):
        raise InputError(
            f"expected a date as fitted_until in {FORECASTER_FILE}, got {short(given)}: run the step that writes it"
        )
    return given


def check_lookback(model: Model, spec: Spec) -> Model:
    """A model that looks no farther back than its dataset."""
    if not 1 <= model.lookback <= spec.max_lookback:
        raise InputError(
            f"expected a lookback of 1 to {spec.max_lookback} days in {FORECASTER_FILE}, got {model.lookback}: "
            "run the step that writes it"
        )
    return model


def check_history(given: list[dict[str, float]]) -> tuple[dict[str, float], ...]:
    """Losses by epoch."""
    # One set of keys, or as a table the entries would be as wide as they are many.
    alike = {"epoch", "train_loss"}.union(*given[:1])
    if odd := [entry for entry in given if entry.keys() != alike]:
        raise InputError(
            f"expected epoch, train_loss and perhaps val_loss by epoch in {FORECASTER_FILE}, got {short(odd[0])}: "
            "run the step that writes it"
        )
    return tuple(given)
