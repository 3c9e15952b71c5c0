"""Plain sentences on how far to trust the recommended forecast, for people who know no statistics."""

from collections.abc import Sequence

from pricecast.evaluation.claims import Finding
from pricecast.evaluation.coverage import KEPT, NARROW, UNKNOWN, WIDE
from pricecast.evaluation.findings import Findings
from pricecast.evaluation.recommendation import Recommendation
from pricecast.evaluation.scores import NAIVES
from pricecast.evaluation.wording import ahead, joined

DAY = "trading day"
PLAIN = "the plain forecast (the last price, give or take its usual swing)"
HELD = {
    NARROW: ": too seldom, so expect more surprises than the range says",
    WIDE: ": more often than it should, so the range is wider than it need be",
}
MISSES = {
    NARROW: "less often than promised: expect more surprises there",
    WIDE: "more often than promised: they are wider than they need be",
}


def trust(findings: Findings, choice: Recommendation) -> list[str]:
    """Return two to five sentences: how often the range held, what it is worth, and what not to trust.

    They say what the table of tests says, without symbols, statistics or technical terms.
    """
    row = findings.first[choice.model]
    return [_range_held(row), _worth(findings, choice, row), *_limits(findings, choice, row), _direction(row)]


def _range_held(row: Finding) -> str:
    held = round(row.interval.held)
    where = f"the true price {ahead(row.horizon, DAY)}"
    if row.interval.outcome == UNKNOWN:
        days = "only one trading day" if row.n_days == 1 else f"only {row.n_days:,} trading days"
        return f"The forecast was tried on {days}, too few to say how often {where} ends inside its 9-in-10 range."
    said = f"On {row.n_days:,} trading days that the model had not seen, {where} ended inside the 9-in-10 range"
    if row.interval.outcome != KEPT:
        return f"{said} {held} times in 100{HELD[row.interval.outcome]}."
    near = "as promised" if held == 90 else "and 90 were promised; a gap that small can be luck"
    return f"{said} {held} times in 100, {near}."


def _worth(findings: Findings, choice: Recommendation, row: Finding) -> str:
    if row.is_better and row.distribution.sign > 0:
        gain = (
            f"{_first_ahead(row.horizon)}, its ranges scored {_percent(row.distribution.skill)} better than {PLAIN}"
        )
        why = "counting how narrow they are and how well they hold the price; luck alone would seldom do that"
        return f"{gain}, {why}."
    if row.is_better:
        return f"Its ranges are not shown to be better than {PLAIN}."
    shown = f"what is shown is {PLAIN}"
    if not findings.first.keys() - {*NAIVES}:
        return f"No other kind of model was tried: {shown}."
    if not findings.is_tested():
        return f"There were too few days to tell whether any model does better, so {shown}."
    passed = [name for name in choice.passed_over if name in findings.winners()]
    if passed:
        return f"{joined(passed)} did better, but with ranges that did not hold as promised, so {shown}."
    if choice.refused:
        return f"{joined(choice.refused)} did better, but most others of the same kind did not, so {shown}."
    if findings.is_contested:
        return f"Some other model is probably better, but these days do not say which, so {shown}."
    return f"No other model was shown to be better, so {shown}."


def _direction(row: Finding) -> str:
    if row.point.sign > 0:
        return (
            f"Its middle value came {_percent(row.point.skill)} nearer to the true price than the last price did, "
            "more than luck explains; up or down is still far from sure."
        )
    if row.model in NAIVES:
        return "Up or down is a coin toss: this forecast has no opinion on it."
    return (
        "Do not use it to guess up or down: its middle value is not shown to come nearer to the true price than "
        "the last price does."
    )


def _limits(findings: Findings, choice: Recommendation, row: Finding) -> list[str]:
    """Name the other horizons at which less is to be expected."""
    if not choice.is_sound:
        return [
            f"Some of its ranges {_all_ahead(places)} held {words}."
            for outcome, words in MISSES.items()
            if (places := sorted({each.horizon for each in findings.missed(row.model) if each.outcome == outcome}))
        ]
    if not row.is_better:
        return []
    weak = [horizon for horizon, rows in findings.rows.items() if not rows[row.model].is_better]
    if not weak:
        return []
    text = f"No such advantage is shown {_all_ahead(weak)}"
    far = findings.rows[weak[-1]][row.model]
    if far.interval.outcome != KEPT:
        return [f"{text}."]
    where = ahead(far.horizon, DAY) if len(weak) > 1 else "there"
    return [f"{text}; {where} the 9-in-10 range held {round(far.interval.held)} times in 100."]


def _first_ahead(horizon: int) -> str:
    text = ahead(horizon, DAY)
    return text[0].upper() + text[1:]


def _all_ahead(horizons: Sequence[int]) -> str:
    if len(horizons) == 1:
        return ahead(horizons[0], DAY)
    return f"{joined(horizons)} trading days ahead"


def _percent(skill: float) -> str:
    """Return a skill in percent, without the symbol."""
    return f"{100 * skill:.1f}".removesuffix(".0") + " percent"
