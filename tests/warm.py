"""All that a pipeline imports, imported once: a process that is forked from here starts at once."""

import main as program
from flow_steps import download, evaluate, flow, store, train, transform  # noqa: F401
from pricecast.models import load

load("naive")
COMMAND = (
    "--source", "synthetic", "--path", "gbm", "--max-lookback", "20", "--models", "naive", "--vis", "false",
)  # fmt: skip


def run() -> None:
    """A small pipeline; leaves by SystemExit, as a command does."""
    program.main(COMMAND)
