"""The base of the networks on windows of scaled features: hyperparameters, fit, predict and their files."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from pricecast.dataset.panel import Panel
from pricecast.defaults import LONGEST_LOOKBACK
from pricecast.errors import InputError
from pricecast.models import Forecast, OnEpoch, _lookback, _quantiles, _torch, check_shape, read_state, write_state
from pricecast.schema import QUANTILE_LEVELS

# Products of fewer than 12 columns round by where a row starts in memory, and a recurrent layer has at least three
# gates a unit; the largest are enough for any panel, and small enough to allocate before a file has been checked.
BOUNDS = {"hidden_dim": (4, 4096), "num_layers": (1, 16), "lookback": (1, LONGEST_LOOKBACK)}
LINE = 16
_Shape = tuple[tuple[int, ...], torch.dtype]


class Linear(nn.Linear):
    """A linear layer on rows padded with zeros to whole cache lines of `LINE` numbers.

    Libraries choose a product's instructions, and so its roundings, by where in memory a row starts; rows of any
    other length would start differently at every place in the batch.
    """

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map (batch, in_features) to (batch, out_features)."""
        missing = (0, -self.in_features % LINE)
        if missing == (0, 0):
            return super().forward(inputs)
        weight = nn.functional.pad(self.weight, missing)
        return nn.functional.linear(nn.functional.pad(inputs, missing), weight, self.bias)


@dataclass(eq=False)
class Neural:
    """A network with one output per horizon (loss mse) or per horizon and quantile (pinball).

    Attributes:
        hidden_dim: width of the network.
        dropout: share of activations that training leaves out.
        lookback: days in a window.
        loss: a key of `_torch.LOSSES`.
        learning_rate: of Adam.
        batch_size: origins in a step.
        epochs: at most, or exactly where there is nothing to stop on.
        patience: epochs without a better validation loss before it stops.
        clip: largest norm of a step's gradient.
        samples_per_epoch: at most, so that an epoch of a large panel ends.
        seed: of the first weights, the order of origins and dropout.
    """

    hidden_dim: int = 64
    dropout: float = 0.2
    lookback: int = 60
    loss: str = "pinball"
    learning_rate: float = 0.001
    batch_size: int = 32
    epochs: int = 30
    patience: int = 5
    clip: float = 1.0
    samples_per_epoch: int = 16384
    seed: int = 0

    def _network(self, input_dim: int, outputs: int) -> nn.Module:
        """Return the network, which maps windows (batch, lookback, input_dim) to (batch, outputs)."""
        raise NotImplementedError

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, on_epoch: OnEpoch | None = None) -> Self:
        """Train with early stopping on `valid`, or for `epochs` when it is empty.

        Raises:
            InputError: a parameter is out of range, the loss is not known or does not stay finite, or the lookback
                is longer than the dataset's context.
        """
        self._check(panel.spec.max_lookback)
        training = _torch.Training(
            self.lookback, self.loss, self.learning_rate, self.batch_size, self.epochs, self.patience, self.clip,
            self.samples_per_epoch, self.seed,
        )  # fmt: skip
        self.input_dim_, self.horizon_ = panel.X.shape[1], panel.spec.horizon
        with _torch.seeded(self.seed):
            self.network_ = self._network(self.input_dim_, self._outputs())
            self.best_epoch_ = _torch.train(self.network_, panel, train, valid, training, on_epoch)
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Forecast quantiles of log returns, or their centre alone under the loss mse.

        Raises:
            InputError: the panel does not have the features and the horizon of the training.
        """
        check_shape(type(self).__module__.rpartition(".")[2], panel, self.horizon_, self.input_dim_)
        outputs = _torch.predict(self.network_, panel, origins, self.lookback)
        if self.loss == "mse":
            return Forecast(center=panel.to_returns(outputs, origins))
        levels = outputs.reshape(len(origins), self.horizon_, len(QUANTILE_LEVELS))
        return _quantiles.forecast(levels, panel, origins)

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors and the shapes as JSON."""
        shapes = {"input_dim": self.input_dim_, "horizon": self.horizon_, "best_epoch": self.best_epoch_}
        write_state(folder, shapes)
        save_file(self.network_.state_dict(), folder / "weights.safetensors")

    def load(self, folder: Path) -> Self:
        """Read the files that `save` wrote.

        Raises:
            InputError: the weights are not those of a network of these parameters and shapes.
        """
        state = read_state(folder)
        self.input_dim_, self.horizon_ = state["input_dim"], state["horizon"]
        self.best_epoch_ = state["best_epoch"]
        weights = load_file(folder / "weights.safetensors")
        if _shapes(weights) != self._expected(sum(tensor.numel() for tensor in weights.values())):
            raise InputError(f"expected the weights of the network in {folder}, got others: train it again")
        with _torch.seeded(self.seed):
            self.network_ = self._network(self.input_dim_, self._outputs())
        self.network_.load_state_dict(weights)
        return self

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Suggest hyperparameters."""
        return {
            "hidden_dim": trial.suggest_categorical("hidden_dim", [16, 32, 64, 128]),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5),
            "lookback": trial.suggest_int("lookback", 10, 60, step=10),
            "learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True),
            "batch_size": trial.suggest_categorical("batch_size", [32, 64, 128, 256]),
        }

    def _outputs(self) -> int:
        return self.horizon_ * (1 if self.loss == "mse" else len(QUANTILE_LEVELS))

    def _expected(self, most: int) -> dict[str, _Shape]:
        """Return the weights' shapes and types without allocating them: a damaged file may ask for too much."""
        self._check(self.lookback)
        if not 1 <= min(self.input_dim_, self.horizon_) <= max(self.input_dim_, self.horizon_) <= most:
            return {}
        with torch.device("meta"):
            return _shapes(self._network(self.input_dim_, self._outputs()).state_dict())

    def _check(self, max_lookback: int) -> None:
        if self.loss not in _torch.LOSSES:
            raise InputError(f"expected loss out of {', '.join(_torch.LOSSES)}, got {self.loss!r}")
        _lookback.check_days("lookback", self.lookback, max_lookback)
        if not 0 <= self.dropout < 1:
            raise InputError(f"expected a dropout of 0 to below 1, got {self.dropout}")
        for name, value in {field.name: getattr(self, field.name) for field in fields(self)}.items():
            if name not in ("loss", "dropout", "patience", "seed") and value <= 0:
                raise InputError(f"expected {name} above zero, got {value}")
            least, most = BOUNDS.get(name, (value, value))
            if not least <= value <= most:
                raise InputError(f"expected {name} of {least} to {most}, got {value}: choose one in between")


class Layered(Neural):
    """A network with a number of layers as a further parameter."""

    num_layers: int

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Suggest hyperparameters."""
        return {**Neural.space(trial), "num_layers": trial.suggest_int("num_layers", 1, 3)}


def _shapes(weights: dict[str, torch.Tensor]) -> dict[str, _Shape]:
    return {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in weights.items()}
