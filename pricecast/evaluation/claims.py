"""Claims that a model is better or worse than the reference, decided by a test and the size of the difference."""

from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd

from pricecast.evaluation.scores import LOSSES, at_horizon, entry, horizons, reference_of

ALPHA = 0.05
# A smaller difference may be proved and still matter to nobody.
MATERIAL = 0.001


@dataclass(frozen=True)
class Claim:
    """Comparison of a model's loss with the reference's at one horizon.

    Attributes:
        loss: a key of `LOSSES`.
        reference: the better of naive and ewma.
        skill: 1 - metric / the reference's.
        p: Holm-adjusted p-value of the test.
        sign: 1 is shown to be better, -1 worse, 0 neither.
    """

    loss: str
    reference: str
    skill: float
    p: float
    sign: int

    @classmethod
    def of(cls, table: pd.DataFrame, model: str, loss: str) -> "Claim":
        """Compare a model with the reference in a table of scores at one horizon."""
        reference, metric = reference_of(table), LOSSES[loss][1]
        theirs = entry(table, reference, metric)
        skill = 1 - entry(table, model, metric) / theirs if theirs else float("nan")
        p = entry(table, model, f"ref_dm_p_{loss}_holm")
        # The test averages by day and in returns, the metric does not: a claim needs both on one side.
        agree = np.sign(skill) == -np.sign(entry(table, model, f"ref_dm_{loss}"))
        shown = p < ALPHA and agree and abs(skill) >= MATERIAL
        return cls(loss, reference, skill, p, int(np.sign(skill)) if shown else 0)


def model_claims(table: pd.DataFrame, model: str) -> list[Claim]:
    """Return a model's claims in a table of scores at one horizon, one for each loss."""
    return [Claim.of(table, model, loss) for loss in LOSSES]


def claims(scores: pd.DataFrame) -> pd.DataFrame:
    """Return all that the verdict's words rest on, one row per model, horizon and loss.

    Returns:
        Columns `model`, `horizon` and the fields of `Claim`; the reference itself has no row.
    """
    rows = []
    for horizon in horizons(scores):
        table = at_horizon(scores, horizon)
        for model in table.index.drop(reference_of(table)):
            rows += [{"model": model, "horizon": horizon, **asdict(claim)} for claim in model_claims(table, model)]
    return pd.DataFrame(rows, columns=["model", "horizon", *(field.name for field in fields(Claim))])


def winners(table: pd.DataFrame) -> list[str]:
    """Return the models better than the reference in one loss and worse in none, by CRPS, at one horizon."""
    ranked = table.sort_values("crps", kind="stable").index
    signs = {str(model): [claim.sign for claim in model_claims(table, str(model))] for model in ranked}
    return [model for model, own in signs.items() if max(own) > 0 and min(own) >= 0]


def untested(table: pd.DataFrame) -> bool:
    """Tell whether no model could be tested against the reference at a horizon, for want of days."""
    return bool(table[["ref_dm_p_point", "ref_dm_p_crps"]].isna().to_numpy().all())
