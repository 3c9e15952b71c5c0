"""A temporal convolutional network over windows of scaled features (Bai, Kolter & Koltun 2018)."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from pricecast.errors import InputError
from pricecast.models import _neural

KERNEL = 3
# Nine see a window of over two thousand days; each one more doubles the padding before it, and the memory.
MOST_LAYERS = 9


class Block(nn.Module):
    """Two causal dilated convolutions, each with weight norm, ReLU and spatial dropout, beside a shortcut."""

    def __init__(self, inputs: int, channels: int, dilation: int, dropout: float) -> None:
        super().__init__()
        # Zeros before the window's first day and none after its last: no step sees a later one.
        self.past = ((KERNEL - 1) * dilation, 0)
        self.conv1 = weight_norm(nn.Conv1d(inputs, channels, KERNEL, dilation=dilation))
        self.conv2 = weight_norm(nn.Conv1d(channels, channels, KERNEL, dilation=dilation))
        self.dropout = nn.Dropout1d(dropout)
        self.shortcut = nn.Identity() if inputs == channels else nn.Conv1d(inputs, channels, 1)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Map (batch, inputs, days) to (batch, channels, days)."""
        inner = states
        for convolution in (self.conv1, self.conv2):
            inner = self.dropout(torch.relu(convolution(nn.functional.pad(inner, self.past))))
        return torch.relu(inner + self.shortcut(states))


class Network(nn.Module):
    """Blocks whose dilation doubles from one to the next, and a linear layer on the last day."""

    def __init__(self, input_dim: int, hidden_dim: int, num_layers: int, dropout: float, outputs: int) -> None:
        super().__init__()
        widths = [input_dim, *[hidden_dim] * num_layers]
        pairs = enumerate(pairwise(widths))
        self.blocks = nn.Sequential(*(Block(*pair, 2**level, dropout) for level, pair in pairs))
        self.fc = _neural.Linear(hidden_dim, outputs)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Map windows (batch, lookback, features) to (batch, outputs)."""
        return self.fc(self.blocks(windows.transpose(1, 2))[:, :, -1])


@dataclass(eq=False)
class Model(_neural.Layered):
    """Four blocks, which see 61 days, 1 + 2 * 2 * (1 + 2 + 4 + 8), and so the whole window."""

    family: ClassVar[str] = "neural"
    calibrate: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("torch", "safetensors")
    stops_early: ClassVar[bool] = True

    hidden_dim: int = 32
    batch_size: int = 64
    num_layers: int = 4

    def _check(self, max_lookback: int) -> None:
        super()._check(max_lookback)
        if self.num_layers > MOST_LAYERS:
            raise InputError(
                f"expected num_layers of 1 to {MOST_LAYERS}, got {self.num_layers}: choose one in between"
            )

    def _network(self, input_dim: int, outputs: int) -> nn.Module:
        return Network(input_dim, self.hidden_dim, self.num_layers, self.dropout, outputs)

    @staticmethod
    def space(trial: Any) -> dict[str, Any]:
        """Suggest hyperparameters."""
        return {**_neural.Neural.space(trial), "num_layers": trial.suggest_int("num_layers", 2, 5)}
