"""A pipeline: one parent run, steps as its children, and the outcome at the end."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flow_steps.cli import commands
from flow_steps.cli.click_classes import shortened
from flow_steps.cli.types import text
from flow_steps.pipeline import chain, spans
from flow_steps.pipeline.session import session
from flow_steps.reuse.copies import Reused
from flow_steps.runs import artifacts, console, headline, lookup, tracking
from flow_steps.runs.results import log_failures
from flow_steps.safety import output, secrets
from pricecast.evaluation.scores import NAIVES, check_headline
from pricecast.failures import Failure, ModelError, check_left
from pricecast.files import read_json
from pricecast.report.summary import REPORT, VERDICT
from pricecast.text import listed

# Characters of all reasons together, which are one parameter of the evaluation.
_MOST_REASONS = 4000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Flow:
    """An open pipeline, which runs steps with its own parameters.

    Attributes:
        run: of the flow.
        params: of the flow.
        download: the first step, which is planned before the run is opened.
        title: name of the run without what is forecast, empty where it needs none.
        left_out: models that are not judged, by label.
        reused: runs that the flow reuses.
    """

    run: tracking.StepRun
    params: dict[str, Any]
    download: chain.Planned
    title: str = ""
    left_out: dict[str, Failure] = field(default_factory=dict)
    reused: Reused = field(default_factory=Reused)

    def step(self, name: str, label: str = "", **overrides: Any) -> str:
        """Run or reuse a step; return the id of the run with its artifacts.

        Args:
            name: of the step.
            label: in logs and progress bars; empty for the name of the step's run.
            overrides: of the flow's parameters.
        """
        return self._carry_out(chain.plan(name, {**self.params, **overrides}, self.params["reuse"], label))

    def _carry_out(self, planned: chain.Planned) -> str:
        if planned.reused:
            self.reused.add(planned.reused)
        else:
            self.reused.copy()
        return chain.run_child(planned)

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

    def prices(self) -> str:
        """Download; return the URI of the prices."""
        return f"runs:/{self._carry_out(self.download)}/prices.parquet"

    def dataset(self) -> str:
        """Download and transform; name the run after the tickers, return the URI of the dataset."""
        transformed = self.step("transform", prices=self.prices())
        uri = f"runs:/{transformed}/dataset"
        self.run.rename(self.subject(uri))
        # For the column of datasets in the list of runs, which is wider than that of names.
        self.run.log_data_of(transformed, listed(self._tickers(uri), 4), "prices")
        return uri

    def _tickers(self, dataset: str) -> list[str]:
        """Return the tickers of the dataset, in the order in which they were asked for."""
        held = read_json(artifacts.fetch(f"{dataset}/spec.json"))["tickers"]
        return [ticker for ticker in self.params["tickers"] if ticker in held] or held

    def subject(self, dataset: str) -> str:
        """Return what the flow forecasts, its own title before it."""
        return f"{self.title} {headline.subject(self._tickers(dataset), self.params['horizon'])}".strip()

    def evaluate(
        self, models: Mapping[str, str], dataset: str, trials: int = 0, more: Sequence[str] = ()
    ) -> None:  # fmt: skip
        """Evaluate and audit models together; log the best one's metrics in the parent run and print the outcome.

        Args:
            models: URIs by name.
            dataset: URI.
            trials: number of trials that chose the models' parameters.
            more: parts of the run's description.
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
        self._tell(evaluation, verdict, dataset, more)
        checks = chain.load_step("audit").outcome(audit)
        output.show(
            console.outcome(
                evaluation, checks, *console.next_steps(evaluation, dataset, self._evidence(models, trials))
            )
        )

    def _evidence(self, models: Mapping[str, str], trials: int) -> dict[str, Any]:
        """Return the options of a backtest of the same models; none after a search, which chose others."""
        if trials:
            return {}
        command = commands.STEPS["backtest"].params
        own = {
            str(option.name): self.params[str(option.name)]
            for option in command
            if option.name in self.params and text(self.params[str(option.name)]) != text(option.default)
        }
        return {**own, "models": tuple(models)}

    def _tell(self, evaluation: str, verdict: Mapping[str, Any], dataset: str, more: Sequence[str]) -> None:
        """Write the verdict into name and description of the run, with links to report and reused runs."""
        self.run.rename(headline.headline(self.subject(dataset), verdict))
        links = [
            f"[The report]({lookup.artifact_page(evaluation, REPORT)})",
            *self.links("Nothing had changed; reused"),
        ]
        self.run.set_note(headline.description(verdict, console.summary_of(evaluation), [*more, *links]))

    def links(self, words: str) -> list[str]:
        """Return links to the runs that were reused, after some words, and tag them, where no step ran."""
        pending = self.reused.pending
        if not pending:
            return []
        self.run.set_tags({"reused_runs": ",".join(pending)})
        runs = (f"[{lookup.run_name(run_id)}]({lookup.run_page(run_id)})" for run_id in pending)
        return [f"{words}: {', '.join(runs)}"]

    def _reasons(self) -> dict[str, str]:
        """Return the reasons by model as the evaluation takes them: without secrets, and not too long together."""
        most = _MOST_REASONS // max(len(self.left_out), 1)
        texts = {name: secrets.masked(failure.reason) for name, failure in self.left_out.items()}
        return {name: shortened(text, most) for name, text in texts.items()}


@contextmanager
def pipeline(
    name: str, params: dict[str, Any], title: str = "", check: Callable[[], None] = lambda: None
) -> Iterator[Flow]:
    """Open the parent run of a flow; an error inside ends it as FAILED or KILLED.

    Args:
        name: of the flow.
        params: of the flow.
        title: of the run, what is forecast apart.
        check: refuses mistakes in the options; called before the run is opened, so that they leave none.
    """
    with session():
        check_headline(params["headline_horizon"], range(1, params["horizon"] + 1))
        check()
        download = chain.plan("download", params, params["reuse"])
        spans.check(download, params)
        subject = headline.subject(params["tickers"] or (params["source"],), params["horizon"])
        with tracking.open_run(f"{title} {subject}".strip(), params, {"step": name}) as run:
            yield Flow(run, params, download, title)
