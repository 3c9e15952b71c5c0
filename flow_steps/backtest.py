"""backtest: from the dataset to a verdict that rests on many folds, each forecast from its past alone."""

from flow_steps.cli.commands import backtest as main

if __name__ == "__main__":
    main()  # answers a typing mistake before anything below is imported, and ends the program

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from flow_steps.pipeline import chain
from flow_steps.pipeline.candidate import check_given, make_candidate
from flow_steps.pipeline.choice import choose, resolve
from flow_steps.reuse.fits import Fits
from flow_steps.runs import artifacts, console
from flow_steps.runs.forecasts import log_coming, wanted
from flow_steps.runs.results import log_evaluation, log_model_runs
from flow_steps.runs.tracking import StepRun
from pricecast import models
from pricecast.dataset.dataset import Dataset
from pricecast.dataset.splits import Fold
from pricecast.evaluation import scores
from pricecast.evaluation.evaluate import evaluate_walk
from pricecast.failures import Failure, ModelError, check_left
from pricecast.forecasting import walk_plan
from pricecast.forecasting.executors import local
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.upcoming import fitted_on_all, forecast_by_first
from pricecast.forecasting.walk_plan import Candidate, Plan
from pricecast.report.assemble import make_report

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Prepared:
    """Parts of a backtest: models with those left out or failed, dataset, plan and folds."""

    named: list[str]
    left_out: dict[str, Failure]
    dataset: Dataset
    plan: Plan
    walked: list[Fold]
    candidates: list[Candidate]
    failures: dict[str, Failure]


def _prepare(params: dict[str, Any]) -> Prepared:
    """Load the dataset, cut the folds and make the models, as the options say.

    Raises:
        InputError: the dates do not suffice for the folds, or a model or parameter is a mistake.
    """
    named, left_out = choose(params["models"], params["model_params"])
    dataset = Dataset.load(artifacts.fetch(params["dataset"]))
    scores.check_headline(params["headline_horizon"], range(1, dataset.spec.horizon + 1))
    plan = Plan(**{name: params[name] for name in ("folds", "share", "window", "refit_every")})
    walked = walk_plan.newest_folds(dataset, plan.folds, plan.share)
    return Prepared(named, left_out, dataset, plan, walked, *_candidates(params, dataset.spec.max_lookback))


def body(run: StepRun, params: dict[str, Any]) -> None:
    """Fit every model in every fold, in parallel, and judge all of them together."""
    ready: Prepared = run.prepared
    dataset, plan, walked, candidates = ready.dataset, ready.plan, ready.walked, ready.candidates
    named, left_out, failures = ready.named, ready.left_out, dict(ready.failures)
    fits = {
        each.name: [
            walk_plan.parity_fit(each, dataset, walked[0]),
            *walk_plan.fits(each, dataset, walked, plan),
        ]
        for each in candidates
    }
    forecasts, unfitted = _fitted(run, fits, dataset, artifacts.digest(params["dataset"]))
    failures |= unfitted
    for failure in failures.values():
        _log.warning("left out: %s", failure.reason)
    _check(failures, named)
    fitted = [each for each in candidates if each.name in forecasts]
    result = evaluate_walk(
        fitted, dataset, walked, forecasts, plan, {**left_out, **failures}, params["headline_horizon"]
    )
    _check(result.left_out, named)
    by_name = {each.name: each for each in fitted}
    coming = forecast_by_first(wanted(result), lambda name: fitted_on_all(by_name[name], dataset), dataset)
    log_evaluation(run, result, make_report(result, dataset, params["vis"], coming))
    log_model_runs(result, dataset, params["dataset"], {})
    log_coming(run, result, coming, dataset)


def _candidates(params: dict[str, Any], longest: int) -> tuple[list[Candidate], dict[str, Failure]]:
    """Return the models to walk forward with, naive and ewma first, and those that cannot be made.

    Raises:
        InputError: a parameter is a mistake of the user's.
    """
    given, candidates, failures = params["model_params"], [], {}
    check_given(_names(params), params, longest)
    for name in _names(params):
        try:
            candidates.append(make_candidate(name, given.get(name, {}), params))
        except ModelError as error:
            failures[name] = error.failure
    return candidates, failures


def _names(params: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys([*scores.NAIVES, *resolve(params["models"])[0]]))


def _check(failures: Mapping[str, Failure], named: Sequence[str]) -> None:
    """Refuse to judge where naive, ewma or all models that were named have failed."""
    for name in scores.NAIVES:
        if name in failures:
            raise ModelError(failures[name])
    check_left(failures, named)


def _fitted(
    run: StepRun, wanted: dict[str, list[walk_plan.Fit]], dataset: Dataset, digest: str
) -> tuple[dict[str, list[OutOfFold]], dict[str, Failure]]:
    """Return the forecasts of all fits by model, stored ones where there are any, and the models that failed."""
    stored = Fits(run, digest)
    fits = [fit for own in wanted.values() for fit in own]
    done = {number: loaded for number, fit in enumerate(fits) if (loaded := stored.load(fit))}
    missing = [number for number in range(len(fits)) if number not in done]
    failures: dict[str, Failure] = {}
    with tqdm(desc="backtest", total=len(fits), initial=len(done), unit="fit", disable=None, leave=False) as bar:
        for index, result in local.results([fits[number] for number in missing], dataset):
            fit = fits[missing[index]]
            if isinstance(result, Failure):
                # The first one of a model: fits that were begun before it was known may fail, too.
                failures.setdefault(fit.candidate.name, result)
            else:
                stored.save(fit, result)
                done[missing[index]] = result
            bar.set_postfix_str(f"{fit.candidate.name}, {fit.name}")
            bar.update()
    by_model: dict[str, list[OutOfFold]] = {name: [] for name in wanted if name not in failures}
    for number, fit in enumerate(fits):
        if fit.candidate.name in by_model:
            by_model[fit.candidate.name].append(done[number])
    return by_model, failures


def _plugins(params: dict[str, Any]) -> tuple[str, ...]:
    given = params["model_params"]
    parts = {part for name in _names(params) for part in models.parts(name, given.get(name, {}))}
    return (
        *(f"pricecast.models.{part}" for part in sorted(parts)),
        "pricecast.report.summary",
        "serving.bundle",
        "serving.model",
    )


STEP = chain.Step(
    name="backtest",
    body=body,
    title=lambda params: f"backtest {params['folds']} folds",
    inputs=chain.digests_of("dataset"),
    plugins=_plugins,
    prepare=_prepare,
    outcome=console.outcome,
    judges=True,
)


def run(params: dict[str, Any]) -> None:
    """Run the step as a command of its own."""
    chain.run_alone(STEP, params)
