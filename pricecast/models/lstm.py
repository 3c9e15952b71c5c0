"""A long short-term memory network over windows of scaled features (Hochreiter & Schmidhuber 1997)."""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from pricecast.errors import InputError
from pricecast.models import Forecast, Report, _torch, read_state, write_state
from pricecast.panel import Panel
from pricecast.schema import MEDIAN, QUANTILE_LEVELS


class Network(nn.Module):
    """LSTM, batch first; the last time step through fc1 (16) and ReLU to fc2."""

    def __init__(self, input_dim: int, hidden_dim: int, num_layers: int, dropout: float, outputs: int) -> None:
        super().__init__()
        between = dropout if num_layers > 1 else 0.0
        self.lstm = nn.LSTM(input_dim, hidden_dim, num_layers, batch_first=True, dropout=between)
        self.fc1 = nn.Linear(hidden_dim, 16)
        self.fc2 = nn.Linear(16, outputs)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Maps windows (batch, lookback, features) to (batch, outputs)."""
        states, _ = self.lstm(windows)
        return self.fc2(torch.relu(self.fc1(states[:, -1])))


class Model:
    """The LSTM of the textbooks, with one output per horizon (loss mse) or per horizon and quantile (pinball)."""

    family: ClassVar[str] = "neural"
    stops_early: ClassVar[bool] = True
    calibrate: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("torch", "safetensors")

    def __init__(
        self,
        hidden_dim: int = 64,
        num_layers: int = 2,
        dropout: float = 0.2,
        lookback: int = 60,
        loss: str = "pinball",
        learning_rate: float = 0.001,
        batch_size: int = 32,
        epochs: int = 30,
        patience: int = 5,
        clip: float = 1.0,
        samples_per_epoch: int = 16384,
        seed: int = 0,
    ) -> None:
        self.hidden_dim = hidden_dim
        self.num_layers = num_layers
        self.dropout = dropout
        self.lookback = lookback
        self.loss = loss
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.clip = clip
        self.samples_per_epoch = samples_per_epoch
        self.seed = seed

    def fit(self, panel: Panel, train: np.ndarray, valid: np.ndarray, report: Report | None = None) -> Self:
        """Trains with early stopping on `valid`, or for `epochs` when it is empty.

        Raises:
            InputError: a parameter makes no network, the loss is not known or does not stay finite, or the lookback
                is longer than the dataset's context.
        """
        self._check(panel.spec.max_lookback)
        settings = _torch.Settings(
            self.lookback, self.loss, self.learning_rate, self.batch_size, self.epochs, self.patience, self.clip,
            self.samples_per_epoch, self.seed,
        )  # fmt: skip
        self.input_dim_, self.horizon_ = panel.X.shape[1], panel.spec.horizon
        with _torch.seeded(self.seed):
            self.network_ = self._network()
            self.best_epoch_ = _torch.train(self.network_, panel, train, valid, settings, report)
        return self

    def predict(self, panel: Panel, origins: np.ndarray) -> Forecast:
        """Quantiles of log returns, or their centre under mse."""
        outputs = _torch.predict(self.network_, panel, origins, self.lookback)
        if self.loss == "mse":
            return Forecast(center=panel.to_returns(outputs, origins))
        levels = outputs.reshape(len(origins), self.horizon_, len(QUANTILE_LEVELS))
        columns = [panel.to_returns(levels[:, :, level], origins) for level in range(levels.shape[2])]
        quantiles = np.sort(np.stack(columns, axis=2), axis=2)
        return Forecast(center=quantiles[:, :, MEDIAN], quantiles=quantiles)

    def save(self, folder: Path) -> None:
        """Writes the weights as safetensors and the shapes as JSON."""
        shapes = {"input_dim": self.input_dim_, "horizon": self.horizon_, "best_epoch": self.best_epoch_}
        write_state(folder, shapes)
        save_file(self.network_.state_dict(), folder / "weights.safetensors")

    def load(self, folder: Path) -> Self:
        """Reads what `save` wrote.

        Raises:
            InputError: the parameters ask for more weights than there are.
        """
        state = read_state(folder)
        self.input_dim_, self.horizon_ = state["input_dim"], state["horizon"]
        self.best_epoch_ = state["best_epoch"]
        weights = load_file(folder / "weights.safetensors")
        # Before it is built: a network of another size could take all memory.
        least = 4 * self.hidden_dim * (self.hidden_dim * self.num_layers + self.input_dim_)
        if max(least, self.horizon_) > sum(tensor.numel() for tensor in weights.values()):
            raise InputError(f"expected the weights of the network in {folder}, got fewer: train it again")
        self.network_ = self._network()
        self.network_.load_state_dict(weights)
        return self

    def _check(self, max_lookback: int) -> None:
        if self.loss not in _torch.LOSSES:
            raise InputError(f"expected loss out of {', '.join(_torch.LOSSES)}, got {self.loss!r}")
        if not 1 <= self.lookback <= max_lookback:
            raise InputError(
                f"expected a lookback of 1 to {max_lookback}, got {self.lookback}: "
                "transform with a longer --max-lookback"
            )
        if not 0 <= self.dropout < 1:
            raise InputError(f"expected a dropout of 0 to below 1, got {self.dropout}")
        for name in (
            "hidden_dim",
            "num_layers",
            "learning_rate",
            "batch_size",
            "epochs",
            "clip",
            "samples_per_epoch",
        ):
            if getattr(self, name) <= 0:
                raise InputError(f"expected {name} of the lstm above zero, got {getattr(self, name)}")

    def _network(self) -> Network:
        outputs = self.horizon_ * (1 if self.loss == "mse" else len(QUANTILE_LEVELS))
        return Network(self.input_dim_, self.hidden_dim, self.num_layers, self.dropout, outputs)
