"""audit: the leak guard on a dataset, its features and models: one page, an exit code and a tag."""

from flow_steps.cli.commands import audit as main

if __name__ == "__main__":
    main()  # answers a typing mistake before anything below is imported, and ends the program

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from tqdm import tqdm

from flow_steps.pipeline import chain
from flow_steps.pipeline.candidate import check_candidate
from flow_steps.pipeline.choice import choose, split
from flow_steps.runs import artifacts
from flow_steps.runs.audit_results import PAGE, log_audit
from flow_steps.runs.lookup import metrics_of
from flow_steps.runs.records import as_dataset
from flow_steps.runs.tracking import StepRun
from pricecast import models
from pricecast.audit import audit
from pricecast.audit.results import FAILED
from pricecast.audit.subjects import Subject
from pricecast.dataset.dataset import Dataset
from pricecast.errors import InputError
from pricecast.failures import ModelError
from pricecast.files import read_parquet
from pricecast.forecasting import formats
from pricecast.forecasting.forecaster import Forecaster, label
from pricecast.forecasting.walk_plan import Candidate
from serving.load import load

_log = logging.getLogger(__name__)


def body(run: StepRun, params: dict[str, Any]) -> None:
    """Audit, write the page, and fail where something leaks."""
    started = time.perf_counter()
    uris, names = split(params["models"])
    dataset = Dataset.load(artifacts.fetch(params["dataset"]), spans=False)
    saved = label([load(artifacts.bundle_folder(uri)) for uri in uris])
    with _progress_bar() as progress:
        if params["quick"]:
            result = _quick(dataset, saved, params, progress)
        else:
            result = _full(dataset, saved, names, params, progress)
    log_audit(run, result, dict(zip(saved, uris, strict=True)), _inputs(params))
    run.log_dataset(as_dataset(dataset.features, "dataset", artifacts.digest(params["dataset"])), "audit")
    run.log_metrics({"runtime_sec": time.perf_counter() - started})
    untried = [name for name in result.models if name not in saved and not result.was_tried(name)]
    for name in untried:
        _log.warning("left out: %s, %s", name, result.reason(name))
    if result.outcome() == FAILED:
        run.upload_folder()
        raise InputError(f"{audit.failure_message(result)}; see {PAGE} of run {run.run_id}")
    if untried and untried == result.models:
        run.upload_folder()
        reasons = "; ".join(f"{name}, {result.reason(name)}" for name in untried)
        raise InputError(f"expected a model that can be audited, got none of {len(untried)}: {reasons}")


@contextmanager
def _progress_bar() -> Iterator[audit.Progress]:
    """Show a progress bar; yield the function that names each part of the audit."""
    with tqdm(desc="audit", unit="part", disable=None, leave=False) as bar:

        def progress(part: str) -> None:
            bar.set_description(f"audit {part}")
            bar.update()

        yield progress


def _quick(
    dataset: Dataset, saved: dict[str, Forecaster], params: dict[str, Any], progress: audit.Progress
) -> audit.Audit:
    forecasts = read_parquet(artifacts.fetch(params["forecasts"])) if params["forecasts"] else None
    return audit.quick(dataset, saved, forecasts, progress)


def _full(
    dataset: Dataset, saved: dict[str, Forecaster], names: Sequence[str], params: dict[str, Any],
    progress: audit.Progress,
) -> audit.Audit:  # fmt: skip
    given = params["model_params"]
    if given and not names:
        raise InputError(
            "expected --model-params for models that are named, got some for none: name them in --models"
        )
    chosen, left_out = choose(names, given) if names else ([], {})
    for name in chosen:
        with suppress(ModelError):  # of a model that cannot be imported: the page says so
            check_candidate(Candidate(name, given.get(name, {})), dataset.spec.max_lookback)
    subjects = [Subject.of(name, forecaster) for name, forecaster in saved.items()]
    for name in chosen:
        title = f"{name}, fitted here" if name in saved else name
        subjects.append(Subject(title, name, given.get(name, {})))
    return audit.full(dataset, subjects, [failure.reason for failure in left_out.values()], progress)


def _inputs(params: dict[str, Any]) -> dict[str, str]:
    uris, names = split(params["models"])
    return {
        "dataset": artifacts.digest(params["dataset"]),
        "models": ",".join([*map(artifacts.digest, uris), *names]),
        "forecasts": artifacts.digest(params["forecasts"]) if params["forecasts"] else "",
    }


def _plugins(params: dict[str, Any]) -> tuple[str, ...]:
    uris, names = split(params["models"])
    descriptions = [formats.read(artifacts.bundle_folder(uri)) for uri in uris]
    used = [(each["name"], each["params"]) for each in descriptions]
    used += [(name, params["model_params"].get(name, {})) for name in (models.choose(names)[0] if names else [])]
    parts = {part for each in used for part in models.parts(*each)}
    return (*(f"pricecast.models.{part}" for part in sorted(parts)), "pricecast.report.audit_page")


def _outcome(run_id: str) -> str:
    metrics = metrics_of(run_id)
    counts = (int(metrics[f"checks_{result}"]) for result in ("passed", "failed", "not_tried"))
    return f"Audit: {audit.in_words(*counts)}"


STEP = chain.Step(
    name="audit",
    body=body,
    title=lambda params: "audit",
    inputs=_inputs,
    plugins=_plugins,
    outcome=_outcome,
)


def run(params: dict[str, Any]) -> None:
    """Run the step as a command of its own."""
    chain.run_alone(STEP, params)
