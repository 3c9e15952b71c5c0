"""predict: the days after the last bar, by a model that is fitted now or by a saved one."""

from flow_steps.cli.commands import predict as main

if __name__ == "__main__":
    main()  # answers a typing mistake before anything below is imported, and ends the program

from typing import Any

from flow_steps.cli.commands import STEPS
from flow_steps.pipeline import chain
from flow_steps.pipeline.candidate import check_candidate, make_candidate
from flow_steps.pipeline.choice import choose, split
from flow_steps.pipeline.flow import Flow
from flow_steps.pipeline.session import session
from flow_steps.runs import artifacts, console, headline, lineage, lookup, tracking
from flow_steps.runs.bundles import refit_name
from flow_steps.runs.forecasts import Prediction, log_prediction
from flow_steps.runs.records import as_dataset
from flow_steps.safety import output
from pricecast import defaults, models
from pricecast.errors import InputError
from pricecast.files import read_parquet
from pricecast.forecasting.forecaster import Forecaster
from pricecast.forecasting.upcoming import predict
from serving.load import load

UNJUDGED = "Fitted now, judged on nothing yet: run main or backtest to know how far to trust it."


def run(params: dict[str, Any]) -> None:
    """Get the bars and the model, and print and log the forecast."""
    saved, named = split([params["model"]])
    _check(params, named)
    with session():
        forecaster = load(artifacts.bundle_folder(saved[0])) if saved else None
        data = {**params, **_data(params, forecaster)}
        download = chain.plan("download", data, params["reuse"])
        title = f"predict {headline.subject(data['tickers'] or (data['source'],), _horizon(params, forecaster))}"
        with tracking.open_run(title, params, {"step": "predict"}) as own:
            _forecast(Flow(own, params, download), forecaster)


def _check(params: dict[str, Any], named: list[str]) -> None:
    """Refuse mistakes before any work.

    Raises:
        InputError: the model is not known, lacks a package, or has no such parameter.
    """
    if not named and params["model_params"]:
        raise InputError("expected no --model-params with a saved model, which has its own: name a model to fit")
    for name in named:
        models.check_name(name)
        choose([name], {})
        others = chain.typed(STEPS["train"], {"dataset": "none yet", "model": name})
        check_candidate(make_candidate(name, params["model_params"], {**others, **params}), defaults.MAX_LOOKBACK)


def _data(params: dict[str, Any], saved: Forecaster | None) -> dict[str, Any]:
    """Return the parameters of the download: as given, else as they were for the saved model."""
    given = {name: params[name] for name in ("tickers", "start", "path", "source") if params[name]}
    # A model that looks across tickers sees all that it learned from.
    others = saved.spec.tickers if saved and saved.about.across and "tickers" in given else ()
    tickers = {"tickers": tuple(dict.fromkeys([*given["tickers"], *others]))} if "tickers" in given else {}
    known = lineage.download_params(params["model"]) if saved else {}
    if "source" in given:
        known.pop("path", None)
    return {"source": "sample", **known, **given, **tickers, "end": params["date_end"]}


def _horizon(params: dict[str, Any], saved: Forecaster | None) -> int:
    return params["next_time_window"] or (saved.spec.horizon if saved else defaults.HORIZON)


def _forecast(flow: Flow, saved: Forecaster | None) -> None:
    params, prices = flow.params, flow.prices()
    uri = params["model"] if saved else _fit(flow, prices)
    forecaster, bars = saved or load(artifacts.bundle_folder(uri)), read_parquet(artifacts.fetch(prices))
    table = predict(forecaster, bars, params["tickers"], params["next_time_window"])
    trust = lineage.trust_of(uri, saved, table["ticker"].unique()) if saved else [UNJUDGED]
    made = Prediction(uri, bars, table, artifacts.quality_of(prices), trust)
    flow.run.log_dataset(as_dataset(bars, "prices", artifacts.digest(prices)), context="predict")
    flow.run.rename(
        f"{headline.subject(list(table['ticker'].unique()), table['horizon'].max())} by {forecaster.name}"
    )
    log_prediction(flow.run, made, params, flow.links("Reused"))
    output.show(console.prediction(made, params))


def _fit(flow: Flow, prices: str) -> str:
    """Fit the model on all rows, and calibrate it out of fold; return its URI."""
    transformed = flow.step("transform", prices=prices, horizon=_horizon(flow.params, None))
    run_id = flow.step("train", dataset=f"runs:/{transformed}/dataset", refit=True)
    return lookup.model_uri(run_id, refit_name(flow.params["model"]))
