"""The training loop and the inference of all torch models."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from pricecast.dataset.panel import Panel
from pricecast.errors import InputError
from pricecast.models import OnEpoch
from pricecast.schema import QUANTILE_LEVELS

INFERENCE_BATCH = 256
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def mse(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of outputs (batch, horizon)."""
    return nn.functional.mse_loss(outputs, labels)


def pinball(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean pinball loss of outputs (batch, horizon * levels) (Koenker & Bassett 1978)."""
    levels = torch.tensor(QUANTILE_LEVELS, device=outputs.device)
    error = labels[:, :, None] - outputs.reshape(*labels.shape, len(levels))
    return torch.maximum(levels * error, (levels - 1) * error).mean()


LOSSES: dict[str, Loss] = {"pinball": pinball, "mse": mse}


@dataclass(frozen=True)
class Training:
    """The hyperparameters of a training, as `_neural.Neural` describes them."""

    lookback: int
    loss: str
    learning_rate: float
    batch_size: int
    epochs: int
    patience: int
    clip: float
    samples_per_epoch: int
    seed: int


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's global generators in the block, and restore them afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one CPU thread in the block.

    Networks this small gain nothing from a second thread, lose a factor of ten or more when other processes need
    the cores, and with one thread give results that do not depend on the number of cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def device() -> torch.device:
    """Return the CUDA device where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Windows:
    """Windows of the panel's features, (batch, lookback, features), cut by origin out of one array."""

    def __init__(self, panel: Panel, lookback: int, target_device: torch.device) -> None:
        self._lookback = lookback
        # (rows - lookback + 1, lookback, features), not copied.
        self._view = torch.from_numpy(panel.X).to(target_device).unfold(0, lookback, 1).transpose(1, 2)

    def __getitem__(self, origins: torch.Tensor) -> torch.Tensor:
        return self._view[origins - self._lookback + 1]


@one_thread()
def train(
    network: nn.Module,
    panel: Panel,
    train_origins: np.ndarray,
    valid_origins: np.ndarray,
    training: Training,
    on_epoch: OnEpoch | None = None,
) -> int:
    """Train a network in place with Adam, keep the weights of the best epoch, and return that epoch (from 1).

    Without validation origins it trains for all epochs and keeps the last weights.

    Args:
        network: maps windows (batch, lookback, features) to outputs of `LOSSES`.
        panel: with the origins.
        train_origins: (n,) row numbers.
        valid_origins: (m,) row numbers, perhaps none.
        training: the hyperparameters.
        on_epoch: called after each epoch with `train_loss` and, with validation origins, `val_loss`.

    Raises:
        InputError: a loss is not finite.
    """
    target_device = device()
    network.to(target_device)
    windows = Windows(panel, training.lookback, target_device)
    optimizer = torch.optim.Adam(network.parameters(), lr=training.learning_rate)
    labels = torch.from_numpy(panel.labels(train_origins)).to(target_device)
    origins = torch.from_numpy(train_origins.copy()).to(target_device)
    shuffle = np.random.default_rng(training.seed)
    best, best_epoch, best_weights = np.inf, training.epochs, None
    for epoch in range(1, training.epochs + 1):
        order = shuffle.permutation(len(train_origins))[: training.samples_per_epoch]
        losses = {"train_loss": _train_epoch(network, windows, origins, labels, order, optimizer, training)}
        if len(valid_origins):
            losses["val_loss"] = _loss(network, panel, valid_origins, training)
        _check_losses(epoch, losses, training)
        if on_epoch:
            on_epoch(epoch, losses)
        if not len(valid_origins):
            continue
        if losses["val_loss"] < best:
            best, best_epoch, best_weights = losses["val_loss"], epoch, copy.deepcopy(network.state_dict())
        elif epoch - best_epoch >= training.patience:
            break
    if best_weights is not None:
        network.load_state_dict(best_weights)
    network.cpu()
    return best_epoch


@one_thread()
def predict(network: nn.Module, panel: Panel, origins: np.ndarray, lookback: int) -> np.ndarray:
    """Return the network's outputs of origins (n,), (n, outputs) float32.

    All batches have one size (the last is padded): an origin's outputs then do not depend, to the last bit, on the
    other origins.
    """
    target_device = device()
    network.to(target_device).eval()
    windows = Windows(panel, lookback, target_device)
    padded = np.resize(origins, -(-len(origins) // INFERENCE_BATCH) * INFERENCE_BATCH)
    with torch.inference_mode(), _precision(target_device):
        chunks = torch.from_numpy(padded).to(target_device).split(INFERENCE_BATCH)
        outputs = [network(windows[chunk]).float().cpu() for chunk in chunks]
    network.cpu()
    return torch.cat(outputs).numpy()[: len(origins)] if outputs else np.empty((0, 0), np.float32)


def _check_losses(epoch: int, losses: dict[str, float], training: Training) -> None:
    if not np.isfinite(list(losses.values())).all():
        raise InputError(
            f"expected losses that stay finite, got {losses} after epoch {epoch}: "
            f"choose a learning rate below {training.learning_rate:g}"
        )


def _train_epoch(
    network: nn.Module,
    windows: Windows,
    origins: torch.Tensor,
    labels: torch.Tensor,
    order: np.ndarray,
    optimizer: torch.optim.Optimizer,
    training: Training,
) -> float:
    network.train()
    loss_of = LOSSES[training.loss]
    # Added up on the device: asking for the number would make a GPU wait after every batch.
    total = torch.zeros((), dtype=torch.float64, device=origins.device)
    for batch in torch.from_numpy(order).to(origins.device).split(training.batch_size):
        optimizer.zero_grad(set_to_none=True)
        with _precision(origins.device):
            outputs = network(windows[origins[batch]])
        loss = loss_of(outputs.float(), labels[batch])
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), training.clip)
        optimizer.step()
        total += loss.detach().double() * len(batch)
    return total.item() / len(order)


def _loss(network: nn.Module, panel: Panel, origins: np.ndarray, training: Training) -> float:
    outputs = predict(network, panel, origins, training.lookback)
    network.to(device())
    return LOSSES[training.loss](torch.from_numpy(outputs), torch.from_numpy(panel.labels(origins))).item()


def _precision(target_device: torch.device) -> torch.autocast:
    return torch.autocast(target_device.type, dtype=torch.bfloat16, enabled=target_device.type == "cuda")
