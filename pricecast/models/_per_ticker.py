"""One model for each ticker, under the contract of one model."""

from pathlib import Path
from statistics import median
from typing import Any, Self

import numpy as np

from pricecast import model_output, models
from pricecast.dataset.dataset import MIN_TRAIN
from pricecast.dataset.panel import Panel
from pricecast.dataset.splits import STOP_SHARE
from pricecast.errors import InputError
from pricecast.models import Forecast, Model, OnEpoch, check_tickers, read_state, write_state
from pricecast.models._parted import parted
from pricecast.text import listed, short

# A folder each, and no bundle may have more entries.
_MOST = 10_000
_EPOCHS = dict[int, list[dict[str, float]]]


class PerTicker:
    """Fits a model of one kind on each ticker's own origins."""

    def __init__(self, name: str, params: dict[str, Any]) -> None:
        self._name, self._params = name, params
        self.prototype = models.create(name, params)
        self.lookback = self.prototype.lookback
        self.models_: dict[str, Model] = {}

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Fit ticker by ticker; the losses that are reported are means over the tickers that still train."""
        epochs: _EPOCHS = {}
        for ticker in np.unique(panel.tickers[np.concatenate([train, valid])]):
            learn, stop = (rows[panel.tickers[rows] == ticker] for rows in (train, valid))
            if len(valid):
                learn, stop = _enough(panel, learn, stop)
            model = models.create(self._name, self._params)
            # A ticker without anything to stop on has no validation loss to take a mean of.
            told = _into(epochs) if len(stop) or not len(valid) else None
            self.models_[str(ticker)] = model.fit(panel, learn, stop, told)
        for epoch, found in sorted(epochs.items()):
            if on_epoch:
                on_epoch(epoch, {key: float(np.mean([losses[key] for losses in found])) for key in found[0]})
        best = [model.best_epoch_ for model in self.models_.values() if hasattr(model, "best_epoch_")]
        if best:
            self.best_epoch_ = round(median(best))
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Each origin's forecast by its ticker's model.

        Raises:
            InputError: a ticker was not there in training.
        """
        tickers = panel.tickers[origins]
        if unseen := sorted(set(tickers) - self.models_.keys()):
            raise InputError(
                f"expected tickers that {self._name} was trained on ({listed(sorted(self.models_))}), got "
                f"{listed(unseen)}: train it with them"
            )
        groups = [np.flatnonzero(tickers == ticker) for ticker in np.unique(tickers)]
        parts = [self.models_[str(tickers[own[0]])].predict(panel, origins[own]) for own in groups]
        return model_output.join(parts).take(np.argsort(np.concatenate(groups)))

    def save(self, folder: Path) -> None:
        """Write a numbered folder for each ticker, and who is who as JSON."""
        write_state(folder, {"tickers": list(self.models_)})
        for number, model in enumerate(self.models_.values()):
            model.save(folder / str(number))

    def load(self, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            InputError: there is no list of different tickers.
        """
        tickers = read_state(folder)["tickers"]
        if not (isinstance(tickers, list) and len(tickers) <= _MOST):
            raise InputError(f"expected a list of tickers in {folder}, got {short(tickers)}: train it again")
        check_tickers(tickers, folder)
        for number, ticker in enumerate(tickers):
            self.models_[ticker] = models.create(self._name, self._params).load(folder / str(number))
        return self


def _enough(panel: Panel, train: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the two parts as they are, or cut anew by a ticker's own dates: it may be listed late or be gone early."""
    if len(train) >= MIN_TRAIN and len(valid):
        return train, valid
    own = np.concatenate([train, valid])
    learn, stop = parted(panel, own, STOP_SHARE)
    return (learn, stop) if len(learn) else (own, own[:0])


def _into(epochs: _EPOCHS) -> OnEpoch:
    return lambda epoch, metrics: epochs.setdefault(epoch, []).append(metrics)
