"""A network of gated recurrent units over windows of scaled features (Cho et al. 2014)."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from pricecast.models import _neural


class Network(nn.Module):
    """GRU, batch first; the last time step through fc1 (16) and ReLU to fc2."""

    def __init__(self, input_dim: int, hidden_dim: int, num_layers: int, dropout: float, outputs: int) -> None:
        super().__init__()
        between = dropout if num_layers > 1 else 0.0
        self.gru = nn.GRU(input_dim, hidden_dim, num_layers, batch_first=True, dropout=between)
        self.fc1 = _neural.Linear(hidden_dim, 16)
        self.fc2 = _neural.Linear(16, outputs)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Maps windows (batch, lookback, features) to (batch, outputs)."""
        states, _ = self.gru(windows)
        return self.fc2(torch.relu(self.fc1(states[:, -1])))


@dataclass(eq=False)
class Model(_neural.Neural):
    """The textbook LSTM with gated recurrent units in its place: a quarter fewer weights, no cell state."""

    family: ClassVar[str] = "neural"
    calibrate: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("torch", "safetensors")
    stops_early: ClassVar[bool] = True

    # torch steps through a GRU's days one by one on a CPU: larger batches spare a fifth of the time.
    batch_size: int = 64
    num_layers: int = 2

    def _network(self, input_dim: int, outputs: int) -> nn.Module:
        return Network(input_dim, self.hidden_dim, self.num_layers, self.dropout, outputs)

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Suggests hyperparameters."""
        return {**_neural.space(trial), "num_layers": trial.suggest_int("num_layers", 1, 3)}
