"""The name and the description of a run that judges, from its verdict."""

from collections.abc import Mapping, Sequence
from typing import Any

from pricecast.evaluation.wording import ahead, percent

_LOSSES = ("intervals", "point")


def subject(tickers: Sequence[str], horizon: int) -> str:
    """Return what is forecast in few characters: a list of runs in MLflow shows twenty of a name.

    >>> subject(("AAPL",), 5), subject(("AAPL", "FB", "IBM"), 5)
    ('AAPL h=5', 'AAPL +2 h=5')
    """
    return f"{tickers[0]}{f' +{len(tickers) - 1}' if len(tickers) > 1 else ''} h={horizon}"


def headline(of: str, verdict: Mapping[str, Any]) -> str:
    """Return the name of a run: what is forecast, whose forecast to take, and who is shown to be better.

    Args:
        of: what is forecast, and what was done where that is not plain.
        verdict: see `pricecast.evaluation.verdict`.

    >>> models = {"naive": {"intervals": {"skill_crps": 0.0, "sign": 0}, "point": {"skill_rmse": 0.0, "sign": 0}},
    ...           "lstm": {"intervals": {"skill_crps": 0.01, "sign": 1}, "point": {"skill_rmse": -0.1, "sign": 0}}}
    >>> verdict = {"recommended": "lstm", "reference": "naive", "horizon": 1, "models": models}
    >>> headline("AAPL h=5", verdict)
    'AAPL h=5: lstm 1 % sharper one day ahead'
    >>> headline("AAPL h=5", verdict | {"recommended": "naive"})
    "AAPL h=5: naive's intervals; lstm 1 % sharper one day ahead"
    >>> headline("AAPL h=5", verdict | {"recommended": "naive", "models": {"naive": models["naive"]}})
    'AAPL h=5: naive, nothing beats it one day ahead'
    """
    models, taken = verdict["models"], verdict["recommended"]
    sharper, better = (_shown(models, *figure) for figure in (("intervals", "skill_crps"), ("point", "skill_rmse")))
    leader = taken if taken in {*sharper, *better} else next(iter([*sharper, *better]), "")
    if leader in sharper:
        found = f"{_percent(sharper[leader])} sharper"
    elif leader:
        found = f"point forecast {_percent(better[leader])} better"
    else:
        found = f"nothing beats {'it' if taken == verdict['reference'] else verdict['reference']}"
    who = taken if leader == taken else f"{taken}'s intervals; {leader}" if leader else f"{taken},"
    return f"{of}: {who} {found} {ahead(verdict['horizon'])}"


def description(verdict: Mapping[str, Any], summary: str, more: Sequence[str] = ()) -> str:
    """Return the description of a run: the verdict first, then the summary of the terminal, then further parts."""
    sentence = verdict["sentence"]
    rest = [block for block in summary.strip().split("\n\n") if " ".join(block.split()) != sentence]
    return "\n\n".join([sentence, *rest, *more]) + "\n"


def _shown(models: Mapping[str, Any], loss: str, skill: str) -> dict[str, float]:
    """Return the skill of the models that beat the reference and are better in a loss, most skilled first."""
    beating = {name: about for name, about in models.items() if min(about[each]["sign"] for each in _LOSSES) >= 0}
    shown = {name: about[loss][skill] for name, about in beating.items() if about[loss]["sign"] > 0}
    return dict(sorted(shown.items(), key=lambda item: -item[1]))


def _percent(skill: float) -> str:
    """Return a skill in percent with one digit behind the point where it is needed.

    >>> _percent(0.0096), _percent(0.034)
    ('1 %', '3.4 %')
    """
    return percent(skill, 1).replace(".0 ", " ")
