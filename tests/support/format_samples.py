"""Forecasters and a bundle as the present format has them, kept so that later versions are held to reading them.

`python -m tests.support.format_samples FOLDER` makes them, once for each format: what it made is never made again.
"""

import platform
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import threadpoolctl
import yaml

from flow_steps.runs import bundles
from pricecast.dataset import dataset
from pricecast.files import write_json
from pricecast.forecasting import fitting
from pricecast.forecasting.forecaster import Forecaster
from tests.support.market_samples import market

FORMATS = Path(__file__).parents[1] / "fixtures"
# One with a calibration and no torch, one with weights, one of several folders, one that keeps its own quantiles.
MODELS: dict[str, dict[str, Any]] = {
    "har": {},
    "lstm": {"hidden_dim": 4, "lookback": 5, "epochs": 2, "seed": 0},
    "ensemble": {"members": "drift,har"},
    "ewma": {},
}
BUNDLED = "har"
LIBRARIES = ("numpy", "scipy", "pandas", "polars", "pyarrow", "scikit-learn", "torch")
# Whatever formats or rewrites code shall not take the bundle's for the project's.
MODEL_CODE = "model.py.txt"
_SMALL_FILES = ("MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt")


def make(folder: Path) -> None:
    """Writes forecaster folders, the bars and what they forecast of them, and the small files of a bundle."""
    prices = _prices()
    data = dataset.build(prices, horizon=2, max_lookback=20, test_size=0.06)
    fitted = {name: fitting.fit(name, params, data) for name, params in MODELS.items()}
    for name, forecaster in fitted.items():
        forecaster.save(folder / name)
    _write_bars(prices, folder / "bars.csv.gz")
    made = {name: records(forecaster.predict_bars(bars(folder))) for name, forecaster in fitted.items()}
    write_json({"made_with": here(), "forecasts": made}, folder / "forecasts.json")
    _keep_bundle(fitted[BUNDLED], data, folder / "bundle")


def bars(folder: Path) -> pd.DataFrame:
    """The bars that the forecasts of a format were made of: synthetic, in whole cents."""
    return pd.read_csv(folder / "bars.csv.gz", parse_dates=["date"])


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A forecasts table as JSON keeps it, to the last bit."""
    days = {name: table[name].dt.strftime("%Y-%m-%d") for name in ("cutoff", "date")}
    return table.assign(**days).to_dict("records")


def here() -> dict[str, str]:
    """Environment that the last bits of a forecast depend on: the libraries, and the CPU as they see it."""
    extensions = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    kernels = sorted({pool["architecture"] for pool in threadpoolctl.threadpool_info() if "architecture" in pool})
    cpu = " ".join([platform.machine(), *extensions, *kernels])
    return {**{name: version(name) for name in LIBRARIES}, "cpu": cpu}


def _prices() -> pd.DataFrame:
    made = market((("AAA", 520), ("BBB", 500)))
    return made.round(dict.fromkeys(("open", "high", "low", "close", "adj_close"), 2))


def _write_bars(prices: pd.DataFrame, path: Path) -> None:
    table = prices.drop(columns="adj_close").astype({"volume": int})
    table.to_csv(path, index=False, compression={"method": "gzip", "mtime": 0})


def _keep_bundle(forecaster: Forecaster, data: dataset.Dataset, folder: Path) -> None:
    """The files of a bundle that are neither the forecaster, nor the example, nor the library's code."""
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as store:
        mlflow.set_tracking_uri(f"sqlite:///{store}/mlflow.db")
        client = mlflow.MlflowClient()
        experiment = client.create_experiment("formats", f"{store}/artifacts")
        model_id = bundles.log(client.create_run(experiment).info.run_id, BUNDLED, forecaster, data)
        place = client.get_logged_model(model_id).artifact_location
        for name in _SMALL_FILES:
            shutil.copy(Path(place) / name, folder / name)
        shutil.copy(Path(place) / "model.py", folder / MODEL_CODE)
    about = yaml.safe_load((folder / "MLmodel").read_text("utf-8"))
    # No path of the machine that it was made on.
    about["artifact_path"] = f"mlflow-artifacts:/0/models/{model_id}/artifacts"
    (folder / "MLmodel").write_text(yaml.safe_dump(about), "utf-8")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
