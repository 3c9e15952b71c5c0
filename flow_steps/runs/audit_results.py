"""Results of an audit as files, tags and metrics of its run, and as tags of the audited models."""

from collections.abc import Mapping

from flow_steps.runs import artifacts
from flow_steps.runs.records import tag_model
from flow_steps.runs.tracking import StepRun
from pricecast.audit.audit import Audit
from pricecast.audit.results import FAILED, NOT_TRIED, PASSED
from pricecast.files import digest_text, write_json
from pricecast.report.audit_page import render, summary

PAGE = "audit.html"


def log_audit(run: StepRun, audit: Audit, uris: Mapping[str, str], digests: Mapping[str, str]) -> None:
    """Write the page, and log the outcome in the run and with the audited models.

    Args:
        run: of the audit.
        audit: its results.
        uris: of the saved models that were audited, by label.
        digests: of the step's inputs, by name.
    """
    write_json({**audit.to_json(), "digests": dict(digests)}, run.folder / "audit.json")
    (run.folder / PAGE).write_text(render(audit), encoding="utf-8")
    run.set_note(summary(audit))
    run.set_tags({"step": "audit", **_tags(audit.outcome(), audit.quick, *digests.values())})
    run.log_metrics(
        {f"checks_{result.replace(' ', '_')}": audit.count(result) for result in (PASSED, FAILED, NOT_TRIED)}
    )
    ids = {name: model_id for name, uri in uris.items() if (model_id := artifacts.model_id(uri))}
    run.log_models(list(ids.values()))
    for name, model_id in ids.items():
        tags = _tags(audit.outcome(name), audit.quick, digests["dataset"], artifacts.digest(uris[name]))
        tag_model(model_id, tags)


def _tags(outcome: str, quick: bool, *digests: str) -> dict[str, str]:
    """Return the outcome and the digest of what was audited; a quick audit does not replace a full one's."""
    name = "audit_quick" if quick else "audit"
    return {name: outcome, f"{name}_of": artifacts.short_digest(digest_text(",".join(digests)))}
