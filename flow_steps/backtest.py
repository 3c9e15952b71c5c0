"""backtest: from the dataset to a verdict that rests on many folds, each forecast from its past alone."""

from flow_steps.commands import backtest as main

if __name__ == "__main__":
    main()  # answers a typing mistake before anything below is imported, and ends the program

import json
from typing import Any

from tqdm import tqdm

from flow_steps import artifacts, chain, hyper, telling
from flow_steps.choice import choose
from flow_steps.fits import Fits
from flow_steps.outcome import leave, leave_models
from flow_steps.tracking import StepRun
from pricecast import backtest, judge, models, pool
from pricecast.backtest import Candidate, Plan
from pricecast.dataset import Dataset
from pricecast.evaluation import judged_walk
from pricecast.evaluation_report import make_report
from pricecast.outoffold import OutOfFold


def body(run: StepRun, params: dict[str, Any]) -> None:
    """Fits every model in every fold, in parallel, and judges all of them together."""
    _, left_out = choose(params["models"], json.loads(params["model_params"]))
    dataset = Dataset.load(artifacts.fetch(params["dataset"]))
    plan = Plan(**{name: params[name] for name in ("folds", "share", "window", "refit_every")})
    walked = backtest.folds(dataset, plan.folds, plan.share)
    candidates = _candidates(params)
    wanted = {
        each.name: [backtest.parity_fit(each, dataset, walked[0]), *backtest.fits(each, dataset, walked, plan)]
        for each in candidates
    }
    found = _fitted(run, wanted, dataset, artifacts.digest(params["dataset"]))
    result = judged_walk(candidates, dataset, walked, found, plan)
    leave(run, result, make_report(result, dataset, params["vis"], [models.lacks(name) for name in left_out]))
    leave_models(run, result, dataset, params["dataset"], {})


def _candidates(params: dict[str, Any]) -> list[Candidate]:
    """The models to walk with, naive and ewma first."""
    given = json.loads(params["model_params"])
    return [hyper.candidate(name, given.get(name, {}), params) for name in _names(params)]


def _names(params: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys([*judge.NAIVES, *models.choose(params["models"].split(","))[0]]))


def _fitted(
    run: StepRun, wanted: dict[str, list[backtest.Fit]], dataset: Dataset, digest: str
) -> dict[str, list[OutOfFold]]:
    """What all fits forecast, by model: those that were kept, and the others anew."""
    kept = Fits(run, digest)
    fits = [fit for own in wanted.values() for fit in own]
    done = {number: found for number, fit in enumerate(fits) if (found := kept.find(fit))}
    missing = [number for number in range(len(fits)) if number not in done]
    with tqdm(desc="backtest", total=len(fits), initial=len(done), unit="fit", disable=None, leave=False) as bar:
        for place, found in pool.results([fits[number] for number in missing], dataset):
            fit = fits[missing[place]]
            kept.keep(fit, found)
            done[missing[place]] = found
            bar.set_postfix_str(f"{fit.candidate.name}, {fit.place}")
            bar.update()
    ordered = iter(done[number] for number in range(len(fits)))
    return {name: [next(ordered) for _ in own] for name, own in wanted.items()}


def _plugins(params: dict[str, Any]) -> tuple[str, ...]:
    given = json.loads(params["model_params"])
    found = {part for name in _names(params) for part in models.parts(name, given.get(name, {}))}
    return (*(f"pricecast.models.{name}" for name in sorted(found)), "pricecast.outputs")


STEP = chain.Step(
    name="backtest",
    body=body,
    title=lambda params: f"backtest {params['folds']} folds",
    inputs=chain.digests_of("dataset"),
    plugins=_plugins,
    outcome=telling.told,
)


def run(params: dict[str, Any]) -> None:
    """Run the step as a command of its own."""
    chain.run_alone(STEP, params)
