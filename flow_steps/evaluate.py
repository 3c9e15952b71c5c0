"""evaluate: from the dataset and trained models to forecasts, leaderboard, verdict and report."""

from typing import Any

import click

from flow_steps import artifacts, chain, commands, options
from flow_steps.tracking import Judged, StepRun, data_of
from pricecast import judge, models
from pricecast.dataset import Dataset
from pricecast.evaluation import Evaluation, evaluate, make_report
from pricecast.forecaster import Forecaster
from pricecast.outputs import REPORT, SUMMARY, VERDICT, save_pictures, summary
from pricecast.report import render
from pricecast.schema import FORECASTER_FILE
from pricecast.storage import read_json, write_json, write_parquet
from serving.load import load


def body(run: StepRun, params: dict[str, Any]) -> None:
    """Judges the models and leaves one child run for each."""
    dataset = Dataset.load(artifacts.fetch(params["dataset"]))
    uris = params["bundles"].split(",")
    result = evaluate([load(artifacts.bundle_folder(uri)) for uri in uris], dataset)
    write_parquet(result.forecasts, run.folder / "forecasts.parquet")
    write_json(result.verdict, run.folder / VERDICT)
    result.leaderboard.to_csv(run.folder / "leaderboard.csv", index=False)
    result.coverage.to_csv(run.folder / "coverage.csv", index=False)
    left_out = [models.lacks(name) for name in params["left_out"].split(",") if name]
    report = make_report(result, dataset, pictures=params["vis"], left_out=left_out)
    (run.folder / REPORT).write_text(render(report), encoding="utf-8")
    (run.folder / SUMMARY).write_text(summary(report), encoding="utf-8")
    save_pictures(report.figures, run.folder / "plots")
    run.metrics(result.best_beside_naive())
    run.tags({"best_model": result.verdict["best"]})
    run.note(summary(report))
    _log_models(run, result, dataset, uris, params["dataset"])


def _log_models(run: StepRun, result: Evaluation, dataset: Dataset, uris: list[str], dataset_uri: str) -> None:
    data = data_of(dataset.features, "dataset", artifacts.digest(dataset_uri))
    # Naive forecasters that were added here have no logged model.
    logged = dict(zip(result.forecasters, uris, strict=False))
    for name, forecaster in result.forecasters.items():
        about = Judged(
            params={"model": name, "horizon": dataset.spec.horizon, **forecaster.params},
            metrics=result.metrics(name),
            tags={"step": "evaluate model", "model": name},
            note=result.verdict["models"][name]["sentence"],
        )
        run.judged(_title(name, forecaster), logged.get(name), data, about)


def _title(name: str, forecaster: Forecaster) -> str:
    shown = {"L": "lookback", "hd": "hidden_dim", "lr": "learning_rate"}
    short = [f"{sign}={forecaster.params[key]}" for sign, key in shown.items() if key in forecaster.params]
    return " ".join([name, f"h={forecaster.spec.horizon}", *short])


def _plugins(params: dict[str, Any]) -> tuple[str, ...]:
    folders = [artifacts.bundle_folder(uri) for uri in params["bundles"].split(",")]
    about = [read_json(folder / FORECASTER_FILE) for folder in folders]
    names = {part for each in about for part in models.parts(each["name"], each["params"])}
    return tuple(f"pricecast.models.{name}" for name in sorted({*names, *judge.NAIVES}))


STEP = chain.Step(
    name="evaluate",
    body=body,
    title=lambda params: "evaluate",
    inputs=chain.digests_of("dataset", "bundles"),
    plugins=_plugins,
)


@click.command(cls=commands.Command)
@options.stack(options.dataset, options.bundles, options.left_out, options.vis)
def main(**params: Any) -> None:
    """Forecasts the test span with every model and judges each beside the naive forecast."""
    chain.run_alone(STEP, params)


if __name__ == "__main__":
    main()
