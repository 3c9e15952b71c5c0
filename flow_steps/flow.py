"""A pipeline: one parent run, steps as its children, and what it says at the end."""

import logging
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from flow_steps import artifacts, chain, secrets, tracking
from pricecast import models
from pricecast.audit import in_words
from pricecast.errors import InputError
from pricecast.outputs import REPORT, SUMMARY, VERDICT
from pricecast.storage import read_json

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Flow:
    """An open pipeline: runs steps with the pipeline's parameters."""

    run: tracking.StepRun
    params: dict[str, Any]

    def step(self, name: str, **overrides: Any) -> str:
        """Runs or reuses a step; returns the id of the run that holds its artifacts."""
        return chain.run_child(name, {**self.params, **overrides}, self.params["reuse"])

    def model(self, name: str, model: str, **overrides: Any) -> str:
        """Runs or reuses a training step; returns the URI of its model."""
        run_id = self.step(name, model=model, **overrides)
        return tracking.model_uri(run_id, model)

    def finish(self, judged: str, audit: str) -> None:
        """Brings the best model's figures up to the parent run and prints the outcome."""
        self.run.metrics(tracking.metrics_of(judged))
        verdict = read_json(artifacts.fetch(f"runs:/{judged}/{VERDICT}"))
        self.run.tags({"best_model": verdict["best"]})
        self.run.note(f"{_summary(judged)}
[The report]({tracking.artifact_page(judged, REPORT)})
")
        click.echo(told(judged, audited(audit)))


def told(judged: str, *more: str) -> str:
    """What a run that judges came to, and where to read more."""
    report = tracking.artifact_location(judged, REPORT)
    lines = [f"
{_summary(judged)}", *more, f"Report: {_near(report)}", f"Browse: {_browse()}"]
    return secrets.masked("
".join(lines))


def _summary(judged: str) -> str:
    return artifacts.fetch(f"runs:/{judged}/{SUMMARY}").read_text(encoding="utf-8")


def audited(run_id: str) -> str:
    """What an audit came to, in one line."""
    found = tracking.metrics_of(run_id)
    return f"Audit: {in_words(*(int(found[f'checks_{name}']) for name in ('passed', 'failed', 'not_tried')))}"


@contextmanager
def pipeline(name: str, params: dict[str, Any]) -> Iterator[Flow]:
    """Opens the parent run; whatever goes wrong inside ends it as FAILED or KILLED."""
    with chain.session():
        title = f"{params['tickers'][:40] or params['source']} h={params['horizon']}"
        with tracking.open_run(title, params, {"step": name}) as run:
            yield Flow(run, params)


def choose(wanted: str, given: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Names the models to train, and those that lack a package, before anything is downloaded.

    Args:
        wanted: names and families, separated by commas.
        given: parameters by model.

    Raises:
        InputError: a model is not known, lacks a package though it is named, or has parameters but is not trained.
    """
    names, left_out = models.choose(wanted.split(","))
    for name in left_out:
        _log.warning("left out: %s", models.lacks(name))
    if not names:
        raise InputError(f"expected a model that can be trained, but {'; '.join(map(models.lacks, left_out))}")
    unknown = sorted(given.keys() - set(names))
    if unknown:
        raise InputError(
            f"expected --model-params by model ({', '.join(names)}), got {', '.join(unknown)}: "
            'write them as \'{"lstm": {"dropout": 0.1}}\''
        )
    return names, left_out


def _browse() -> str:
    """How to open the results: the server's address, or the command that starts one on the store."""
    uri = tracking.store_uri()
    if uri.startswith(("http://", "https://")):
        return uri
    beside = Path(sys.executable).parent / "mlflow"
    program = "mlflow" if shutil.which("mlflow") else _near(str(beside))
    # The store that `mlflow ui` itself looks for in the working directory.
    here = uri.removeprefix("sqlite:///") in ("mlflow.db", str(Path("mlflow.db").resolve()))
    return f"{program} ui" if here else f"{program} ui --backend-store-uri {shlex.quote(uri)}"


def _near(location: str) -> str:
    """A path below the working directory is shorter when it says so."""
    path = Path(location)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else location
