"""The folder of a forecaster: written in formats that cannot run code, verified when it is read."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_type_hints

import pandas as pd

from pricecast import models
from pricecast.dataset.scalers import Scalers
from pricecast.dataset.spec import Spec, check_scalers, is_day
from pricecast.errors import InputError
from pricecast.files import seal, verify, write_json
from pricecast.forecasting import formats
from pricecast.forecasting.calibration import Calibration
from pricecast.forecasting.settings import Settings, make
from pricecast.json_checks import check_object
from pricecast.models import Model
from pricecast.schema import FORECASTER_FILE
from pricecast.text import short


def write(
    folder: Path,
    *,
    name: str,
    model: Model,
    calibration: Calibration | None,
    spec: Spec,
    scalers: Scalers,
    fitted_until: str,
    history: tuple[dict[str, float], ...],
    settings: Settings,
    starts: Mapping[str, str],
) -> Path:
    """Write the fields of a `Forecaster` in the newest format, and seal the folder with a manifest."""
    model.save(folder / "model")
    scalers.save(folder)
    content = {
        "format": formats.FORMAT, "name": name, "params": models.params_of(name, model), "spec": asdict(spec),
        "fitted_until": fitted_until, "calibration": None if calibration is None else calibration.to_json(),
        "settings": asdict(settings), "starts": dict(starts), "history": list(history),
    }  # fmt: skip
    write_json(content, folder / FORECASTER_FILE)
    seal(folder)
    return folder


def read(folder: Path) -> dict[str, Any]:
    """Verify a folder of any known format, and return the fields of its `Forecaster` by name.

    Raises:
        InputError: a file is missing or damaged, or the format or the model is unknown.
    """
    verify(folder)
    content = formats.read(folder)
    name, spec = content["name"], Spec.from_json(content["spec"])
    settings = Settings(**check_object(content["settings"], get_type_hints(Settings), "the settings"))
    model = _check_lookback(make(name, content["params"], settings), spec)
    calibration = _check_calibration(content["calibration"], models.about(name).calibrate, spec.horizon)
    scalers = check_scalers(Scalers.load(folder), spec)
    return {
        "name": name, "model": model.load(folder / "model"), "calibration": calibration, "spec": spec,
        "scalers": scalers, "fitted_until": _check_day(content["fitted_until"]),
        "history": _check_history(content["history"]), "settings": settings,
        "starts": _check_starts(content["starts"]),
    }  # fmt: skip


def _check_calibration(values: dict[str, Any] | None, calibrate: bool, horizon: int) -> Calibration | None:
    """Return the calibration; there is one exactly where the model is to be calibrated."""
    if (values is None) == calibrate:
        raise InputError(
            f"expected a calibration (none for a model that keeps its own quantiles) in {FORECASTER_FILE}, got "
            f"{short(values)}: run the step that writes it"
        )
    return None if values is None else Calibration.from_json(values, horizon)


def _check_starts(starts: dict[str, str]) -> dict[str, str]:
    """Return the first days by ticker, unchanged."""
    try:
        pd.to_datetime(list(starts.values()), format="%Y-%m-%d")
    except ValueError as error:
        raise InputError(
            f"expected dates as starts in {FORECASTER_FILE}, got {short(starts)}: run the step that writes it"
        ) from error
    return starts


def _check_day(date: str) -> str:
    """Return the last date that was seen, unchanged."""
    if not is_day(date):
        raise InputError(
            f"expected a date as fitted_until in {FORECASTER_FILE}, got {short(date)}: run the step that writes it"
        )
    return date


def _check_lookback(model: Model, spec: Spec) -> Model:
    """Return the model, which looks no farther back than its dataset."""
    if not 1 <= model.lookback <= spec.max_lookback:
        raise InputError(
            f"expected a lookback of 1 to {spec.max_lookback} days in {FORECASTER_FILE}, got {model.lookback}: "
            "run the step that writes it"
        )
    return model


def _check_history(history: list[dict[str, float]]) -> tuple[dict[str, float], ...]:
    """Return the losses by epoch, unchanged."""
    # One set of keys for all, or a table of the entries could get as many columns as rows.
    keys = {"epoch", "train_loss"}.union(*history[:1])
    if odd := [entry for entry in history if entry.keys() != keys]:
        raise InputError(
            f"expected epoch, train_loss and perhaps val_loss by epoch in {FORECASTER_FILE}, got {short(odd[0])}: "
            "run the step that writes it"
        )
    return tuple(history)
