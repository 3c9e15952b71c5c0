"""The session of a command: logging, signals and store at its start, one line for a user's mistake at its end."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from flow_steps.runs import experiments, probe
from flow_steps.safety import explain, liveness, secrets, signals, store

LOG_LEVELS = {
    "pricecast": "INFO",
    "flow_steps": "INFO",
    "mlflow": "WARNING",
    "alembic": "WARNING",
    # They would print tracebacks of what our one line explains.
    "mlflow.store.db.utils": "CRITICAL",
    "urllib3.connectionpool": "ERROR",
}


@contextmanager
def session() -> Iterator[None]:
    """Set up logging, store and signals for a command, and explain a user's mistake in one line."""
    secrets.mask_output()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    for name, level in LOG_LEVELS.items():
        logging.getLogger(name).setLevel(level)
    signals.install()
    try:
        store.ensure()
        for place in experiments.settle():
            probe.check(place)
        liveness.end_orphaned_runs(experiments.experiment_id())
        yield
    except Exception as error:
        line = explain.explain(error)
        if line is None:
            raise
        raise click.ClickException(line) from error
    finally:
        signals.acknowledge()
