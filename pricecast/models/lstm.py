"""A long short-term memory network over windows of scaled features (Hochreiter & Schmidhuber 1997)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from pricecast.models import _recurrent


@dataclass(eq=False)
class Model(_recurrent.Recurrent):
    """The LSTM of the textbooks."""

    family: ClassVar[str] = "neural"
    calibrate: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("torch", "safetensors")
    stops_early: ClassVar[bool] = True
    cell = nn.LSTM

    num_layers: int = 2
