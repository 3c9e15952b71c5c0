"""A multilayer perceptron on the flattened window, the baseline for networks that know the order of days."""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import nn

from pricecast.models import _neural


class Network(nn.Module):
    """Layers with ReLU and dropout on the window as one row, and a linear layer to the outputs."""

    def __init__(self, inputs: int, hidden_dim: int, num_layers: int, dropout: float, outputs: int) -> None:
        super().__init__()
        widths = [inputs, *[hidden_dim] * num_layers]
        self.hidden = nn.ModuleList(_neural.Linear(*pair) for pair in pairwise(widths))
        self.dropout = nn.Dropout(dropout)
        self.out = _neural.Linear(hidden_dim, outputs)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Map windows (batch, lookback, features) to (batch, outputs)."""
        states = windows.flatten(1)
        for layer in self.hidden:
            states = self.dropout(torch.relu(layer(states)))
        return self.out(states)


@dataclass(eq=False)
class Model(_neural.Layered):
    """Two layers on a trading month: every day of the window adds weights, so it is short and dropout high."""

    family: ClassVar[str] = "neural"
    calibrate: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("torch", "safetensors")
    stops_early: ClassVar[bool] = True

    dropout: float = 0.5
    lookback: int = 20
    learning_rate: float = 0.0003
    batch_size: int = 64
    num_layers: int = 2

    def _network(self, input_dim: int, outputs: int) -> nn.Module:
        return Network(self.lookback * input_dim, self.hidden_dim, self.num_layers, self.dropout, outputs)
