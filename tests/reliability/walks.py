"""Null control of the backtest: where there is nothing to find, no part of its verdict may say otherwise.

Walks of `nulls` go through the folds, the judge and the answers, and whatever a reader would take for skill
is counted, wherever it stands.
"""

import re
from collections.abc import Mapping

import numpy as np

from pricecast import models
from pricecast.dataset.dataset import Dataset, build
from pricecast.evaluation import scores
from pricecast.evaluation.claims import ALPHA
from pricecast.evaluation.evaluate import evaluate_walk
from pricecast.evaluation.evaluation import Evaluation
from pricecast.evaluation.findings import claims
from pricecast.forecasting import walk_forward, walk_plan
from pricecast.forecasting.out_of_fold import OutOfFold
from pricecast.forecasting.walk_plan import Candidate, Plan
from pricecast.models import Forecast
from pricecast.schema import MEDIAN, QUANTILE_COLUMNS
from pricecast.statistics.confidence_set import SIZE
from tests.reliability.nulls import ABLE_LSTM, BARS, SMALL_LSTM, null_walk
from tests.support.market_samples import market
from tests.support.stress import Count, answer

PLAN = Plan(folds=4)
CHEAP: Mapping[str, dict] = {"drift": {}, "linear": {}, "har": {}}
MODELS: Mapping[str, dict] = {**CHEAP, "lstm": SMALL_LSTM}


def ours(n: int, loss: str, wanted: Mapping[str, dict] = MODELS) -> tuple[Count, Count]:
    """Walks through `n` series on which naive is the truth; bad ones are those whose verdict tells of skill.

    The second count is of what the row "selected" alone tells: its test is one more, with a promise of its own.

    `point`: independent returns; only what is said of point forecasts counts, since a constant scale is the truth
    there. `crps`: EWMA(.94) volatility, on which all that is said counts.
    """
    said, selected = [], []
    for seed in range(n):
        judged = walk(null_walk(seed, loss), wanted)
        found = told(judged, loss)
        said += [f"walk {seed}: {', '.join(found)}"] if found else []
        found = picked(judged) if loss == "crps" else []
        selected += [f"walk {seed}: {', '.join(found)}"] if found else []
    return Count(n, said), Count(n, selected)


def planted(n: int) -> Count:
    """Walks through `n` markets of four tickers where tomorrow's return is partly today's; bad verdicts miss it."""
    tickers, bad = dict.fromkeys(("AAA", "BBB", "CCC", "DDD"), BARS), []
    for seed in range(n):
        data = build(market(tickers, "planted", seed), horizon=1, max_lookback=20)
        judged = walk(data, {"linear": {}, "lstm": ABLE_LSTM})
        winners = judged.verdict["sentence"].partition(" beats ")[0]
        sure = told(judged, "crps") and all(found["p_crps"] < 0.05 for found in _against(judged).values())
        bad += [] if winners in ("linear", "lstm") and sure else [judged.verdict["sentence"]]
    return Count(n, bad)


def walk(data: Dataset, wanted: Mapping[str, dict], plan: Plan = PLAN) -> Evaluation:
    """A backtest in this process; that a bundle forecasts the same is another test's business."""
    folds = walk_plan.newest_folds(data, plan.folds, plan.share)
    params = {name: wanted.get(name, {}) for name in (*scores.NAIVES, *wanted)}
    candidates = [Candidate(name, models.settle(name, dict(own), {})) for name, own in params.items()]
    found = {
        each.name: [
            _no_bundle(data),
            *(walk_forward.run_fit(fit, data) for fit in walk_plan.fits(each, data, folds, plan)),
        ]
        for each in candidates
    }
    return evaluate_walk(candidates, data, folds, found, plan)


def told(judged: Evaluation, loss: str) -> list[str]:
    """All places of a verdict that tell of a model better than naive and ewma: of its point forecast, or of any."""
    table = claims(judged.scores).query("sign > 0")
    table = table[table["loss"] == "point"] if loss == "point" else table
    found = [f"{row.model} {row.loss} h{row.horizon} p={row.p:.3f}" for row in table.itertuples()]
    answers = {each["question"]: each["answer"] for each in judged.verdict["answers"]}
    asked = ["Is the point forecast better than naive?", "Is the distribution sharper?"][: 1 + (loss == "crps")]
    found += [question for question in asked if answers[question].startswith("Yes")]
    if loss == "crps":
        sentence = re.sub("[Nn]othing (beats|is shown to beat)", "", judged.verdict["sentence"])
        found += ["sentence"] if " beat" in sentence else []
        together = answers.get("Over which horizons?", "together: none.").rpartition("together: ")[2]
        found += [f"over all horizons: {together}"] if together != "none." else []
        found += ["the confidence set leaves naive and ewma out"] if _without_naives(judged) else []
    return found


def picked(judged: Evaluation) -> list[str]:
    """Claim about the model that was best in the folds before: better than ewma, the truth, by chance alone."""
    own = _against(judged)["ewma"]
    return [
        f"{loss} p={own[f'p_{loss}']:.3f}"
        for loss in ("crps", "winkler")
        if own[f"skill_{loss}"] > 0 and own[f"p_{loss}"] < ALPHA
    ]


def _against(judged: Evaluation) -> dict[str, dict[str, float]]:
    return judged.verdict["selected"]["against"]


def _without_naives(judged: Evaluation) -> bool:
    kept = scores.at_horizon(judged.scores, scores.horizons(judged.scores)[0])["mcs_p"]
    return bool((kept[list(scores.NAIVES)] <= SIZE).all())


def _no_bundle(data: Dataset) -> OutOfFold:
    """Result of `walk_plan.parity_fit` where no ticker is old enough: nothing to compare."""
    nothing = np.empty((0, data.spec.horizon, len(QUANTILE_COLUMNS)))
    return OutOfFold(np.empty(0, int), Forecast(nothing[:, :, MEDIAN], quantiles=nothing))


if __name__ == "__main__":
    answer(
        point=lambda n, _: ours(n, "point")[0], crps=lambda n, _: ours(n, "crps")[0],
        planted=lambda n, _: planted(n),
    )  # fmt: skip
