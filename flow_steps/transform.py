"""transform: from `prices.parquet` to the dataset: features, splits, scalers, spec."""

from flow_steps.cli.commands import transform as main

if __name__ == "__main__":
    main()  # answers a typing mistake before anything below is imported, and ends the program

import json
from typing import Any

import pandas as pd

from flow_steps.pipeline import chain
from flow_steps.runs import artifacts
from flow_steps.runs.records import as_dataset
from flow_steps.runs.tracking import StepRun
from pricecast.dataset.dataset import bounds, build
from pricecast.files import digest_text, read_parquet
from pricecast.schema import SPLITS
from pricecast.table_checks import check_prices


def body(run: StepRun, params: dict[str, Any]) -> None:
    """Build and save the dataset."""
    prices: pd.DataFrame = run.prepared
    valid_start, test_start = _starts(params)
    settings = ("horizon", "max_lookback", "valid_size", "test_size", "scaler", "target")
    dataset = build(
        prices, valid_start=valid_start, test_start=test_start, quality=artifacts.quality_of(params["prices"]),
        **{name: params[name] for name in settings},
    )  # fmt: skip
    dataset.save(run.folder / "dataset")
    run.log_dataset(as_dataset(prices, "prices", artifacts.digest(params["prices"])), context="transform")
    run.log_metrics({f"{split}_origins": len(dataset.origins(split)) for split in SPLITS})


def _prepare(params: dict[str, Any]) -> pd.DataFrame:
    """Return the prices.

    Raises:
        InputError: they break a rule of their table, or have not the dates of the spans.
    """
    prices = check_prices(read_parquet(artifacts.fetch(params["prices"])))
    bounds(prices["date"], params["valid_size"], params["test_size"], *_starts(params))
    return prices


def _starts(params: dict[str, Any]) -> list[pd.Timestamp | None]:
    return [pd.Timestamp(params[name]) if params[name] else None for name in ("valid_start", "test_start")]


def _inputs(params: dict[str, Any]) -> dict[str, str]:
    # The quality report goes into the dataset and from there into the report.
    quality = json.dumps(artifacts.quality_of(params["prices"]), sort_keys=True)
    return {"prices": artifacts.digest(params["prices"]), "quality": digest_text(quality)}


STEP = chain.Step(
    name="transform",
    body=body,
    title=lambda params: f"transform h={params['horizon']} {params['target']}",
    inputs=_inputs,
    prepare=_prepare,
)


def run(params: dict[str, Any]) -> None:
    """Run the step as a command of its own."""
    chain.run_alone(STEP, params)
