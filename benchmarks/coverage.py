"""Coverage of the intervals in a walk-forward: `python -m benchmarks.coverage --data bars.parquet`.

Each model walks through the newest 60 % of the dates in eight folds; scalers, model and calibration are made anew
on the past of each fold. All figures are for one day ahead: the coverage of the 50, 80 and 90 % intervals with
block-bootstrap standard errors, that of the 90 % interval by thirds of volatility, CRPS and Winkler score of that
interval against the ewma forecast, and the p-value of the difference in CRPS from the better of naive and ewma
(Diebold-Mariano, Holm). An exclamation mark stands where a coverage misses its promise by more than 1.5 points (3
in a third) and three standard errors.
"""

import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import click
import pandas as pd

from benchmarks.data import prices
from pricecast import models
from pricecast.dataset.dataset import Dataset, build
from pricecast.evaluation.coverage import MISSED, PERCENTS, REGIME_NAMES, coverage, judge
from pricecast.evaluation.scores import NAIVES, score
from pricecast.forecasting import walk_forward, walk_plan
from pricecast.forecasting.settings import Settings


def walk(name: str, data: Dataset, folds: int, share: float, settings: Settings) -> tuple[pd.DataFrame, float]:
    """Walk one model forward; return its forecasts, and the seconds that they took."""
    started = time.perf_counter()
    table = walk_forward.walk_forward(name, {}, data, walk_plan.newest_folds(data, folds, share), settings)
    return table, time.perf_counter() - started


def cells(covered: pd.DataFrame) -> list[str]:
    """Return the coverage of the three intervals, and that of the widest one by regime, as texts."""
    overall = covered[covered["by"] == "all"].iloc[0]
    regimes = covered[covered["by"] == "regime"].set_index("group")
    by_regime = [cell(regimes.loc[name], PERCENTS[-1]) for name in REGIME_NAMES]
    return [cell(overall, percent) for percent in PERCENTS] + by_regime


def cell(row: pd.Series, percent: int) -> str:
    """Return a coverage with its error as text, marked where it misses its promise."""
    share, error = row[f"coverage_{percent}"], row[f"error_{percent}"]
    return f"{share:.1f} ± {error:.1f}{' !' if judge(row, percent) in MISSED else ''}"


def print_table(tables: dict[str, tuple[pd.DataFrame, float]], data: Dataset) -> None:
    """Print a line for each model."""
    forecasts = pd.concat([table for table, _ in tables.values()], ignore_index=True)
    forecasts = forecasts[forecasts["horizon"] == 1]
    covered = coverage(forecasts, data.features)
    scores = score(forecasts).xs(1, level="horizon")
    ewma = scores.loc["ewma"]
    shares = [*(f"{p} %" for p in PERCENTS), *(f"{PERCENTS[-1]} %, {name}" for name in REGIME_NAMES)]
    print(f"| model | {' | '.join(shares)} | CRPS | Winkler {PERCENTS[-1]} | p, CRPS | s |")
    print(f"|---|{'--:|' * (len(shares) + 4)}")
    for name in sorted(tables, key=lambda name: scores.at[name, "crps"]):
        row = scores.loc[name]
        gains = [f"{100 * (row[loss] / ewma[loss] - 1):+.1f} %" for loss in ("crps", "winkler_90")]
        p = row["ref_dm_p_crps_holm"]
        tested = "" if pd.isna(p) else "< .001" if p < 0.001 else f"{p:.3f}"
        line = [*cells(covered[covered["model"] == name]), *gains, tested, f"{tables[name][1]:.0f}"]
        print(f"| {name} | {' | '.join(line)} |")


@click.command()
@click.option("--data", default="", help="A csv or parquet file of bars; empty: the embedded sample.")
@click.option("--models", "wanted", default="classical", help="Models or families, separated by commas.")
@click.option("--folds", default=8, help="How many.")
@click.option("--share", default=0.6, help="Share of the dates that is walked through, the newest.")
@click.option("--horizon", default=5, help="Trading days ahead.")
@click.option("--mondrian", default=True, type=bool, help="Calibrate each volatility regime by itself.")
@click.option("--online", default=True, type=bool, help="Let the calibration go on after each fit.")
@click.option("--jobs", default=2, help="Processes.")
def main(
    data: str, wanted: str, folds: int, share: float, horizon: int, mondrian: bool, online: bool, jobs: int
) -> None:
    """Print the table of one file."""
    dataset = build(prices(data), horizon=horizon)
    names = list(dict.fromkeys([*NAIVES, *models.choose(wanted.split(","))[0]]))
    work = partial(
        walk, data=dataset, folds=folds, share=share, settings=Settings(mondrian=mondrian, online=online)
    )
    with ProcessPoolExecutor(jobs) as pool:
        tables = dict(zip(names, pool.map(work, names), strict=True))
    days = next(iter(tables.values()))[0]["cutoff"].nunique()
    print(f"\n{Path(data).stem or 'sample'}: {len(dataset.spec.tickers)} tickers, {days:,} days in {folds} folds\n")
    print_table(tables, dataset)


if __name__ == "__main__":
    main()
