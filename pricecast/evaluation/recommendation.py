"""The model to take: one shown to be better than the reference, and whose intervals are not shown to fail."""

from collections.abc import Collection
from dataclasses import dataclass

from pricecast.evaluation.findings import Findings
from pricecast.evaluation.scores import NAIVES
from pricecast.evaluation.wording import ahead, miss_text


@dataclass(frozen=True)
class Recommendation:
    """Model to take.

    Attributes:
        model: label.
        passed_over: models that would come before it, but for intervals that miss their promise at some horizon.
        refused: models that beat the reference, but may not be taken for a reason of the caller's.
        is_sound: whether its own intervals are not shown to miss their promise anywhere.
    """

    model: str
    passed_over: tuple[str, ...]
    refused: tuple[str, ...]
    is_sound: bool


def recommend(findings: Findings, eligible: Collection[str] | None = None) -> Recommendation:
    """Choose the model to take at the headline horizon.

    The models that beat the reference come first, those in the Model Confidence Set before others, by CRPS; then
    the reference, then the other one of naive and ewma. The first whose intervals are not shown to miss their
    promise, at any level and horizon, is taken; where all are shown to, the reference.

    Args:
        findings: the table of tests.
        eligible: models that may be taken besides naive and ewma, by default all.
    """
    winners = findings.winners()
    allowed = [name for name in winners if eligible is None or name in {*eligible, *NAIVES}]
    ranked = sorted(allowed, key=lambda name: findings.first[name].in_set is False)
    reference = findings.reference()
    others = [name for name in NAIVES if name in findings.first]
    order = list(dict.fromkeys([*ranked, reference, *others]))
    sound = [name for name in order if not findings.missed(name)]
    chosen = sound[0] if sound else reference
    before = order[: order.index(chosen)]
    refused = tuple(name for name in winners if name not in allowed)
    return Recommendation(chosen, tuple(before), refused, bool(sound))


def why(findings: Findings, choice: Recommendation) -> str:
    """Say whose forecast to take and why, in a sentence."""
    model, reference, distance = choice.model, findings.reference(), ahead(findings.headline)
    reasons = [miss_text(name, findings.missed(name)) for name in choice.passed_over]
    if model in findings.winners():
        text = f"{model}'s, which beats {reference} {distance}"
    elif len(findings.first) == 1:
        text = f"{model}'s, the only one"
    elif not findings.is_tested():
        text = f"{model}'s, since too few days tell others from {reference} {distance}"
    elif choice.refused:
        names = ", ".join(choice.refused)
        text = f"{model}'s: {names} beat {reference}, but most trainings of the same kind do not"
    elif set(choice.passed_over) & set(findings.winners()):
        text = f"{model}'s"
    else:
        text = f"{model}'s, since nothing is shown to beat {reference} {distance}"
        text += ", though some model is better" if findings.is_contested else ""
    if not choice.is_sound:
        return f"{text}, for want of intervals that keep their promise: {'; '.join(all_missed(findings, choice))}."
    return f"{text}{'; ' if reasons else ''}{'; '.join(reasons)}."


def all_missed(findings: Findings, choice: Recommendation) -> list[str]:
    """Name a broken interval of the model to take, and of each that was passed over."""
    names = dict.fromkeys([*choice.passed_over, choice.model])
    return [miss_text(name, findings.missed(name)) for name in names]
