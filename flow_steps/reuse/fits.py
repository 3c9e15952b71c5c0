"""Fits of backtests, kept one by one as they come: what a killed or another one has fitted is not fitted again.

A file is named by the key of the fit and by the digest of its own content; the run needs no manifest yet.
"""

import json
import shutil
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

from mlflow import MlflowClient

from flow_steps.reuse import keys
from flow_steps.runs import addresses, tracking
from flow_steps.runs.tracking import TAG, StepRun
from pricecast import models
from pricecast.errors import InputError
from pricecast.files import digest_array, digest_file, read_parquet, write_parquet
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.replay import from_table, to_table
from pricecast.forecasting.walk_plan import PARITY, Fit

FOLDER = "fits"
_LENGTH = 32
# What of the settings a fit depends on.
_FITTED = ("per_ticker", "early_stopping")
# Runs back that are searched, newest first.
_MOST = 50


class Fits:
    """The fits of one dataset that this backtest or an earlier one has made."""

    def __init__(self, run: StepRun, dataset_digest: str) -> None:
        self._run = run
        # Hundreds of fits share it, and a digest of code and libraries takes a tenth of a second.
        self._code = cache(partial(_code, dataset_digest))
        self._folder = run.folder / FOLDER
        self._folder.mkdir()
        self._known = _known(dataset_digest)
        run.tags({FOLDER: dataset_digest})

    def find(self, fit: Fit) -> OutOfFold | None:
        """Return the forecasts of an equal fit, if its file is there as it was written."""
        for uri in self._known.get(self._key(fit), ()):
            try:
                path, _ = addresses.find(uri)
                # Its own copy first: what is checked is what is read, and what this run keeps.
                own = Path(shutil.copy(path, self._folder))
                if digest_file(own)[:_LENGTH] == own.stem.rpartition("-")[2]:
                    return from_table(read_parquet(own))
                own.unlink()
            except (InputError, OSError):
                continue
        return None

    def keep(self, fit: Fit, found: OutOfFold) -> None:
        """Write and uploads the forecasts of a fit at once."""
        path = write_parquet(to_table(found), self._folder / f"{self._key(fit)}.parquet")
        named = path.rename(path.with_stem(f"{path.stem}-{digest_file(path)[:_LENGTH]}"))
        self._run.upload(named, FOLDER)

    def _key(self, fit: Fit) -> str:
        candidate, settings = fit.candidate, asdict(fit.candidate.settings)
        about = {
            "model": candidate.name,
            "params": dict(candidate.params),
            # Only a bundle is calibrated; what a fold's fit forecasts may be calibrated in any way later.
            "settings": settings if fit.name == PARITY else {name: settings[name] for name in _FITTED},
            "bundle": fit.name == PARITY,
            "start": str(fit.fold.start),
            "window": str(fit.window),
            **{name: digest_array(getattr(fit.fold, name)) for name in ("past", "train", "valid")},
            "rows": digest_array(fit.rows),
        }
        code = self._code(tuple(models.parts(candidate.name, dict(candidate.params))))
        return keys.key({**code, "fit": json.dumps(about, sort_keys=True)})[:_LENGTH]


def _code(dataset_digest: str, names: tuple[str, ...]) -> dict[str, str]:
    """Return the parts of the key that all fits of models to a dataset share."""
    modules = ("pricecast.forecasting.walk_forward", *(f"pricecast.models.{name}" for name in names))
    return keys.parts("fit", {}, {"dataset": dataset_digest}, modules)


def _known(dataset_digest: str) -> dict[str, list[str]]:
    """URIs of all files of fits of a dataset, by key."""
    client, found = MlflowClient(), dict[str, list[str]]()
    rule = f"tags.`{TAG}{FOLDER}` = '{dataset_digest}'"
    runs = client.search_runs([tracking.experiment_id()], rule, max_results=1000, order_by=["start_time DESC"])
    # A copy of a reused run has the tag, and no files.
    originals = [run for run in runs if f"{TAG}reused_from" not in run.data.tags]
    for run in originals[:_MOST]:
        for file in client.list_artifacts(run.info.run_id, FOLDER):
            key = Path(file.path).stem.partition("-")[0]
            found.setdefault(key, []).append(f"runs:/{run.info.run_id}/{file.path}")
    return found
