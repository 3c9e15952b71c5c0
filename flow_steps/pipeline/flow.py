"""A pipeline: one parent run, steps as its children, and the outcome at the end."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flow_steps.cli.types import text
from flow_steps.pipeline import chain
from flow_steps.pipeline.session import session
from flow_steps.runs import artifacts, console, lookup, tracking
from flow_steps.safety import output
from pricecast.files import read_json
from pricecast.report.summary import REPORT, VERDICT


@dataclass(frozen=True)
class Flow:
    """An open pipeline, which runs steps with its own parameters."""

    run: tracking.StepRun
    params: dict[str, Any]

    def step(self, name: str, **overrides: Any) -> str:
        """Run or reuse a step; return the id of the run with its artifacts."""
        return chain.run_child(name, {**self.params, **overrides}, self.params["reuse"])

    def train(self, model: str, dataset: str, **overrides: Any) -> str:
        """Run or reuse a training step; return the URI of its model."""
        run_id = self.step("train", model=model, dataset=dataset, **overrides)
        return lookup.model_uri(run_id, model)

    def dataset(self) -> str:
        """Download and transform; return the URI of the dataset."""
        prices = self.step("download")
        transformed = self.step("transform", prices=f"runs:/{prices}/prices.parquet")
        return f"runs:/{transformed}/dataset"

    def evaluate(self, models: Sequence[str], dataset: str, left_out: Sequence[str], trials: int = 0) -> None:
        """Evaluate and audit models together; log the best one's metrics in the parent run and print the outcome.

        Args:
            models: URIs.
            dataset: URI.
            left_out: names of models that lack a package.
            trials: number of trials that chose the models' parameters.
        """
        uris = tuple(models)
        evaluation = self.step("evaluate", dataset=dataset, models=uris, left_out=tuple(left_out), trials=trials)
        audit = self.step(
            "audit", dataset=dataset, models=uris, model_params={}, quick=True,
            forecasts=f"runs:/{evaluation}/forecasts.parquet",
        )  # fmt: skip
        self.run.log_metrics(lookup.metrics_of(evaluation))
        verdict = read_json(artifacts.fetch(f"runs:/{evaluation}/{VERDICT}"))
        self.run.set_tags({"best_model": verdict["best"]})
        report = lookup.artifact_page(evaluation, REPORT)
        self.run.set_note(f"{console.summary_of(evaluation)}\n[The report]({report})\n")
        output.show(console.outcome(evaluation, chain.load_step("audit").outcome(audit), f"Dataset: {dataset}"))


@contextmanager
def pipeline(name: str, params: dict[str, Any], title: str = "") -> Iterator[Flow]:
    """Open the parent run of a flow; an error inside ends it as FAILED or KILLED.

    Args:
        name: of the flow.
        params: of the flow.
        title: of the run; empty for one of tickers and horizon.
    """
    with session():
        title = title or f"{text(params['tickers'])[:40] or params['source']} h={params['horizon']}"
        with tracking.open_run(title, params, {"step": name}) as run:
            yield Flow(run, params)
