"""The one training loop of the torch models."""

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
    """Mean squared error of (batch, horizon) outputs."""
    return nn.functional.mse_loss(outputs, labels)


def pinball(outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean pinball loss of (batch, horizon * levels) outputs (Koenker & Bassett 1978)."""
    levels = torch.tensor(QUANTILE_LEVELS, device=outputs.device)
    error = labels[:, :, None] - outputs.reshape(*labels.shape, len(levels))
    return torch.maximum(levels * error, (levels - 1) * error).mean()


LOSSES: dict[str, Loss] = {"pinball": pinball, "mse": mse}


@dataclass(frozen=True)
class Training:
    """How to train; `samples_per_epoch` bounds an epoch on large panels."""

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
    """Seed torch inside the block and puts the global generators back afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep the CPU's part of the work on one thread.

    Networks this small gain nothing from a second one, lose a factor of ten or more when something else wants
    the cores, and give results that do not depend on how many there are.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def device() -> torch.device:
    """CUDA where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Windows:
    """Windows of the panel's features, cut batch by batch out of one contiguous array."""

    def __init__(self, panel: Panel, lookback: int, place: torch.device) -> None:
        self._lookback = lookback
        # (rows - lookback + 1, lookback, features): a view of the array, nothing is copied.
        self._view = torch.from_numpy(panel.X).to(place).unfold(0, lookback, 1).transpose(1, 2)

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
    """Train in place with Adam, keeps the weights of the best epoch and returns that epoch (from 1).

    With no validation origins it trains for all epochs and keeps the last weights.

    Raises:
        InputError: the loss is not a number any more.
    """
    place = device()
    network.to(place)
    windows = Windows(panel, training.lookback, place)
    optimizer = torch.optim.Adam(network.parameters(), lr=training.learning_rate)
    labels = torch.from_numpy(panel.labels(train_origins)).to(place)
    origins = torch.from_numpy(train_origins.copy()).to(place)
    shuffle = np.random.default_rng(training.seed)
    best, best_epoch, best_weights = np.inf, training.epochs, None
    for epoch in range(1, training.epochs + 1):
        order = shuffle.permutation(len(train_origins))[: training.samples_per_epoch]
        metrics = {"train_loss": _train_epoch(network, windows, origins, labels, order, optimizer, training)}
        if len(valid_origins):
            metrics["val_loss"] = _loss(network, panel, valid_origins, training)
        _check_losses(epoch, metrics, training)
        if on_epoch:
            on_epoch(epoch, metrics)
        if not len(valid_origins):
            continue
        if metrics["val_loss"] < best:
            best, best_epoch, best_weights = metrics["val_loss"], epoch, copy.deepcopy(network.state_dict())
        elif epoch - best_epoch >= training.patience:
            break
    if best_weights is not None:
        network.load_state_dict(best_weights)
    network.cpu()
    return best_epoch


@one_thread()
def predict(network: nn.Module, panel: Panel, origins: np.ndarray, lookback: int) -> np.ndarray:
    """Network outputs of origins, (n, outputs) float32.

    Every batch has one size (the last is padded): the same origin then gives the same bits in any company.
    """
    place = device()
    network.to(place).eval()
    windows = Windows(panel, lookback, place)
    padded = np.resize(origins, -(-len(origins) // INFERENCE_BATCH) * INFERENCE_BATCH)
    with torch.inference_mode(), _precision(place):
        chunks = torch.from_numpy(padded).to(place).split(INFERENCE_BATCH)
        outputs = [network(windows[chunk]).float().cpu() for chunk in chunks]
    network.cpu()
    return torch.cat(outputs).numpy()[: len(origins)] if outputs else np.empty((0, 0), np.float32)


def _check_losses(epoch: int, metrics: dict[str, float], training: Training) -> None:
    if not np.isfinite(list(metrics.values())).all():
        raise InputError(
            f"expected losses that stay finite, got {metrics} after epoch {epoch}: "
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
    # Added up where it is: asking for the number would make a GPU wait after every batch.
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


def _precision(place: torch.device) -> torch.autocast:
    return torch.autocast(place.type, dtype=torch.bfloat16, enabled=place.type == "cuda")
