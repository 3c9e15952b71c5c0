"""The terminal's summary of an evaluation: its verdict, and the addresses of report and results."""

import json
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flow_steps.cli.types import text
from flow_steps.runs import artifacts, lookup
from flow_steps.runs.forecasts import Prediction, as_json, prediction_text
from flow_steps.safety import secrets
from pricecast.forecasting.intervals import for_people
from pricecast.report.summary import REPORT, SUMMARY


def outcome(run_id: str, *more: str) -> str:
    """Return the summary of an evaluating run, further lines, and the addresses of report and results."""
    report = lookup.artifact_location(run_id, REPORT)
    lines = ["", summary_of(run_id), *more, f"Report: {_relative(report)}", f"Browse: {_browse_command()}"]
    return secrets.masked("\n".join(lines))


def summary_of(run_id: str) -> str:
    """Return the summary of an evaluating run, as Markdown."""
    return artifacts.fetch(f"runs:/{run_id}/{SUMMARY}").read_text(encoding="utf-8")


def next_steps(evaluation: str, dataset: str, evidence: Mapping[str, Any]) -> list[str]:
    """Return the commands that lead on from an evaluation: the forecast of later bars, and a backtest.

    Args:
        evaluation: id of its run.
        dataset: URI of its dataset.
        evidence: options of the backtest, none for no backtest.
    """
    program = "python main.py" if Path(sys.argv[0]).name == "main.py" else "pricecast"
    options = (f"--{name.replace('_', '-')} {shlex.quote(text(value))}" for name, value in evidence.items())
    backtest = f"Judge on more days: {program} backtest --dataset {dataset} {' '.join(options)}"
    return [
        *(
            f"Forecast later bars: {program} predict --model runs:/{evaluation}/{lookup.model_name(model_id)}"
            for model_id in lookup.model_ids(evaluation)[:1]
        ),
        *([backtest] if evidence else [f"Dataset: {dataset}"]),
    ]


def prediction(made: Prediction, params: Mapping[str, Any]) -> str:
    """Return a prediction as it is printed: a table for people, CSV or JSON for programs."""
    intervals = for_people(made.table, params["above"])
    if params["format"] == "csv":
        return intervals.to_csv(index=False).rstrip("\n")
    if params["format"] == "json":
        return json.dumps(as_json(intervals, model=made.model, trust=list(made.trust)), indent=2)
    return secrets.masked("\n".join(["", prediction_text(made, intervals), "", f"Browse: {_browse_command()}"]))


def _browse_command() -> str:
    """Return the tracking server's address, or the command that starts a server on the store."""
    uri = lookup.store_uri()
    if uri.startswith(("http://", "https://")):
        return uri
    installed = Path(sys.executable).parent / "mlflow"
    program = "mlflow" if shutil.which("mlflow") else _relative(str(installed))
    # The store that `mlflow ui` itself opens in the working directory.
    is_default = uri.removeprefix("sqlite:///") in ("mlflow.db", str(Path("mlflow.db").resolve()))
    return f"{program} ui" if is_default else f"{program} ui --backend-store-uri {shlex.quote(uri)}"


def _relative(location: str) -> str:
    """Return a path below the working directory as a relative one."""
    path = Path(location)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else location
