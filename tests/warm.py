"""All that a pipeline imports, early or late, imported once: a process that is forked from here starts at once."""

import exchange_calendars  # noqa: F401
import git  # noqa: F401
import IPython.display  # noqa: F401
import mlflow.pyfunc  # noqa: F401
import pyarrow.dataset  # noqa: F401
from arch import bootstrap  # noqa: F401

import main as program
from flow_steps import audit, choice, download, evaluate, flow, store, train, transform  # noqa: F401
from pricecast.models import load

load("naive")
COMMAND = (
    "--source", "synthetic", "--path", "gbm", "--max-lookback", "20", "--models", "naive", "--vis", "false",
)  # fmt: skip


def run() -> None:
    """A small pipeline; leaves by SystemExit, as a command does."""
    program.main(COMMAND)
