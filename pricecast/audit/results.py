"""Rules of the audit, and the result of checking one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pricecast.audit.violations import Violation
from pricecast.errors import InputError

PASSED, FAILED, NOT_TRIED, NO_MATTER = "passed", "failed", "not tried", "does not apply"
SHOWN = 3  # violations of a check that are kept in words

# Names of the rules, and the rules in words.
PREFIX, HOLES, FUTURE, ISOLATION, ADJUSTMENT, STORED = (
    "prefix equality", "holes at the cut", "future perturbation", "cross-ticker isolation", "adjustment",
    "stored features",
)  # fmt: skip
PURGE, WINDOWS, SCALERS = "purge", "windows of one ticker", "stored scalers"
FITS, AS_TRAINED, LAG, START = "fit isolation", "as trained", "execution lag", "recursive start"
MODEL = "a model to audit"
RULES = {
    PREFIX: "A value known at a close has the same bits when all later rows are gone.",
    HOLES: "The same holds where the rows right before the cut are empty: no gap is filled from behind.",
    FUTURE: "A value known at a close has the same bits whatever comes after it.",
    ISOLATION: "A ticker's values have the same bits alone and beside tickers full of garbage.",
    ADJUSTMENT: "A later split or dividend, which rescales all adjusted closes, moves no feature.",
    STORED: "The dataset's features are those that the code computes from the dataset's bars.",
    PURGE: "No label reaches a date that a later span forecasts, and the spans follow from the dates.",
    WINDOWS: "All rows of a window are of one ticker.",
    SCALERS: "The dataset's scalers are those of its training rows.",
    FITS: "Scalers, model and calibration are the same when every row after validation is replaced.",
    AS_TRAINED: "Training again with every row after validation replaced gives the very model that is kept.",
    LAG: "A forecast from the close of a day is scored on a later close of its ticker, never on that one.",
    START: "The forecast from as few bars as the model says it needs is the backtest's.",
    MODEL: "Every model that a family stands for can be trained.",
}


@dataclass(frozen=True)
class Check:
    """Result of one rule, tried on the data or on one model.

    Attributes:
        name: name of the rule, a key of `RULES`.
        about: the data, or the label of the model that it was tried on.
        result: passed, failed, not tried or does not apply.
        tried: what was tried, or why not.
        violations: the first violations in words.
        count: number of violations.
    """

    name: str
    about: str
    result: str
    tried: str
    violations: tuple[str, ...] = ()
    count: int = 0

    @property
    def rule(self) -> str:
        """Rule in words."""
        return RULES[self.name]


def run_check(name: str, about: str, how: str, find: Callable[[], Sequence[Violation]]) -> Check:
    """Check a rule; where the code under audit itself fails, nothing is known.

    Args:
        name: name of the rule.
        about: the data, or the label of a model.
        how: what is tried, in words.
        find: returns the violations.
    """
    try:
        violations = list(find())
    # Whatever somebody's model or feature raises, the other checks go on.
    except Exception as error:
        kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        return left_out(name, about, f"{kind}{' '.join(str(error).split())[:300]}")
    leaks = [violation for violation in violations if violation.check != "computes"]
    if violations and not leaks:
        return left_out(name, about, str(violations[0]).removeprefix("computes: (all): ")[:400])
    words = tuple(str(violation)[:400] for violation in leaks[:SHOWN])
    return Check(name, about, FAILED if leaks else PASSED, how, words, len(leaks))


def left_out(name: str, about: str, reason: str, matters: bool = True) -> Check:
    """Return a check that was not tried.

    Args:
        name: name of the rule.
        about: the data, or the label of a model.
        reason: why it was not tried.
        matters: whether the audit is incomplete without it.
    """
    return Check(name, about, NOT_TRIED if matters else NO_MATTER, reason)
