"""A pipeline: one parent run, steps as its children, and what it says at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click

from flow_steps.pipeline import chain
from flow_steps.runs import artifacts, console, lookup, tracking
from pricecast.files import read_json
from pricecast.report.summary import REPORT, VERDICT


@dataclass(frozen=True)
class Flow:
    """An open pipeline: runs steps with the pipeline's parameters."""

    run: tracking.StepRun
    params: dict[str, Any]

    def step(self, name: str, **overrides: Any) -> str:
        """Run or reuses a step; returns the id of the run that holds its artifacts."""
        return chain.run_child(name, {**self.params, **overrides}, self.params["reuse"])

    def model(self, name: str, model: str, **overrides: Any) -> str:
        """Run or reuses a training step; returns the URI of its model."""
        run_id = self.step(name, model=model, **overrides)
        return lookup.model_uri(run_id, model)

    def dataset(self) -> str:
        """Download and transforms; returns the URI of the dataset."""
        prices = self.step("download")
        transformed = self.step("transform", prices=f"runs:/{prices}/prices.parquet")
        return f"runs:/{transformed}/dataset"

    def finish(self, judged: str, audit: str, dataset: str) -> None:
        """Bring the best model's figures up to the parent run and prints the outcome, and what to go on with."""
        self.run.metrics(lookup.metrics_of(judged))
        verdict = read_json(artifacts.fetch(f"runs:/{judged}/{VERDICT}"))
        self.run.tags({"best_model": verdict["best"]})
        note = f"{console.summary_of(judged)}\n[The report]({lookup.artifact_page(judged, REPORT)})\n"
        self.run.note(note)
        click.echo(console.told(judged, chain.told("audit", audit), f"Dataset: {dataset}"))


@contextmanager
def pipeline(name: str, params: dict[str, Any], what: str = "") -> Iterator[Flow]:
    """Open the parent run, named by what it is about; whatever goes wrong inside ends it as FAILED or KILLED."""
    with chain.session():
        title = what or f"{params['tickers'][:40] or params['source']} h={params['horizon']}"
        with tracking.open_run(title, params, {"step": name}) as run:
            yield Flow(run, params)
