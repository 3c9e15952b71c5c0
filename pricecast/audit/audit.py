"""The audit: the leak guard on a dataset, its features and models, as a table of checks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any

import pandas as pd

from pricecast.audit import check_data, check_model, results
from pricecast.audit.check_data import DATA
from pricecast.audit.results import FAILED, NOT_TRIED, PASSED, Check
from pricecast.audit.subjects import Subject
from pricecast.dataset import subsets
from pricecast.dataset.dataset import Dataset
from pricecast.forecasting.fitting import check_belongs
from pricecast.forecasting.forecaster import Forecaster
from pricecast.text import listed

INCOMPLETE = "incomplete"
CUTS, TICKERS = 8, 3
MODEL_CUTS = 2  # a forecast costs more than a feature
QUICK_CUTS, QUICK_TICKERS, QUICK_BARS = 2, 2, 400
# This many forecasts are looked up within a second or two.
MOST_FORECASTS = 500_000
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Audit:
    """Result of an audit.

    Attributes:
        checks: one for each rule and each thing that it was tried on.
        facts: what was audited, and how much of it, by label.
        quick: whether it was the quick audit.
    """

    checks: tuple[Check, ...]
    facts: dict[str, str] = field(default_factory=dict)
    quick: bool = False

    def outcome(self, about: str | None = None) -> str:
        """Return failed, incomplete or passed: of all checks, or of those of one model and of the data."""
        results = {check.result for check in self.checks if about is None or check.about in (DATA, about)}
        return FAILED if FAILED in results else INCOMPLETE if NOT_TRIED in results else PASSED

    def count(self, result: str) -> int:
        """Count the checks with a result."""
        return sum(check.result == result for check in self.checks)

    @property
    def models(self) -> list[str]:
        """Labels of the audited models."""
        return list(dict.fromkeys(check.about for check in self.checks if check.about != DATA))

    def was_tried(self, model: str) -> bool:
        """Return whether any check of a model could be tried."""
        return any(check.result in (PASSED, FAILED) for check in self.checks if check.about == model)

    def reason(self, model: str) -> str:
        """Return why the last check of a model was not tried."""
        return [check.tried for check in self.checks if check.about == model and check.result == NOT_TRIED][-1]

    @property
    def sentence(self) -> str:
        """Outcome in words."""
        return in_words(*(self.count(result) for result in (PASSED, FAILED, NOT_TRIED)))

    def to_json(self) -> dict[str, Any]:
        """Return the audit as values for JSON."""
        return {
            "outcome": self.outcome(), "sentence": self.sentence, "quick": self.quick, "facts": self.facts,
            "checks": [{**asdict(check), "rule": check.rule} for check in self.checks],
        }  # fmt: skip


def in_words(passed: int, failed: int, not_tried: int) -> str:
    """Return the numbers of checks in words.

    >>> in_words(12, 0, 1)
    '12 checks passed, 0 failed, 1 not tried'
    """
    rest = f", {not_tried} not tried" if not_tried else ""
    return f"{passed} check{'' if passed == 1 else 's'} passed, {failed} failed{rest}"


def failure_message(audit: Audit) -> str:
    """Return the checks that failed as one line."""
    failed = [check for check in audit.checks if check.result == FAILED]
    named = listed((f"{check.name} of {check.about} ({check.count})" for check in failed), 6)
    return f"expected no leak, got {len(failed)} of {len(audit.checks)} checks with violations: {named}"


def full(
    dataset: Dataset,
    subjects: Sequence[Subject],
    lacking: Iterable[str] = (),
    progress: Progress = lambda what: None,
) -> Audit:
    """Run every check on the data and on every model; models are fitted on a part of the data.

    Args:
        dataset: dataset to audit; its spans need not be sound.
        subjects: models to audit.
        lacking: reasons for which models of a family could not be tried.
        progress: called with the name of each part before it is checked.

    Raises:
        InputError: a model does not belong to the dataset.
    """
    for subject in subjects:
        if subject.forecaster:
            check_belongs(subject.label, subject.forecaster, dataset)
    bars = subsets.length(dataset.spec)
    part = subsets.part(dataset, subsets.fullest(dataset, TICKERS, bars), bars)
    progress(DATA)
    checks = [*check_data.table_checks(dataset), *check_data.feature_checks(part, CUTS, quick=False)]
    for subject in subjects:
        progress(subject.label)
        checks += check_model.model_checks(subject, dataset, part, MODEL_CUTS)
    checks += [results.left_out(results.MODEL, reason.split()[0], reason) for reason in lacking]
    capped = {"Fits": f"on the sample, {check_model.CAPPED}"} if subjects else {}
    return Audit(tuple(checks), {**_facts(dataset, part), **capped})


def quick(
    dataset: Dataset, forecasters: Mapping[str, Forecaster], forecasts: pd.DataFrame | None = None,
    progress: Progress = lambda what: None,
) -> Audit:  # fmt: skip
    """Run the checks that take a few seconds: features, spans, scores, and a live forecast of each model.

    Args:
        dataset: dataset to audit; its spans need not be sound.
        forecasters: the models, by the label under which they were evaluated.
        forecasts: the evaluator's forecasts table, by default made here of the last dates.
        progress: called with the name of each part before it is checked.

    Raises:
        InputError: a model does not belong to the dataset.
    """
    for name, forecaster in forecasters.items():
        check_belongs(name, forecaster, dataset)
    tickers = subsets.fullest(dataset, QUICK_TICKERS, subsets.length(dataset.spec))
    part = subsets.newest(dataset, tickers, QUICK_BARS)
    progress(DATA)
    checks = [*check_data.table_checks(dataset), *check_data.feature_checks(part, QUICK_CUTS, quick=True)]
    if forecasts is not None:
        checks.append(_lag(dataset, forecasts, tickers))
    for name, forecaster in forecasters.items():
        progress(name)
        checks += _live(name, forecaster, dataset, forecasts, tickers)
    return Audit(tuple(checks), _facts(dataset, part), quick=True)


def _lag(dataset: Dataset, forecasts: pd.DataFrame, tickers: list[str]) -> Check:
    few = forecasts if len(forecasts) <= MOST_FORECASTS else forecasts[forecasts["ticker"].isin(tickers)]
    how = f"{len(few):,} of the {len(forecasts):,} forecasts that were judged"
    return check_model.lag(DATA, how, lambda: few, dataset.features)


def _live(
    name: str, forecaster: Forecaster, dataset: Dataset, forecasts: pd.DataFrame | None, tickers: list[str]
) -> list[Check]:
    bars = dataset.bars if forecaster.about.across else dataset.bars[dataset.bars["ticker"].isin(tickers)]
    bars = bars.reset_index(drop=True)
    if forecasts is None:
        part = subsets.unspanned(dataset, bars)
        table = cache(lambda: check_model.backtest(forecaster, part))
        lag = check_model.lag(name, f"all forecasts of {check_model.DATES} dates", table, part.features)
        return [lag, check_model.parity(name, forecaster, bars, table, n=1)]
    rows = forecasts[(forecasts["model"] == name) & forecasts["ticker"].isin(bars["ticker"].unique())]
    return [check_model.parity(name, forecaster, bars, lambda: rows, n=1)]


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
