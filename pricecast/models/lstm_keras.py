"""The network of `lstm.py` made of Keras 3 layers on the torch backend, to compare the two libraries' layers.

Loop, optimizer, loss and order of the batches are those of the other networks, so that what differs is Keras
itself: its first weights (Glorot, orthogonal, forget gate open), its single bias, and its speed.
"""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from pricecast.errors import InputError
from pricecast.models import _neural


@contextmanager
def torch_backend() -> Iterator[None]:
    """Set the environment in the block such that an import of Keras takes the torch backend, then restore it.

    Without KERAS_HOME, Keras would write a settings file into the user's home and obey the one there; the null
    device as its folder is neither read nor written.

    Raises:
        InputError: the environment asks for another backend.
    """
    before = {name: os.environ.get(name) for name in ("KERAS_BACKEND", "KERAS_HOME")}
    _check_backend(before["KERAS_BACKEND"] or "torch")
    os.environ.update({"KERAS_BACKEND": "torch", "KERAS_HOME": before["KERAS_HOME"] or os.devnull})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            os.environ.update({} if value is None else {name: value})


def _check_backend(name: str) -> None:
    if name != "torch":
        raise InputError(f"expected Keras on its torch backend, got {name!r}: set KERAS_BACKEND=torch")


with torch_backend():
    import keras
# It may have been imported before, on another backend.
_check_backend(keras.backend.backend())


class Dense(keras.layers.Dense):
    """A dense layer on whole cache lines, see `_neural.Linear`; Keras keeps the weights transposed."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Map (batch, inputs) to (batch, units)."""
        rows, columns = (-size % _neural.LINE for size in self.kernel.shape)
        kernel = keras.ops.pad(self.kernel, ((0, rows), (0, columns)))
        products = keras.ops.matmul(keras.ops.pad(inputs, ((0, 0), (0, rows))), kernel)
        return self.activation(products[:, : self.units] + self.bias)


def sequential(
    lookback: int, input_dim: int, hidden_dim: int, num_layers: int, dropout: float, outputs: int
) -> Any:
    """Return LSTM layers with dropout between them; the last time step goes through fc1 (16) and ReLU to fc2."""
    layers, dtype = keras.layers, "float32"
    stack = [keras.Input((lookback, input_dim), dtype=dtype)]
    for i in range(1, num_layers + 1):
        # Unrolled, because Keras's loop on this backend counts the days in a tensor, at half the speed.
        last = i == num_layers
        stack.append(layers.LSTM(hidden_dim, return_sequences=not last, unroll=True, dtype=dtype, name=f"lstm_{i}"))
        stack += [] if last else [layers.Dropout(dropout, dtype=dtype)]
    stack.append(Dense(16, activation="relu", dtype=dtype, name="fc1"))
    return keras.Sequential([*stack, Dense(outputs, dtype=dtype, name="fc2")])


@contextmanager
def drawn_from_torch() -> Iterator[None]:
    """Seed Python's global generator, from which Keras draws its first weights, by torch's seed in the block."""
    before = random.getstate()
    random.seed(torch.initial_seed())
    try:
        yield
    finally:
        random.setstate(before)


class Network(nn.Module):
    """A Keras model whose trainable variables are a torch module's parameters."""

    def __init__(
        self, lookback: int, input_dim: int, hidden_dim: int, num_layers: int, dropout: float, outputs: int
    ) -> None:
        super().__init__()
        with keras.device(torch.get_default_device().type), drawn_from_torch():
            model = sequential(lookback, input_dim, hidden_dim, num_layers, dropout, outputs)
        # A Keras model is a module, too: as an attribute it would bring its variables again, under other names.
        self.call = model.__call__
        self.weights = nn.ParameterDict({
            f"{layer.name}_{variable.name}": variable.value
            for layer in model.layers
            for variable in layer.trainable_variables
        })  # fmt: skip

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Map windows (batch, lookback, features) to (batch, outputs)."""
        with keras.device(windows.device.type):
            return self.call(windows, training=self.training)


@dataclass(eq=False)
class Model(_neural.Layered):
    """The LSTM of the textbooks in Keras, several times slower than in torch."""

    family: ClassVar[str] = ""
    calibrate: ClassVar[bool] = True
    requires: ClassVar[tuple[str, ...]] = ("keras", "torch", "safetensors")
    stops_early: ClassVar[bool] = True

    num_layers: int = 2

    def _network(self, input_dim: int, outputs: int) -> nn.Module:
        return Network(self.lookback, input_dim, self.hidden_dim, self.num_layers, self.dropout, outputs)
