"""The model to take: one shown to be better than the reference, and whose intervals are not shown to fail."""

from collections.abc import Collection
from dataclasses import dataclass

from pricecast.evaluation.findings import Findings
from pricecast.evaluation.scores import NAIVES


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
