"""A pipeline: one parent run, steps as its children, and the outcome at the end."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flow_steps.cli.click_classes import shortened
from flow_steps.cli.types import text
from flow_steps.pipeline import chain
from flow_steps.pipeline.session import session
from flow_steps.runs import artifacts, console, lookup, tracking
from flow_steps.runs.results import log_failures
from flow_steps.safety import output, secrets
from pricecast.evaluation.scores import NAIVES, check_headline
from pricecast.failures import Failure, ModelError, check_left
from pricecast.files import read_json
from pricecast.report.summary import REPORT, VERDICT

# Characters of all reasons together, which are one parameter of the evaluation.
_MOST_REASONS = 4000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Flow:
    """An open pipeline, which runs steps with its own parameters.

    Attributes:
        run: of the flow.
        params: of the flow.
        left_out: models that are not judged, by label.
    """

    run: tracking.StepRun
    params: dict[str, Any]
    left_out: dict[str, Failure] = field(default_factory=dict)

    def step(self, name: str, **overrides: Any) -> str:
        """Run or reuse a step; return the id of the run with its artifacts."""
        return chain.run_child(name, {**self.params, **overrides}, self.params["reuse"])

    def train(self, model: str, dataset: str, **overrides: Any) -> str:
        """Run or reuse a training step; return the URI of its model.

        Raises:
            ModelError: the model cannot be fitted.
        """
        run_id = self.step("train", model=model, dataset=dataset, **overrides)
        return lookup.model_uri(run_id, model)

    def train_all(self, dataset: str, wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        """Train models, and leave out those that cannot be fitted; return the URIs of the others by name.

        Args:
            dataset: URI.
            wanted: overrides of the flow's parameters by name of the model.

        Raises:
            InputError: no model is left, or one that all others are judged beside is not.
        """
        trained = {}
        for name, overrides in wanted.items():
            with self.leaving_out(name):
                trained[name] = self.train(name, dataset, **overrides)
        check_left(self.left_out, wanted)
        return trained

    @contextmanager
    def leaving_out(self, name: str) -> Iterator[None]:
        """Leave a model (a label) out if it fails within the block; naive and ewma have to be there."""
        try:
            yield
        except ModelError as error:
            if name in NAIVES:
                raise
            self.leave_out(name, error.failure)

    def leave_out(self, name: str, failure: Failure) -> None:
        """Judge without a model (a label), and say so."""
        self.left_out[name] = failure
        _log.warning("left out: %s", failure.reason)

    def dataset(self) -> str:
        """Download and transform; return the URI of the dataset."""
        prices = self.step("download")
        transformed = self.step("transform", prices=f"runs:/{prices}/prices.parquet")
        return f"runs:/{transformed}/dataset"

    def evaluate(self, models: Mapping[str, str], dataset: str, trials: int = 0) -> None:
        """Evaluate and audit models together; log the best one's metrics in the parent run and print the outcome.

        Args:
            models: URIs by name.
            dataset: URI.
            trials: number of trials that chose the models' parameters.
        """
        reasons = self._reasons()
        evaluation = self.step(
            "evaluate", dataset=dataset, models=tuple(models.values()), left_out=reasons, trials=trials
        )
        verdict = read_json(artifacts.fetch(f"runs:/{evaluation}/{VERDICT}"))
        for name in verdict["left_out"].keys() - reasons.keys():
            self.leave_out(name, Failure(verdict["left_out"][name]))
        judged = tuple(uri for name, uri in models.items() if name not in self.left_out)
        audit = self.step(
            "audit", dataset=dataset, models=judged, model_params={}, quick=True,
            forecasts=f"runs:/{evaluation}/forecasts.parquet",
        )  # fmt: skip
        self.run.log_metrics(lookup.metrics_of(evaluation))
        self.run.set_tags({"best_model": verdict["best"]})
        log_failures(self.run, {name: Failure(reason) for name, reason in verdict["left_out"].items()})
        report = lookup.artifact_page(evaluation, REPORT)
        self.run.set_note(f"{console.summary_of(evaluation)}\n[The report]({report})\n")
        output.show(console.outcome(evaluation, chain.load_step("audit").outcome(audit), f"Dataset: {dataset}"))

    def _reasons(self) -> dict[str, str]:
        """Return the reasons by model as the evaluation takes them: without secrets, and not too long together."""
        most = _MOST_REASONS // max(len(self.left_out), 1)
        texts = {name: secrets.masked(failure.reason) for name, failure in self.left_out.items()}
        return {name: shortened(text, most) for name, text in texts.items()}


@contextmanager
def pipeline(name: str, params: dict[str, Any], title: str = "") -> Iterator[Flow]:
    """Open the parent run of a flow; an error inside ends it as FAILED or KILLED.

    Args:
        name: of the flow.
        params: of the flow.
        title: of the run; empty for one of tickers and horizon.
    """
    with session():
        check_headline(params["headline_horizon"], range(1, params["horizon"] + 1))
        title = title or f"{text(params['tickers'])[:40] or params['source']} h={params['horizon']}"
        with tracking.open_run(title, params, {"step": name}) as run:
            yield Flow(run, params)
