"""One odd ticker beside four ordinary ones: what it does to the forecasts of these, model by model.

`python -m tests.support.pathology_moves` prints the table of docs/results.md.
"""

from dataclasses import dataclass
from functools import cache

import click
import numpy as np

from pricecast import models
from pricecast.dataset.dataset import Dataset, build
from pricecast.evaluation.evaluate import forecast_test_span
from pricecast.evaluation.scored_rows import crps_losses
from pricecast.forecasting.fitting import fit
from tests.support import pathologies
from tests.support.pathologies import KINDS, ORDINARY

# Networks that learn in seconds, and as many seeds as it takes to know what a seed does.
SMALL = {"epochs": 3, "hidden_dim": 16, "lookback": 20, "season": 1}
SEEDS = 3
INSTALLED = [name for name in models.names() if not models.missing(name)]
NETWORKS = [name for name in INSTALLED if models.about(name).family == "neural" or name == "lstm_keras"]


@dataclass(frozen=True)
class Scores:
    """One day ahead, on the test rows of the ordinary tickers: their number, CRPS and 90 % coverage."""

    rows: int
    crps: float
    coverage: float


@dataclass(frozen=True)
class Move:
    """Moves that a fifth ticker makes: of the coverage in points and the CRPS in percent, and what each may be."""

    coverage: float
    crps: float
    coverage_allowed: float
    crps_allowed: float

    @property
    def is_small(self) -> bool:
        """True where both are within what they may; a better CRPS is no harm."""
        return abs(self.coverage) < self.coverage_allowed and self.crps < self.crps_allowed


@cache
def dataset(kind: str | None) -> Dataset:
    """The dataset of the four with a fifth of a kind, or none."""
    return build(pathologies.market(kind), horizon=2, max_lookback=30)


@cache
def scores(model: str, kind: str | None, seed: int = 0) -> Scores:
    """The scores of a model on the ordinary tickers, with a fifth of a kind, or none."""
    known = models.parameters(model)
    params = {key: value for key, value in {**SMALL, "seed": seed}.items() if key in known}
    table = forecast_test_span(model, fit(model, params, dataset(kind)), dataset(kind))
    table = table[(table["horizon"] == 1) & table["actual"].notna() & table["ticker"].isin(ORDINARY)]
    inside = table["actual"].between(table["q05"], table["q95"])
    return Scores(len(table), float(crps_losses(table).mean()), float(inside.mean()))


def move(model: str, kind: str) -> Move:
    """Hold what an odd ticker moves against what an ordinary fifth one moves.

    Beyond that, the coverage may move by a standard error and the CRPS by .2 %; of networks by two standard
    deviations of what another seed does.
    """
    alone, fifth, odd = (scores(model, company) for company in (None, "ordinary", kind))
    assert odd.rows == alone.rows
    error, share = np.sqrt(alone.coverage * (1 - alone.coverage) / alone.rows), 0.002
    if model in NETWORKS:
        seeds = [scores(model, None, seed) for seed in range(SEEDS)]
        error = max(error, 2 * float(np.std([each.coverage for each in seeds], ddof=1)))
        share = max(share, 2 * float(np.std([each.crps for each in seeds], ddof=1)) / alone.crps)
    return Move(
        100 * (odd.coverage - alone.coverage),
        100 * (odd.crps / alone.crps - 1),
        100 * (error + abs(fifth.coverage - alone.coverage)),
        100 * (share + abs(fifth.crps / alone.crps - 1)),
    )


def table() -> str:
    """The largest moves by kind, and the model that each is of."""
    lines = ["| fifth ticker | coverage | of | CRPS | of | beyond what it may |", "|---|--:|---|--:|---|--:|"]
    for kind in ("ordinary", *KINDS):
        moves = {model: move(model, kind) for model in INSTALLED}
        widest = max(moves, key=lambda model: abs(moves[model].coverage))
        worst = max(moves, key=lambda model: moves[model].crps)
        bad = sum(not each.is_small for each in moves.values())
        lines.append(
            f"| {kind} | {moves[widest].coverage:+.1f} | {widest} | {moves[worst].crps:+.2f} % | {worst} | {bad} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    click.echo(f"{len(INSTALLED)} models\n{table()}")
