"""What a run that judges tells on the terminal: its verdict, and where to read more."""

import shlex
import shutil
import sys
from pathlib import Path

from flow_steps.runs import artifacts, lookup
from flow_steps.safety import secrets
from pricecast.report.summary import REPORT, SUMMARY


def outcome(judged: str, *more: str) -> str:
    """Return the summary of a judging run, further lines, and where report and results are."""
    report = lookup.artifact_location(judged, REPORT)
    lines = ["", summary_of(judged), *more, f"Report: {_near(report)}", f"Browse: {_browse()}"]
    return secrets.masked("\n".join(lines))


def summary_of(judged: str) -> str:
    """Return the summary of a judging run, as Markdown."""
    return artifacts.fetch(f"runs:/{judged}/{SUMMARY}").read_text(encoding="utf-8")


def _browse() -> str:
    """How to open the results: the server's address, or the command that starts one on the store."""
    uri = lookup.store_uri()
    if uri.startswith(("http://", "https://")):
        return uri
    beside = Path(sys.executable).parent / "mlflow"
    program = "mlflow" if shutil.which("mlflow") else _near(str(beside))
    # The store that `mlflow ui` itself looks for in the working directory.
    here = uri.removeprefix("sqlite:///") in ("mlflow.db", str(Path("mlflow.db").resolve()))
    return f"{program} ui" if here else f"{program} ui --backend-store-uri {shlex.quote(uri)}"


def _near(location: str) -> str:
    """Return a path below the working directory is shorter when it says so."""
    path = Path(location)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else location
