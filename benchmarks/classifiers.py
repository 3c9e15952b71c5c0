"""Classifiers of the direction protocol: an LSTM, and a logistic regression on the last day's features."""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from benchmarks.protocol import Samples
from pricecast.models._torch import one_thread, seeded


@dataclass(frozen=True)
class Settings:
    """Settings of an LSTM and its training.

    Attributes:
        units: width of the hidden state.
        l2: Adam's weight decay, which adds l2 times the weight to its gradient.
        learning_rate: step of Adam.
        batch: samples in a step.
        epochs: most epochs.
        patience: epochs without a better validation accuracy after which training stops.
    """

    units: int
    l2: float
    learning_rate: float = 0.01
    batch: int = 1024
    epochs: int = 100
    patience: int = 10


class Network(nn.Module):
    """LSTM with one logit on its last state."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, units, batch_first=True)
        self.out = nn.Linear(units, 1)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Map (batch, seq, features) windows to (batch,) logits."""
        return self.out(self.lstm(windows)[0][:, -1])[:, 0]


@one_thread()
def fit_lstm(train: Samples, valid: Samples, settings: Settings, seed: int) -> tuple[Network, float]:
    """Return the network of the first epoch with the best validation accuracy, and that accuracy."""
    windows, labels = torch.from_numpy(train.X), torch.from_numpy(train.up.astype(np.float32))
    best, best_epoch, weights = -1.0, 0, {}
    with seeded(seed):
        network = Network(train.X.shape[2], settings.units)
        optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, weight_decay=settings.l2)
        for epoch in range(settings.epochs):
            for batch in torch.randperm(len(labels)).split(settings.batch):
                optimizer.zero_grad(set_to_none=True)
                nn.functional.binary_cross_entropy_with_logits(network(windows[batch]), labels[batch]).backward()
                optimizer.step()
            accuracy = float((predict_lstm(network, valid) == valid.up).mean())
            if accuracy > best:
                best, best_epoch, weights = accuracy, epoch, copy.deepcopy(network.state_dict())
            elif epoch - best_epoch >= settings.patience:
                break
    network.load_state_dict(weights)
    return network, best


@one_thread()
def predict_lstm(network: Network, samples: Samples) -> np.ndarray:
    """Return whether the network forecasts "up" for each sample, (n,)."""
    with torch.inference_mode():
        return (network(torch.from_numpy(samples.X)) > 0).numpy()


def predict_logistic(train: Samples, samples: Samples) -> np.ndarray:
    """Return whether a logistic regression on the last day's features forecasts "up" for each sample, (n,)."""
    model = make_pipeline(StandardScaler(), LogisticRegression())
    return model.fit(train.X[:, -1], train.up).predict(samples.X[:, -1])
