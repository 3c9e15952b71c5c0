"""Null control: where there is nothing to find, nothing may be claimed; a planted signal is found.

Every walk goes through the real evaluator and judge, and what is counted is what a reader would be told.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from pricecast.data.sources import synthetic
from pricecast.dataset.dataset import Dataset, build
from pricecast.evaluation import scores
from pricecast.evaluation.claims import ALPHA
from pricecast.evaluation.evaluate import evaluate
from pricecast.evaluation.evaluation import Evaluation
from pricecast.evaluation.findings import claims
from pricecast.evaluation.scored_rows import Slice
from pricecast.forecasting.calibration import calibrate
from pricecast.forecasting.fitting import fit
from pricecast.models import Forecast, naive
from pricecast.schema import NAIVE
from pricecast.statistics.significance import daily_losses, diebold_mariano, holm
from tests.support.market_samples import market, prices_of
from tests.support.stress import Count, answer

BARS = 1500
SMALL_LSTM = {"hidden_dim": 4, "num_layers": 1, "lookback": 5, "epochs": 3, "learning_rate": 0.01}
# Enough to learn that tomorrow is partly today.
ABLE_LSTM = {**SMALL_LSTM, "hidden_dim": 8, "lookback": 3, "epochs": 10}
MODELS: Mapping[str, dict] = {"drift": {}, "lstm": SMALL_LSTM}
# Of every twenty walks on which there is nothing to find; a test at 5 % fools somebody once in a while.
LIMIT = 3


class Noise(naive.Model):
    """An opinion drawn at random, half a day's volatility large."""

    def predict(self, panel, origins):
        rng = np.random.default_rng(len(origins))
        return Forecast(center=0.5 * panel.unit(origins) * rng.standard_normal((len(origins), 1)))


def ours(n: int, loss: str, models: Mapping[str, dict] = MODELS) -> tuple[Count, Count]:
    """Judges `n` walks on which naive is the truth; bad ones are those on which skill is claimed.

    Counted twice: as the verdict tells it, whose tests are corrected for the models at each horizon, and what is
    left of it after Holm over all models, horizons and losses of the walk.

    `point`: independent returns (their drift is too small to be told from none in a year).
    `crps`: EWMA(.94) volatility, whose law naive knows. On independent returns a constant scale is the truth, and
    whoever finds it rightly beats naive's distribution.
    """
    told, left = [], []
    for seed in range(n):
        data = null_walk(seed, loss)
        judged = evaluate([fit(name, params, data) for name, params in models.items()], data)
        table = claims(judged.scores).query("loss == @loss and sign > 0")
        found = [f"{row.model} h{row.horizon} p={row.p:.3f}" for row in table.itertuples()]
        strict = corrected(judged, loss)
        told += [f"walk {seed}: {', '.join(found)}"] if found else []
        left += [f"walk {seed}: {', '.join(strict)}"] if strict else []
    return Count(n, told), Count(n, left)


def noise(n: int) -> tuple[int, int, int]:
    """Counts of an opinion of pure noise called better, neither and worse, on `n` walks."""
    signs = []
    for seed in range(n):
        data = null_walk(seed, "point")
        panel, valid = data.panel(), data.origins("valid")
        forecast = Noise().predict(panel, valid)
        calibrated = calibrate(forecast, panel, valid, mondrian=True, online=True)
        opinion = replace(fit(NAIVE, {}, data), name="noise", model=Noise(), calibration=calibrated)
        table = claims(evaluate([opinion], data).scores)
        signs += table["sign"][table["model"] == "noise"].tolist()
    return signs.count(1), signs.count(0), signs.count(-1)


def planted(n: int) -> Count:
    """Judges `n` markets of four tickers where tomorrow's return is partly today's; a bad verdict misses that."""
    tickers = dict.fromkeys(("AAA", "BBB", "CCC", "DDD"), BARS)
    markets = [build(market(tickers, "planted", seed), horizon=1, max_lookback=20) for seed in range(n)]
    verdicts = [evaluate([fit("lstm", ABLE_LSTM, data)], data).verdict["sentence"] for data in markets]
    return Count(n, [verdict for verdict in verdicts if not verdict.startswith("lstm beats ")])


def _noise(n: int) -> Count:
    better, neither, worse = noise(n)
    return Count(better + neither + worse, ["called better"] * better)


def null_walk(seed: int, loss: str) -> Dataset:
    """One ticker's dataset without anything to find."""
    rng = np.random.default_rng(seed)
    # Started high, since this volatility decays for ever and would reach its floor, where it is no longer EWMA.
    returns = synthetic.gbm(rng, BARS) if loss == "point" else synthetic.ewma(rng, BARS, sigma=0.1)
    return build(prices_of(returns, seed=seed), max_lookback=20)


def corrected(judged: Evaluation, loss: str) -> list[str]:
    """Claims against naive after Holm over every model, horizon and loss (squared and absolute errors, or CRPS)."""
    table = judged.forecasts.dropna(subset="actual")
    tests = {}
    for horizon, group in table.groupby("horizon"):
        losses = {model: _losses(rows, loss) for model, rows in group.groupby("model")}
        for model in losses.keys() - {*scores.NAIVES}:
            for kind, values in losses[model].items():
                tests[model, horizon, kind] = diebold_mariano(values, losses[NAIVE][kind], horizon)
    adjusted = holm([test.p_value for test in tests.values()])
    return [
        f"{model} h{horizon} {kind} p={p:.3f}"
        for ((model, horizon, kind), test), p in zip(tests.items(), adjusted, strict=True)
        if p < ALPHA and test.statistic < 0
    ]


def _losses(rows: pd.DataFrame, loss: str) -> dict[str, np.ndarray]:
    cut = Slice.of(rows)
    if loss == "crps":
        return {"crps": daily_losses(cut.cutoff, cut.crps_losses)}
    squared = cut.squared_errors
    return {"squared": daily_losses(cut.cutoff, squared), "absolute": daily_losses(cut.cutoff, np.sqrt(squared))}


if __name__ == "__main__":
    answer(
        point=lambda n, _: ours(n, "point")[0], crps=lambda n, _: ours(n, "crps")[0],
        noise=lambda n, _: _noise(n), planted=lambda n, _: planted(n),
    )  # fmt: skip
