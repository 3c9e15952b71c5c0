"""audit: the leak guard on a dataset, its features and models: one page, an exit code and a tag."""

from flow_steps.cli.commands import audit as main

if __name__ == "__main__":
    main()  # answers a typing mistake before anything below is imported, and ends the program

import json
import time
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from flow_steps.pipeline import chain
from flow_steps.pipeline.choice import choose
from flow_steps.runs import artifacts
from flow_steps.runs.lookup import metrics_of
from flow_steps.runs.tracking import StepRun, data_of, tag_model
from pricecast import models
from pricecast.audit import audit
from pricecast.audit.results import FAILED, NOT_TRIED, PASSED
from pricecast.audit.subjects import Subject
from pricecast.dataset.dataset import Dataset
from pricecast.errors import InputError
from pricecast.files import digest_text, read_parquet, write_json
from pricecast.forecasting import formats
from pricecast.forecasting.forecaster import Forecaster, label
from pricecast.report.audit_page import render, summary
from serving.load import load

PAGE = "audit.html"
Kept = dict[str, Forecaster]


@dataclass(frozen=True)
class Asked:
    """What `--models` names: URIs of models that are kept, and models by name."""

    uris: list[str]
    words: list[str]

    @classmethod
    def of(cls, text: str) -> "Asked":
        """Return a place has a slash, a name has none."""
        parts = text.split(",")
        return cls([part for part in parts if "/" in part], [part for part in parts if "/" not in part])


def body(run: StepRun, params: dict[str, Any]) -> None:
    """Audits, leaves the page, and fails where something leaks."""
    started = time.perf_counter()
    asked = Asked.of(params["audited"])
    dataset = Dataset.load(artifacts.fetch(params["dataset"]), spans=False)
    kept = label([load(artifacts.bundle_folder(uri)) for uri in asked.uris])
    with tqdm(desc="audit", unit="part", disable=None, leave=False) as bar:

        def progress(what: str) -> None:
            bar.set_description(f"audit {what}")
            bar.update()

        look = _quick if params["quick"] else _full
        found = look(dataset, kept, asked, params, progress)
    _leave(run, found, dict(zip(kept, asked.uris, strict=True)), params)
    counts = {f"checks_{result.replace(' ', '_')}": found.count(result) for result in (PASSED, FAILED, NOT_TRIED)}
    run.metrics({**counts, "runtime_sec": time.perf_counter() - started})
    run.dataset(data_of(dataset.features, "dataset", artifacts.digest(params["dataset"])), "audit")
    run.models([model_id for uri in asked.uris if (model_id := artifacts.model_id(uri))])
    if found.outcome() == FAILED:
        run.keep()
        raise InputError(f"{audit.failure_message(found)}; see {PAGE} of run {run.run_id}")


def _quick(
    dataset: Dataset, kept: Kept, asked: Asked, params: dict[str, Any], progress: audit.Progress
) -> audit.Audit:
    if asked.words:
        raise InputError(
            f"expected models that are kept (models:/<id>) for a quick audit, got {', '.join(asked.words)}: name "
            "those, or leave out --quick"
        )
    forecasts = read_parquet(artifacts.fetch(params["forecasts"])) if params["forecasts"] else None
    return audit.quick(dataset, kept, forecasts, progress)


def _full(
    dataset: Dataset, kept: Kept, asked: Asked, params: dict[str, Any], progress: audit.Progress
) -> audit.Audit:
    given = json.loads(params["model_params"])
    if given and not asked.words:
        raise InputError(
            "expected --model-params for models that are named, got some for none: name them in --models"
        )
    names, left_out = choose(",".join(asked.words), given) if asked.words else ([], [])
    subjects = [Subject.of(name, forecaster) for name, forecaster in kept.items()]
    for name in names:
        shown = f"{name}, fitted here" if name in kept else name
        subjects.append(Subject(shown, name, given.get(name, {})))
    return audit.full(dataset, subjects, [models.lacks(name) for name in left_out], progress)


def _leave(run: StepRun, found: audit.Audit, uris: dict[str, str], params: dict[str, Any]) -> None:
    """Files, tags and description of the run."""
    inputs = _inputs(params)
    write_json({**found.to_json(), "digests": inputs}, run.folder / "audit.json")
    (run.folder / PAGE).write_text(render(found), encoding="utf-8")
    run.note(summary(found))
    run.tags({"step": STEP.name, **_tags(found.outcome(), found.quick, *inputs.values())})
    for name, uri in uris.items():
        if model_id := artifacts.model_id(uri):
            digests = inputs["dataset"], artifacts.digest(uri)
            tag_model(model_id, _tags(found.outcome(name), found.quick, *digests))


def _tags(outcome: str, quick: bool, *digests: str) -> dict[str, str]:
    """Return the outcome and the digest of what it is about; a quick audit takes no full one's place."""
    name = "audit_quick" if quick else "audit"
    return {name: outcome, f"{name}_of": artifacts.short(digest_text(",".join(digests)))}


def _inputs(params: dict[str, Any]) -> dict[str, str]:
    asked = Asked.of(params["audited"])
    return {
        "dataset": artifacts.digest(params["dataset"]),
        "audited": ",".join([*map(artifacts.digest, asked.uris), *asked.words]),
        "forecasts": artifacts.digest(params["forecasts"]) if params["forecasts"] else "",
    }


def _plugins(params: dict[str, Any]) -> tuple[str, ...]:
    asked, given = Asked.of(params["audited"]), json.loads(params["model_params"])
    about = [formats.read(artifacts.bundle_folder(uri)) for uri in asked.uris]
    used = [(each["name"], each["params"]) for each in about]
    used += [(name, given.get(name, {})) for name in (models.choose(asked.words)[0] if asked.words else [])]
    return tuple(sorted({f"pricecast.models.{part}" for each in used for part in models.parts(*each)}))


def _outcome(run_id: str) -> str:
    found = metrics_of(run_id)
    return f"Audit: {audit.in_words(*(int(found[f'checks_{name}']) for name in ('passed', 'failed', 'not_tried')))}"


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
