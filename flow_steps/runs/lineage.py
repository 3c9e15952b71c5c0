"""The runs behind a saved model: the download of the bars that it learned from, and what judged it."""

from collections.abc import Collection
from contextlib import suppress
from typing import Any

from flow_steps.runs import addresses, artifacts, lookup
from pricecast.errors import InputError
from pricecast.files import read_json
from pricecast.forecasting.forecaster import Forecaster
from pricecast.report.summary import VERDICT
from pricecast.text import listed

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


def trust_of(model_uri: str, forecaster: Forecaster, tickers: Collection[str]) -> list[str]:
    """Return how far to trust a saved model in words.

    Args:
        model_uri: of the model.
        forecaster: the model.
        tickers: that it is to forecast.
    """
    others = [ticker for ticker in tickers if ticker not in forecaster.spec.tickers]
    if others:
        judged = listed(forecaster.spec.tickers)
        return [f"Trained on {judged}, not on {listed(others)}: nothing tells how far to trust it there."]
    verdict = _verdict(artifacts.model_id(model_uri))
    if verdict is None:
        return ["Judged on nothing that this store knows of: run evaluate with it to know how far to trust it."]
    name = forecaster.name
    of_another = name in verdict["models"] and name != verdict["recommended"]
    return [verdict["models"][name]["sentence"]] if of_another else verdict.get("trust", [])


def _verdict(model_id: str | None) -> dict[str, Any] | None:
    """Return the verdict of the run that logged a model, or of one that judged it; None where there is none."""
    for run_id in lookup.judging_runs(model_id) if model_id else ():
        with suppress(InputError):
            return read_json(artifacts.fetch(f"runs:/{run_id}/{VERDICT}"))
    return None
