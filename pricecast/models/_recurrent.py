"""The base of the recurrent networks, which differ only in their cell."""

from typing import ClassVar

import torch
from torch import nn

from pricecast.models import _neural


class Network(nn.Module):
    """Recurrent layers, batch first; the last time step through fc1 (16) and ReLU to fc2.

    Args:
        cell: of the layers, under whose name in lower case their weights are kept.
        input_dim: features of a day.
        hidden_dim: units of a layer.
        num_layers: at least one.
        dropout: between the layers.
        outputs: per window.
    """

    def __init__(
        self, cell: type[nn.LSTM | nn.GRU], input_dim: int, hidden_dim: int, num_layers: int, dropout: float,
        outputs: int,
    ) -> None:  # fmt: skip
        super().__init__()
        between = dropout if num_layers > 1 else 0.0
        self.name = cell.__name__.lower()
        self.add_module(self.name, cell(input_dim, hidden_dim, num_layers, batch_first=True, dropout=between))
        self.fc1 = _neural.Linear(hidden_dim, 16)
        self.fc2 = _neural.Linear(16, outputs)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Map windows (batch, lookback, features) to (batch, outputs)."""
        states, _ = getattr(self, self.name)(windows)
        return self.fc2(torch.relu(self.fc1(states[:, -1])))


class Recurrent(_neural.Layered):
    """A model of recurrent layers, of the cell that its file states."""

    cell: ClassVar[type[nn.LSTM | nn.GRU]]

    def _network(self, input_dim: int, outputs: int) -> nn.Module:
        return Network(self.cell, input_dim, self.hidden_dim, self.num_layers, self.dropout, outputs)
