"""A convolutional network along the days of the window (LeCun & Bengio 1995)."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from pricecast.models import _neural

KERNEL = 3


class Network(nn.Module):
    """Convolution, ReLU, max pooling of pairs; convolution, ReLU, mean over time; fc1 (16) and ReLU to fc2."""

    def __init__(self, input_dim: int, hidden_dim: int, dropout: float, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(input_dim, hidden_dim, KERNEL, padding=KERNEL // 2)
        # An odd day at the end of the window is the newest one: ceil_mode keeps it.
        self.pool = nn.MaxPool1d(2, ceil_mode=True)
        self.conv2 = nn.Conv1d(hidden_dim, hidden_dim, KERNEL, padding=KERNEL // 2)
        self.dropout = nn.Dropout(dropout)
        self.fc1 = _neural.Linear(hidden_dim, 16)
        self.fc2 = _neural.Linear(16, outputs)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Map windows (batch, lookback, features) to (batch, outputs)."""
        states = self.pool(torch.relu(self.conv1(windows.transpose(1, 2))))
        means = torch.relu(self.conv2(states)).mean(dim=2)
        return self.fc2(torch.relu(self.fc1(self.dropout(means))))


@dataclass(eq=False)
class Model(_neural.Neural):
    """A network that sees patterns of a few days, wherever they are in the window."""

    family: ClassVar[str] = "neural"
    calibrate: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("torch", "safetensors")
    stops_early: ClassVar[bool] = True

    hidden_dim: int = 32
    batch_size: int = 64

    def _network(self, input_dim: int, outputs: int) -> nn.Module:
        return Network(input_dim, self.hidden_dim, self.dropout, outputs)
