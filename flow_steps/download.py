"""download: from a source to `prices.parquet` and `quality.json`."""

from flow_steps.cli.commands import download as main

if __name__ == "__main__":
    main()  # answers a typing mistake before anything below is imported, and ends the program

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd

from flow_steps.cli.types import text
from flow_steps.pipeline import chain
from flow_steps.runs.records import as_dataset
from flow_steps.runs.tracking import StepRun
from pricecast.data.ingest import download
from pricecast.data.sources import Request, is_live
from pricecast.errors import InputError
from pricecast.files import digest_file, digest_text, write_json, write_parquet

# A day is over everywhere on earth once UTC has passed its end by half a day.
_OVER = pd.Timedelta(hours=36)


def body(run: StepRun, params: dict[str, Any]) -> None:
    """Download and check the bars."""
    request, prices, quality = run.prepared or _load(params)
    run.log_params({"as_of": f"{request.as_of:%Y-%m-%d}"})
    path = write_parquet(prices, run.folder / "prices.parquet")
    write_json(quality, run.folder / "quality.json")
    run.log_dataset(as_dataset(prices, "prices", digest_file(path)), context="download")
    run.log_metrics({"bars": len(prices), "tickers_found": prices["ticker"].nunique()})


def _load(params: dict[str, Any]) -> tuple[Request, pd.DataFrame, dict[str, Any]]:
    """Return the request, the prices and what is to be said of their quality."""
    request = _request(params)
    prices, quality = download(request, strict=params["strict"], allow_splits=params["allow_splits"])
    return request, prices, quality


def _prepare(params: dict[str, Any]) -> tuple[Request, pd.DataFrame, dict[str, Any]] | None:
    """Load bars that lie here at once: a wrong file, ticker or date is a mistake in the options."""
    return None if is_live(params["source"]) else _load(params)


def _request(params: dict[str, Any]) -> Request:
    start, end = (pd.Timestamp(params[name]) if params[name] else None for name in ("start", "end"))
    return Request(
        source=params["source"],
        tickers=params["tickers"],
        start=start,
        end=end,
        path=params["path"],
        as_of=_as_of(end),
        seed=params["seed"],
    )


def _as_of(end: pd.Timestamp | None) -> pd.Timestamp:
    """Return the time after which bars are unknown; the one place where the current time enters."""
    now = pd.Timestamp.now(tz="UTC").tz_localize(None)
    return now if end is None or end >= now else min(now, end + _OVER)


def _inputs(params: dict[str, Any]) -> dict[str, str] | None:
    request = _request(params)
    closed = request.end is not None and request.as_of - _OVER >= request.end
    if is_live(request.source) and not closed:
        return None
    inputs = {"path": params["path"], "as_of": f"{request.as_of:%Y-%m-%d}"}
    if not os.path.exists(params["path"]):  # noqa: PTH110 - Path.exists raises where a name is too long
        return inputs
    path = Path(params["path"])
    try:
        files = [file for file in sorted(path.iterdir()) if file.is_file()] if path.is_dir() else [path]
        return {**inputs, "path": digest_text(json.dumps({file.name: digest_file(file) for file in files}))}
    except OSError as error:
        raise InputError(f"expected files that can be read at {path}, got: {error}") from error


STEP = chain.Step(
    name="download",
    body=body,
    title=lambda params: f"download {text(params['tickers'])[:40] or params['source']}",
    inputs=_inputs,
    plugins=lambda params: (f"pricecast.data.sources.{params['source']}",),
    prepare=_prepare,
)


def run(params: dict[str, Any]) -> None:
    """Run the step as a command of its own."""
    chain.run_alone(STEP, params)
