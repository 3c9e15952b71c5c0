"""Stored fits of backtests: each is uploaded at once, and an equal one of any backtest is loaded instead of fitted.

The name of a file holds the key of the fit and the digest of the content, as the run has no manifest yet.
"""

import json
import shutil
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

from mlflow import MlflowClient

from flow_steps.reuse import keys
from flow_steps.runs import addresses, experiments
from flow_steps.runs.records import TAG
from flow_steps.runs.tracking import StepRun
from pricecast import models
from pricecast.errors import InputError
from pricecast.files import digest_array, digest_file, read_parquet, write_parquet
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.replay import from_table, to_table
from pricecast.forecasting.walk_plan import PARITY, Fit

FOLDER = "fits"
_LENGTH = 32
# Settings that a fit depends on.
_FITTED = ("per_ticker", "early_stopping")
_MOST_RUNS = 50  # that are searched, newest first


class Fits:
    """The stored fits of one dataset, those of this backtest and of earlier ones."""

    def __init__(self, run: StepRun, dataset_digest: str) -> None:
        self._run = run
        # Hundreds of fits share it, and a digest of code and libraries takes a tenth of a second.
        self._code = cache(partial(_code, dataset_digest))
        self._folder = run.folder / FOLDER
        self._folder.mkdir()
        self._uris = _stored(dataset_digest)
        run.set_tags({FOLDER: dataset_digest})

    def load(self, fit: Fit) -> OutOfFold | None:
        """Return the forecasts of an equal fit, None where no file of one is there as it was written."""
        for uri in self._uris.get(self._key(fit), ()):
            try:
                path, _ = addresses.resolve(uri)
                # A copy first: it is what is checked, what is read, and what this run stores.
                own = Path(shutil.copy(path, self._folder))
                if digest_file(own)[:_LENGTH] == own.stem.rpartition("-")[2]:
                    return from_table(read_parquet(own))
                own.unlink()
            except (InputError, OSError):
                continue
        return None

    def save(self, fit: Fit, forecasts: OutOfFold) -> None:
        """Write and upload the forecasts of a fit at once."""
        path = write_parquet(to_table(forecasts), self._folder / f"{self._key(fit)}.parquet")
        named = path.rename(path.with_stem(f"{path.stem}-{digest_file(path)[:_LENGTH]}"))
        self._run.upload_file(named, FOLDER)

    def _key(self, fit: Fit) -> str:
        candidate, settings = fit.candidate, asdict(fit.candidate.settings)
        identity = {
            "model": candidate.name,
            "params": dict(candidate.params),
            # Only a bundle is calibrated; the forecasts of a fold may be calibrated in any way later.
            "settings": settings if fit.name == PARITY else {name: settings[name] for name in _FITTED},
            "bundle": fit.name == PARITY,
            "start": str(fit.fold.start),
            "window": str(fit.window),
            **{name: digest_array(getattr(fit.fold, name)) for name in ("past", "train", "valid")},
            "rows": digest_array(fit.rows),
        }
        code = self._code(tuple(models.parts(candidate.name, dict(candidate.params))))
        return keys.key({**code, "fit": json.dumps(identity, sort_keys=True)})[:_LENGTH]


def _code(dataset_digest: str, names: tuple[str, ...]) -> dict[str, str]:
    """Return the parts of the key that all fits of one model to a dataset share."""
    modules = ("pricecast.forecasting.walk_forward", *(f"pricecast.models.{name}" for name in names))
    return keys.parts("fit", {}, {"dataset": dataset_digest}, modules)


def _stored(dataset_digest: str) -> dict[str, list[str]]:
    """Return the URIs of all stored fits of a dataset, by key."""
    client, uris = MlflowClient(), dict[str, list[str]]()
    condition = f"tags.`{TAG}{FOLDER}` = '{dataset_digest}'"
    runs = client.search_runs(
        [experiments.experiment_id()], condition, max_results=1000, order_by=["start_time DESC"]
    )
    # A copy of a reused run has the tag, and no files.
    originals = [run for run in runs if f"{TAG}reused_from" not in run.data.tags]
    for run in originals[:_MOST_RUNS]:
        for file in client.list_artifacts(run.info.run_id, FOLDER):
            key = Path(file.path).stem.partition("-")[0]
            uris.setdefault(key, []).append(f"runs:/{run.info.run_id}/{file.path}")
    return uris
