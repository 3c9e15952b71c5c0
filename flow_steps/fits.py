"""Fits of backtests, kept one by one as they come: what a killed or another one has fitted is not fitted again.

A file is named by the key of the fit and by the digest of its own content; the run needs no manifest yet.
"""

from pathlib import Path

from mlflow import MlflowClient

from flow_steps import keys, places, tracking
from flow_steps.tracking import TAG, StepRun
from pricecast import models
from pricecast.backtest import Fit
from pricecast.errors import InputError
from pricecast.outoffold import OutOfFold
from pricecast.recorded import from_table, to_table
from pricecast.storage import digest_array, digest_file, read_parquet, write_parquet

FOLDER = "fits"
_LENGTH = 32
# Runs back that are searched, newest first.
_MOST = 50


class Fits:
    """The fits of one dataset that this backtest or an earlier one has made."""

    def __init__(self, run: StepRun, dataset_digest: str) -> None:
        self._run, self._dataset = run, dataset_digest
        self._folder = run.folder / FOLDER
        self._folder.mkdir()
        self._known = _known(dataset_digest)
        run.tags({FOLDER: dataset_digest})

    def find(self, fit: Fit) -> OutOfFold | None:
        """The forecasts of an equal fit, if its file is there as it was written."""
        key = self._key(fit)
        for uri in self._known.get(key, ()):
            try:
                path, _ = places.find(uri)
                table = read_parquet(path)
            except (InputError, OSError):
                continue
            if digest_file(path)[:_LENGTH] == path.stem.rpartition("-")[2]:
                write_parquet(table, self._folder / path.name)
                return from_table(table)
        return None

    def keep(self, fit: Fit, found: OutOfFold) -> None:
        """Writes and uploads the forecasts of a fit at once."""
        path = write_parquet(to_table(found), self._folder / f"{self._key(fit)}.parquet")
        named = path.rename(path.with_stem(f"{path.stem}-{digest_file(path)[:_LENGTH]}"))
        self._run.upload(named, FOLDER)

    def _key(self, fit: Fit) -> str:
        candidate = fit.candidate
        rows = {name: digest_array(getattr(fit.fold, name)) for name in ("past", "train", "valid")}
        params = {
            "params": dict(candidate.params), "per_ticker": candidate.settings.per_ticker, **rows,
            "rows": digest_array(fit.rows), "window": str(fit.window),
        }  # fmt: skip
        plugins = [f"pricecast.models.{name}" for name in models.parts(candidate.name, dict(candidate.params))]
        parts = keys.parts("fit", params, {"dataset": self._dataset}, ("pricecast.backtest", *plugins))
        return keys.key(parts)[:_LENGTH]


def _known(dataset_digest: str) -> dict[str, list[str]]:
    """URIs of all files of fits of a dataset, by key."""
    client, found = MlflowClient(), dict[str, list[str]]()
    rule = f"tags.`{TAG}{FOLDER}` = '{dataset_digest}'"
    for run in client.search_runs(
        [tracking.experiment_id()], rule, max_results=_MOST, order_by=["start_time DESC"]
    ):
        for file in client.list_artifacts(run.info.run_id, FOLDER):
            key = Path(file.path).stem.partition("-")[0]
            found.setdefault(key, []).append(f"runs:/{run.info.run_id}/{file.path}")
    return found
