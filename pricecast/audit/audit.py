"""The audit: the leak guard on somebody's own dataset, features and models, as a table of checks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

import pandas as pd

from pricecast.audit import check_data, check_model, results
from pricecast.audit.check_data import DATA
from pricecast.audit.check_model import Subject
from pricecast.audit.results import FAILED, NOT_TRIED, PASSED, Check
from pricecast.dataset import subsets
from pricecast.dataset.dataset import Dataset
from pricecast.forecasting.fitting import check_belongs
from pricecast.forecasting.forecaster import Forecaster
from pricecast.forecasting.settings import DEFAULTS
from pricecast.text import listed

INCOMPLETE = "incomplete"
CUTS, TICKERS = 8, 3
MODEL_CUTS = 2  # a forecast costs more than a feature
QUICK_CUTS, QUICK_TICKERS, QUICK_BARS = 2, 2, 400
# So many forecasts are looked up within a second or two.
MOST_FORECASTS = 500_000
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        checks: one for each rule and what it was tried on.
        facts: label and value of what was audited, and how much of it.
        quick: whether it was the short one.
    """

    checks: tuple[Check, ...]
    facts: dict[str, str] = field(default_factory=dict)
    quick: bool = False

    def outcome(self, about: str | None = None) -> str:
        """Failed, incomplete or passed: of all checks, or of those of one model and of its data."""
        found = {check.result for check in self.checks if about is None or check.about in (DATA, about)}
        return FAILED if FAILED in found else INCOMPLETE if NOT_TRIED in found else PASSED

    def count(self, result: str) -> int:
        """How many checks had a result."""
        return sum(check.result == result for check in self.checks)

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        return in_words(*(self.count(result) for result in (PASSED, FAILED, NOT_TRIED)))

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "outcome": self.outcome(), "sentence": self.sentence, "quick": self.quick, "facts": self.facts,
            "checks": [{**asdict(check), "rule": check.rule} for check in self.checks],
        }  # fmt: skip


def in_words(passed: int, failed: int, not_tried: int) -> str:
    """Return the outcome of so many checks."""
    rest = f", {not_tried} not tried" if not_tried else ""
    return f"{passed} check{'' if passed == 1 else 's'} passed, {failed} failed{rest}"


def complaint(audit: Audit) -> str:
    """What failed, as one line for whoever asked."""
    failed = [check for check in audit.checks if check.result == FAILED]
    named = listed((f"{check.name} of {check.about} ({check.count})" for check in failed), 6)
    return f"expected no leak, got {len(failed)} of {len(audit.checks)} checks with violations: {named}"


def full(
    dataset: Dataset,
    subjects: Sequence[Subject],
    lacking: Iterable[str] = (),
    progress: Progress = lambda what: None,
) -> Audit:
    """Every check on the data and on every model; models are fitted on a part of the data.

    Args:
        dataset: whose spans need not be sound.
        subjects: the models.
        lacking: what models of a family lack that could not be tried.
        progress: told what is being looked at.

    Raises:
        InputError: a model does not belong to the dataset.
    """
    for subject in subjects:
        if subject.kept:
            check_belongs(subject.label, subject.kept, dataset)
    bars = subsets.length(dataset.spec)
    part = subsets.part(dataset, subsets.fullest(dataset, TICKERS, bars), bars)
    progress(DATA)
    found = [*check_data.look_at_tables(dataset), *check_data.look_at_features(part, CUTS, quick=False)]
    for subject in subjects:
        progress(subject.label)
        found += check_model.look_at_model(subject, dataset, part, MODEL_CUTS)
    found += [results.left_out(results.MODEL, reason.split()[0], reason) for reason in lacking]
    capped = {"Fits": f"on the sample, {check_model.CAPPED}"} if subjects else {}
    return Audit(tuple(found), {**_facts(dataset, part), **capped})


def quick(
    dataset: Dataset, made: Mapping[str, Forecaster], forecasts: pd.DataFrame | None = None,
    progress: Progress = lambda what: None,
) -> Audit:  # fmt: skip
    """What can be seen in a few seconds: features, spans, scores, and a live forecast of each model.

    Args:
        dataset: whose spans need not be sound.
        made: the models, by the label under which they were judged.
        forecasts: the table that the evaluator left; None makes one of the last dates.
        progress: told what is being looked at.

    Raises:
        InputError: a model does not belong to the dataset.
    """
    for name, forecaster in made.items():
        check_belongs(name, forecaster, dataset)
    tickers = subsets.fullest(dataset, QUICK_TICKERS, subsets.length(dataset.spec))
    part = subsets.newest(dataset, tickers, QUICK_BARS)
    progress(DATA)
    found = [*check_data.look_at_tables(dataset), *check_data.look_at_features(part, QUICK_CUTS, quick=True)]
    if forecasts is not None:
        found.append(_scored(dataset, forecasts, tickers))
    for name, forecaster in made.items():
        progress(name)
        found += _alive(name, forecaster, dataset, forecasts, tickers)
    return Audit(tuple(found), _facts(dataset, part), quick=True)


def _scored(dataset: Dataset, forecasts: pd.DataFrame, tickers: list[str]) -> Check:
    few = forecasts if len(forecasts) <= MOST_FORECASTS else forecasts[forecasts["ticker"].isin(tickers)]
    how = f"{len(few):,} of the {len(forecasts):,} forecasts that were judged"
    return check_model.scored(DATA, how, lambda: few, dataset.features)


def _alive(
    name: str, made: Forecaster, dataset: Dataset, forecasts: pd.DataFrame | None, tickers: list[str]
) -> list[Check]:
    bars = dataset.bars if made.about.across else dataset.bars[dataset.bars["ticker"].isin(tickers)]
    bars = bars.reset_index(drop=True)
    if forecasts is None:
        part = subsets.unspanned(dataset, bars)
        walked = cache(lambda: check_model.backtest(made, part))
        lag = [check_model.scored(name, f"all forecasts of {check_model.DATES} dates", walked, part.features)]
        return [*lag, check_model.parity(name, made, bars, walked, n=1)]
    own = forecasts[(forecasts["model"] == name) & forecasts["ticker"].isin(bars["ticker"].unique())]
    return [check_model.parity(name, made, bars, lambda: own, n=1)]


def named(name: str, params: dict[str, Any], label: str = "") -> Subject:
    """Return the subject of a model that is there by name only."""
    return Subject(label or name, name, params, DEFAULTS)


def _facts(dataset: Dataset, part: Dataset) -> dict[str, str]:
    spec, bars = dataset.spec, part.bars
    used = "all of it" if len(bars) == len(dataset.bars) else (
        f"{len(bars):,} bars of {', '.join(part.bars['ticker'].unique())} from {bars['date'].min():%Y-%m-%d} on"
    )  # fmt: skip
    return {
        "Tickers": listed(spec.tickers),
        "Bars": f"{len(dataset.bars):,} up to {dataset.bars['date'].max():%Y-%m-%d}",
        "Horizon": f"{spec.horizon} trading days",
        "Sample": f"{used} for whatever has to be computed many times; tables are read in full",
    }
