"""Facts of a report: the data, the dates, and how the models were evaluated."""

import pandas as pd

from pricecast import defaults
from pricecast.dataset.dataset import Dataset
from pricecast.forecasting.walk_plan import Plan
from pricecast.schema import SPLITS
from pricecast.text import listed


def facts(dataset: Dataset, forecasts: pd.DataFrame, headline: int, plan: Plan | None = None) -> dict[str, str]:
    """Return the facts by label, in the order of the page.

    Days are the cutoffs that were judged: those whose outcome is known at the headline horizon.

    Args:
        dataset: dataset that the models were evaluated on.
        forecasts: the forecasts table.
        headline: horizon that the verdict leads with.
        plan: plan of a backtest; without one, the spans of the dataset are among the facts.
    """
    spec, dates, judged = dataset.spec, dataset.features["date"], _judged(forecasts, headline)
    return {
        "Tickers": listed(spec.tickers),
        "Source": str(dataset.quality.get("source", "a prices table")),
        "Bars": f"{len(dates):,} from {dates.min():%Y-%m-%d} to {dates.max():%Y-%m-%d}",
        **(_spans(dataset, judged) if plan is None else _walk(judged, plan)),
        "Horizon": f"{spec.horizon} trading days",
        "Target": "log return in units of volatility" if spec.target == "return" else "price level (textbook)",
        "Prices": f"scored as adjusted closes ({spec.adjustment}), where later dividends move levels, not returns; "
        "shown as quoted",
    }


def kicker(forecasts: pd.DataFrame, headline: int, plan: Plan | None = None) -> str:
    """Return the number and dates of the judged days in a line; empty where no outcome is known."""
    known = _judged(forecasts, headline)
    if known.empty:
        return ""
    days, first, last = known["cutoff"].nunique(), known["cutoff"].min(), known["cutoff"].max()
    how = "Judged on" if plan is None else f"Backtest of {plan.folds} folds:"
    what = "test days" if plan is None else "days"
    return f"{how} {days:,} {what} from {first:%Y-%m-%d} to {last:%Y-%m-%d}."


def _judged(forecasts: pd.DataFrame, headline: int) -> pd.DataFrame:
    return forecasts[forecasts["actual"].notna() & forecasts["horizon"].eq(headline)]


def _origins(judged: pd.DataFrame) -> int:
    return len(judged[["ticker", "cutoff"]].drop_duplicates())


def _spans(dataset: Dataset, judged: pd.DataFrame) -> dict[str, str]:
    counts = {split: len(dataset.origins(split)) for split in SPLITS} | {"test": _origins(judged)}
    return {
        "Validation from": dataset.spec.valid_start,
        "Test from": dataset.spec.test_start,
        "Origins": ", ".join(f"{count:,} {split}" for split, count in counts.items()),
    }


def _walk(judged: pd.DataFrame, plan: Plan) -> dict[str, str]:
    days = judged.groupby("fold")["cutoff"].nunique()
    size = f"{days.min():,}" if days.min() == days.max() else f"{days.min():,} to {days.max():,}"
    learned = (
        "all of its past" if plan.window == defaults.WINDOWS[0] else "as many dates as the first has behind it"
    )
    refits = {"Refits": f"models that stop early in every {_ordinal(plan.refit_every)} fold, others in each"}
    return {
        "Folds": f"{len(days)} of {size} trading days each",
        "Window": f"{plan.window}: each fold learns from {learned}, and from nothing after it",
        **(refits if plan.refit_every > 1 else {}),
        "Cutoffs": f"{judged['cutoff'].min():%Y-%m-%d} to {judged['cutoff'].max():%Y-%m-%d}",
        "Origins": f"{_origins(judged):,} (a ticker on a day)",
    }


def _ordinal(number: int) -> str:
    """Return an ordinal number.

    >>> [_ordinal(number) for number in (1, 2, 3, 4, 11, 22)]
    ['1st', '2nd', '3rd', '4th', '11th', '22nd']
    """
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending}"
