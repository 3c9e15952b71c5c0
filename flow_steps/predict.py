"""predict: the days after the last bar, by a model that is fitted now or by a saved one."""

from flow_steps.cli.commands import predict as main

if __name__ == "__main__":
    main()  # answers a typing mistake before anything below is imported, and ends the program

from typing import Any

from flow_steps.pipeline.choice import choose, split
from flow_steps.pipeline.flow import Flow, pipeline
from flow_steps.runs import artifacts, console, lineage, lookup
from flow_steps.runs.bundles import refit_name
from flow_steps.runs.forecasts import Prediction, log_prediction
from flow_steps.runs.records import as_dataset
from flow_steps.safety import output
from pricecast import defaults
from pricecast.files import read_parquet
from pricecast.forecasting.upcoming import predict
from serving.load import load

UNJUDGED = "Fitted now, judged on nothing yet: run main or backtest to know how far to trust it."


def run(params: dict[str, Any]) -> None:
    """Get the bars and the model, and print and log the forecast."""
    saved, named = split([params["model"]])
    with pipeline("predict", params, f"predict by {params['model']}") as flow:
        if named:
            choose(named, {})
        data = _data(params, saved[0]) if saved else {"source": "sample", **_given(params)}
        prices = f"runs:/{flow.step('download', **data)}/prices.parquet"
        uri = params["model"] if saved else _fit(flow, prices)
        trust = lineage.trust_of(uri) if saved else [UNJUDGED]
        forecaster, bars = load(artifacts.bundle_folder(uri)), read_parquet(artifacts.fetch(prices))
        table = predict(forecaster, bars, params["tickers"], params["next_time_window"])
        made = Prediction(uri, bars, table, artifacts.quality_of(prices), trust)
        flow.run.log_dataset(as_dataset(bars, "prices", artifacts.digest(prices)), context="predict")
        log_prediction(flow.run, made, params)
        output.show(console.prediction(made, params))


def _data(params: dict[str, Any], saved: str) -> dict[str, Any]:
    """Return the parameters of the download: as given, else as they were for the saved model."""
    given = _given(params)
    if "tickers" in given:
        forecaster = load(artifacts.bundle_folder(saved))
        # A model that looks across tickers sees all that it learned from.
        others = forecaster.spec.tickers if forecaster.about.across else ()
        given["tickers"] = tuple(dict.fromkeys([*given["tickers"], *others]))
    return {"source": "sample", **lineage.download_params(saved), **given}


def _given(params: dict[str, Any]) -> dict[str, Any]:
    given = {name: params[name] for name in ("tickers", "start", "path", "source") if params[name]}
    return {**given, "end": params["date_end"]}


def _fit(flow: Flow, prices: str) -> str:
    """Fit the model on all rows, and calibrate it out of fold; return its URI."""
    horizon = flow.params["next_time_window"] or defaults.HORIZON
    transformed = flow.step("transform", prices=prices, horizon=horizon)
    run_id = flow.step("train", dataset=f"runs:/{transformed}/dataset", refit=True)
    return lookup.model_uri(run_id, refit_name(flow.params["model"]))
