"""The download behind a saved model: which bars it learned from."""

from typing import Any

from flow_steps.runs import addresses, artifacts, lookup
from pricecast.errors import InputError
from pricecast.files import read_json
from pricecast.report.summary import VERDICT

# Parameters of a download, in which a later one of the same bars is equal.
_KEPT = ("source", "tickers", "start", "path", "strict", "allow_splits", "seed")
# From the run that logged a model to the one that downloaded its bars.
_STEPS = ("dataset", "prices")


def download_params(model_uri: str) -> dict[str, str]:
    """Return the parameters of the download that a saved model's bars came from, empty where no run tells."""
    run_id = lookup.source_run(artifacts.model_id(model_uri))
    for name in _STEPS:
        address = lookup.params_of(run_id).get(name, "") if run_id else ""
        run_id = addresses.parse(address)[0] if address.startswith("runs:/") else None
    found = lookup.params_of(run_id) if run_id else {}
    return {name: found[name] for name in _KEPT if name in found}


def trust_of(model_uri: str) -> list[str]:
    """Return how far to trust a saved model in words, where the run that logged it has judged it."""
    run_id = lookup.source_run(artifacts.model_id(model_uri))
    try:
        verdict: dict[str, Any] = read_json(artifacts.fetch(f"runs:/{run_id}/{VERDICT}")) if run_id else {}
    except InputError:
        return []
    return [*verdict.get("trust", ()), *([verdict["sentence"]] if "sentence" in verdict else [])]
