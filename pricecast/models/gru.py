"""A network of gated recurrent units over windows of scaled features (Cho et al. 2014)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from pricecast.models import _recurrent


@dataclass(eq=False)
class Model(_recurrent.Recurrent):
    """The textbook LSTM with gated recurrent units in its place: a quarter fewer weights, no cell state."""

    family: ClassVar[str] = "neural"
    calibrate: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("torch", "safetensors")
    stops_early: ClassVar[bool] = True
    cell = nn.GRU

    # torch steps through a GRU's days one by one on a CPU: larger batches spare a fifth of the time.
    batch_size: int = 64
    num_layers: int = 2
