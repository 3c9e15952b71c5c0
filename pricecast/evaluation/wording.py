"""Figures, horizons and intervals in words, the same in every text of the verdict."""

from collections.abc import Iterable, Sequence

import numpy as np

from pricecast.evaluation.claims import Interval
from pricecast.evaluation.coverage import KEPT, NARROW, UNKNOWN, WIDE

# What is said of an interval after the share that it held.
OUTCOMES = {
    KEPT: "",
    NARROW: ", less often than chance explains",
    WIDE: ", more often than chance explains",
    UNKNOWN: ", on too few days to judge",
}


def p_text(p: float) -> str:
    """Return a p-value in words.

    >>> p_text(0.0312), p_text(0.4), p_text(1e-9)
    ('p = .031', 'p = .40', 'p < .001')
    """
    if np.isnan(p):
        return "too few days to test"
    if p < 0.001:
        return "p < .001"
    return "p = 1" if p > 0.995 else f"p = {p:.{3 if p < 0.1 else 2}f}".replace("0.", ".")


def ahead(horizon: int, unit: str = "day") -> str:
    """Return a horizon as a distance.

    >>> ahead(1), ahead(5, "trading day")
    ('one day ahead', '5 trading days ahead')
    """
    return f"one {unit} ahead" if horizon == 1 else f"{horizon} {unit}s ahead"


def joined(names: Sequence[object]) -> str:
    """Return all names as a sentence lists them; `text.listed` cuts long lists.

    >>> joined(["har"]), joined([2, 5]), joined(["har", "lstm", "garch"])
    ('har', '2 and 5', 'har, lstm and garch')
    """
    texts = [str(name) for name in names]
    return ", ".join([*texts[:-2], " and ".join(texts[-2:])])


def percent(share: float, digits: int = 0) -> str:
    """Return a share in percent.

    >>> percent(0.034), percent(0.034, 1)
    ('3 %', '3.4 %')
    """
    return f"{100 * share:.{digits}f} %"


def horizons_text(numbers: Iterable[int]) -> str:
    """Return horizons in words.

    >>> horizons_text([2, 5])
    'horizons 2, 5'
    """
    names = [str(number) for number in numbers]
    return f"horizon{'s' if len(names) > 1 else ''} {', '.join(names)}"


def days_text(count: int) -> str:
    """Return a number of days in words."""
    return f"{count:,} day" if count == 1 else f"{count:,} days"


def change(skill: float) -> str:
    """Return how a loss compares with another.

    >>> change(0.0123), change(-0.2), change(0.0001)
    ('1.2 % lower', '20.0 % higher', 'no lower')
    """
    size = f"{abs(100 * skill):.1f}"
    return f"{size} % {'lower' if skill > 0 else 'higher'}" if float(size) else "no lower"


def signed(skill: float) -> str:
    """Return a share in percent with its sign."""
    return f"{round(100 * skill, 1) + 0.0:+.1f} %".replace("-", "\N{MINUS SIGN}")


def miss_text(model: str, missed: Sequence[Interval]) -> str:
    """Name an interval of a model that misses its promise, of the highest level there is, and count the others."""
    worst = max(missed, key=lambda each: (each.percent, -each.horizon))
    more = len(missed) - 1
    others = f" (and {more} other{'s' if more > 1 else ''} of its intervals)" if more else ""
    return (
        f"{model}'s {worst.percent} % interval at horizon {worst.horizon} held {worst.held:.1f} %"
        f"{OUTCOMES[worst.outcome]}{others}"
    )


def number(figure: float) -> float | None:
    """Return a figure for JSON, None where there is none."""
    return figure if np.isfinite(figure) else None
