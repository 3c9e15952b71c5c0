"""All that a pipeline imports, early or late, imported once: a process that is forked from here starts at once."""

import exchange_calendars
import git
import IPython.display
import mlflow.pyfunc
import pyarrow.dataset
from arch import bootstrap

from flow_steps import audit, download, evaluate, train, transform

# ruff: noqa: F401
from flow_steps import main as program
from flow_steps.pipeline import choice, flow
from flow_steps.safety import store
from pricecast.models import load

load("naive")
COMMAND = (
    "--source", "synthetic", "--path", "gbm", "--max-lookback", "20", "--models", "naive", "--vis", "false",
)  # fmt: skip


def run() -> None:
    """A small pipeline; leaves by SystemExit, as a command does."""
    program.main(COMMAND)
