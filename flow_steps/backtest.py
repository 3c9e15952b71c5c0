"""backtest: from the dataset to a verdict that rests on many folds, each forecast from its past alone."""

from flow_steps.cli.commands import backtest as main

if __name__ == "__main__":
    main()  # answers a typing mistake before anything below is imported, and ends the program

from typing import Any

from tqdm import tqdm

from flow_steps.pipeline import chain
from flow_steps.pipeline.candidate import make_candidate
from flow_steps.pipeline.choice import choose
from flow_steps.reuse.fits import Fits
from flow_steps.runs import artifacts, console
from flow_steps.runs.results import log_evaluation, log_model_runs
from flow_steps.runs.tracking import StepRun
from pricecast import models
from pricecast.dataset.dataset import Dataset
from pricecast.evaluation import scores
from pricecast.evaluation.evaluate import evaluate_walk
from pricecast.forecasting import walk_plan
from pricecast.forecasting.executors import local
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.walk_plan import Candidate, Plan
from pricecast.report.assemble import make_report


def body(run: StepRun, params: dict[str, Any]) -> None:
    """Fit every model in every fold, in parallel, and judge all of them together."""
    _, left_out = choose(params["models"], params["model_params"])
    dataset = Dataset.load(artifacts.fetch(params["dataset"]))
    plan = Plan(**{name: params[name] for name in ("folds", "share", "window", "refit_every")})
    walked = walk_plan.newest_folds(dataset, plan.folds, plan.share)
    candidates = _candidates(params)
    wanted = {
        each.name: [
            walk_plan.parity_fit(each, dataset, walked[0]),
            *walk_plan.fits(each, dataset, walked, plan),
        ]
        for each in candidates
    }
    forecasts = _fitted(run, wanted, dataset, artifacts.digest(params["dataset"]))
    result = evaluate_walk(candidates, dataset, walked, forecasts, plan)
    log_evaluation(
        run, result, make_report(result, dataset, params["vis"], [models.lacks(name) for name in left_out])
    )
    log_model_runs(result, dataset, params["dataset"], {})


def _candidates(params: dict[str, Any]) -> list[Candidate]:
    """Return the models to walk forward with, naive and ewma first."""
    given = params["model_params"]
    return [make_candidate(name, given.get(name, {}), params) for name in _names(params)]


def _names(params: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys([*scores.NAIVES, *models.choose(list(params["models"]))[0]]))


def _fitted(
    run: StepRun, wanted: dict[str, list[walk_plan.Fit]], dataset: Dataset, digest: str
) -> dict[str, list[OutOfFold]]:
    """Return the forecasts of all fits by model: stored ones where there are any, else of new fits."""
    stored = Fits(run, digest)
    fits = [fit for own in wanted.values() for fit in own]
    done = {number: loaded for number, fit in enumerate(fits) if (loaded := stored.load(fit))}
    missing = [number for number in range(len(fits)) if number not in done]
    with tqdm(desc="backtest", total=len(fits), initial=len(done), unit="fit", disable=None, leave=False) as bar:
        for index, forecasts in local.results([fits[number] for number in missing], dataset):
            fit = fits[missing[index]]
            stored.save(fit, forecasts)
            done[missing[index]] = forecasts
            bar.set_postfix_str(f"{fit.candidate.name}, {fit.name}")
            bar.update()
    ordered = iter(done[number] for number in range(len(fits)))
    return {name: [next(ordered) for _ in own] for name, own in wanted.items()}


def _plugins(params: dict[str, Any]) -> tuple[str, ...]:
    given = params["model_params"]
    parts = {part for name in _names(params) for part in models.parts(name, given.get(name, {}))}
    return (*(f"pricecast.models.{part}" for part in sorted(parts)), "pricecast.report.summary")


STEP = chain.Step(
    name="backtest",
    body=body,
    title=lambda params: f"backtest {params['folds']} folds",
    inputs=chain.digests_of("dataset"),
    plugins=_plugins,
    outcome=console.outcome,
)


def run(params: dict[str, Any]) -> None:
    """Run the step as a command of its own."""
    chain.run_alone(STEP, params)
