"""Running steps: as commands of their own, or in one process as children of a pipeline's run."""

import importlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from flow_steps.cli import commands
from flow_steps.cli.types import text
from flow_steps.pipeline.session import session
from flow_steps.reuse import copies, keys
from flow_steps.runs import artifacts, headline, records, tracking
from flow_steps.safety import output
from pricecast.files import read_json
from pricecast.report.summary import VERDICT

Body = Callable[[tracking.StepRun, dict[str, Any]], None]
_PARTS = "packed_key_parts"  # tag of the parts of a run's key
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """The declaration of a step in its module.

    Attributes:
        name: of the module and of the entry point.
        body: reads inputs, makes one call into pricecast, writes outputs to the run's folder.
        title: returns the run's name from the parameters.
        inputs: returns the digests of all inputs by parameter name, or None where the outcome cannot be known
            beforehand (a live download without an end).
        plugins: returns the modules that the key counts besides the step's own: those that the parameters name, and
            those that only flow_steps calls.
        prepare: reads what may be read before a run is opened, so that a mistake leaves none; the body finds the
            result in the run.
        outcome: returns the lines to print about a finished run, from its id.
        judges: whether it leaves a verdict on a dataset, after which a run of its own is named.
    """

    name: str
    body: Body
    title: Callable[[dict[str, Any]], str]
    inputs: Callable[[dict[str, Any]], dict[str, str] | None]
    plugins: Callable[[dict[str, Any]], tuple[str, ...]] = lambda params: ()
    prepare: Callable[[dict[str, Any]], Any] = lambda params: None
    outcome: Callable[[str], str] = lambda run_id: ""
    judges: bool = False


@dataclass(frozen=True)
class Planned:
    """A step that is about to run, or to be reused.

    Attributes:
        step: the declaration.
        params: typed.
        parts: of its key, None where the outcome cannot be known beforehand.
        label: in logs and progress bars.
        reused: id of the finished run of equal key; empty to run the step.
        reason: for which it runs.
        prepared: result of the step's `prepare`.
    """

    step: Step
    params: dict[str, Any]
    parts: dict[str, str] | None
    label: str
    reused: str = ""
    reason: str = ""
    prepared: Any = None


def digests_of(*names: str) -> Callable[[dict[str, Any]], dict[str, str]]:
    """Return the `inputs` of a step whose parameters `names` hold addresses of artifacts, one or a tuple."""

    def inputs(params: dict[str, Any]) -> dict[str, str]:
        return {name: ",".join(map(artifacts.digest, _as_tuple(params[name]))) for name in names}

    return inputs


def _as_tuple(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def run_alone(step: Step, params: dict[str, Any]) -> None:
    """Run a step as a command of its own; it is never reused."""
    with session():
        prepared = step.prepare(params)
        run_id = _run(Planned(step, params, _parts(step, params), step.title(params), prepared=prepared))
        if step.judges:
            _name_by_verdict(run_id, step.title(params), params["dataset"])
        output.show(f"{step.name}: run {run_id}")
        if outcome := step.outcome(run_id):
            output.show(outcome)


def _name_by_verdict(run_id: str, title: str, dataset: str) -> None:
    spec, verdict = (
        read_json(artifacts.fetch(uri)) for uri in (f"{dataset}/spec.json", f"runs:/{run_id}/{VERDICT}")
    )
    subject = headline.subject(spec["tickers"], spec["horizon"])
    tracking.rename(run_id, headline.headline(f"{title} {subject}", verdict))


def load_step(name: str) -> Step:
    """Import the module of a step and return its declaration."""
    return importlib.import_module(f"flow_steps.{name}").STEP


def plan(name: str, params: dict[str, Any], allow_reuse: bool, label: str = "") -> Planned:
    """Look for a finished run of a step of equal key; where there is none, prepare the step.

    Args:
        name: of the step.
        params: values for some of its options; what it does not know is left out.
        allow_reuse: False forces the step to run.
        label: in logs and progress bars; empty for the run's name.
    """
    step = load_step(name)
    values = typed(commands.STEPS[name], params)
    parts = _parts(step, values)
    label = label or step.title(values)
    run_id, reason = _find_reusable(step, values, parts) if allow_reuse else (None, "--reuse false")
    if run_id:
        return Planned(step, values, parts, label, reused=run_id)
    return Planned(step, values, parts, label, reason=reason, prepared=step.prepare(values))


def run_child(planned: Planned) -> str:
    """Run a step as a child of the open run, if it is not to be reused.

    Returns:
        The id of the run that holds the artifacts.
    """
    if planned.reused:
        _log.info("%s: reused", planned.label)
        return planned.reused
    _log.info("%s: running (%s)", planned.label, planned.reason)
    return _run(planned)


def _find_reusable(step: Step, params: dict[str, Any], parts: dict[str, str] | None) -> tuple[str | None, str]:
    """Return the finished run of an equal key, or None and the reason to run the step."""
    if parts is None:
        return None, "a live source without a closed --end is downloaded anew"
    equal = copies.with_key(keys.key(parts))
    for run in equal:
        if copies.is_intact(run.info.run_id):
            return run.info.run_id, ""
    if equal:
        return None, f"the artifacts of run {equal[0].info.run_id} are gone or damaged"
    earlier = [
        keys.unpack(packed)
        for run in copies.recent(step.name, step.title(params))
        if (packed := run.data.tags.get(records.TAG + _PARTS))
    ]
    if not earlier:
        return None, "first run"
    return None, "changed: " + keys.describe(min((keys.difference(parts, other) for other in earlier), key=len))


def _run(planned: Planned) -> str:
    step, tags = planned.step, {"step": planned.step.name}
    if planned.parts is not None:
        tags |= {"key": keys.key(planned.parts), _PARTS: keys.pack(planned.parts)}
    with tracking.open_run(step.title(planned.params), planned.params, tags) as run:
        run.label, run.prepared = planned.label, planned.prepared
        step.body(run, planned.params)
        if not run.reusable:
            tags.pop("key", None)
    return run.run_id


def _parts(step: Step, params: dict[str, Any]) -> dict[str, str] | None:
    inputs = step.inputs(params)
    if inputs is None:
        return None
    others = {name: value for name, value in params.items() if name not in inputs}
    return keys.parts(step.name, others, inputs, (f"flow_steps.{step.name}", *step.plugins(params)))


def typed(command: click.Command, params: dict[str, Any]) -> dict[str, Any]:
    """Send values through a command's own options, so that 5 and "5" are one and defaults are filled in."""
    words: list[str] = []
    for option in command.params:
        if option.name in params:
            words.append(f"{option.opts[0]}={text(params[option.name])}")
    return command.make_context(command.name, words).params
