"""The one table of tests, on which the verdict, its answers and every recommendation rest."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from pricecast.evaluation.claims import ALPHA, MATERIAL, Claim, Finding, Interval, finding
from pricecast.evaluation.coverage import PERCENTS
from pricecast.evaluation.scores import at_horizon, horizons, reference_of

# Columns of the scores that the tests are in.
NEEDED = (
    *("crps", "rmse", "winkler_90", "n_days", "n_rows", "mcs_p"),
    *(f"{name}_{percent}" for name in ("coverage", "error") for percent in PERCENTS),
    *(f"ref_dm_{name}" for name in ("crps", "p_crps_holm", "point", "p_point_holm")),
)


@dataclass(frozen=True, eq=False)
class Findings:
    """Outcomes of all tests, and what follows from several of them.

    Attributes:
        rows: by horizon and model, horizons from the shortest on, models by CRPS.
        headline: horizon that the verdict leads with.
        together: models whose CRPS over all horizons is shown to be lower than the reference's; None where that
            could not be tested.
    """

    rows: Mapping[int, Mapping[str, Finding]]
    headline: int
    together: list[str] | None

    @classmethod
    def of(cls, scores: pd.DataFrame, headline: int | None = None) -> "Findings":
        """Judge the scores.

        Args:
            scores: result of `scores.score` with the same headline horizon.
            headline: horizon that the verdict leads with, by default the shortest.
        """
        first = headline or horizons(scores)[0]
        tables = {horizon: at_horizon(scores, horizon) for horizon in horizons(scores)}
        rows = {horizon: _at(table, horizon) for horizon, table in tables.items()}
        return cls(rows, first, _together(scores, tables[first]))

    @property
    def first(self) -> Mapping[str, Finding]:
        """The rows at the headline horizon, by model."""
        return self.rows[self.headline]

    def __iter__(self) -> Iterator[Finding]:
        """Iterate over all rows."""
        return (row for rows in self.rows.values() for row in rows.values())

    def reference(self, horizon: int | None = None) -> str:
        """Return the model that all others are compared with at a horizon, by default the headline horizon."""
        return next(iter(self.rows[horizon or self.headline].values())).distribution.reference

    def winners(self, horizon: int | None = None) -> list[str]:
        """Return the models better than the reference in one loss and worse in none, by CRPS."""
        return [name for name, row in self.rows[horizon or self.headline].items() if row.is_better]

    def is_tested(self, horizon: int | None = None) -> bool:
        """Tell whether any model could be tested against the reference at a horizon."""
        rows = self.rows[horizon or self.headline].values()
        return any(np.isfinite(claim.p) for row in rows for claim in row.claims)

    def missed(self, model: str) -> list[Interval]:
        """Return a model's intervals that are shown not to keep their promise, at any horizon."""
        own = [rows[model] for rows in self.rows.values()]
        return [interval for row in own for interval in row.intervals if interval.missed]

    def confidence_set(self) -> list[str] | None:
        """Return the models that the Model Confidence Set keeps, by CRPS; None where there are too few days."""
        kept = {name: row.in_set for name, row in self.first.items()}
        return None if set(kept.values()) == {None} else [name for name, inside in kept.items() if inside]

    @property
    def is_contested(self) -> bool:
        """True if the Model Confidence Set rules the reference out, but no model's CRPS is shown to be lower."""
        better = any(row.distribution.sign > 0 for row in self.first.values())
        return self.first[self.reference()].in_set is False and not better

    def table(self) -> pd.DataFrame:
        """Return all rows as a table: a row per model, horizon and loss; the reference is neither better nor worse.

        Returns:
            Columns `model`, `horizon`, the fields of `Claim`, `coverage_90` and `judged_90` and so on, `in_set`
            (None: not tested), `n_days`.
        """
        names = [field.name for field in fields(Claim)]
        held = [f"{name}_{percent}" for percent in PERCENTS for name in ("coverage", "judged")]
        rows = [
            {"model": row.model, "horizon": row.horizon, **asdict(claim), **_judged(row), "in_set": row.in_set,
             "n_days": row.n_days}
            for row in self
            for claim in row.claims
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["model", "horizon", *names, *held, "in_set", "n_days"])


def claims(scores: pd.DataFrame, headline: int | None = None) -> pd.DataFrame:
    """Return the table of tests (see `Findings.table`)."""
    return Findings.of(scores, headline).table()


def _at(table: pd.DataFrame, horizon: int) -> dict[str, Finding]:
    reference = reference_of(table)
    ranked = table.reindex(columns=list(NEEDED)).sort_values("crps", kind="stable")
    figures = ranked.to_numpy(float).tolist()
    rows = {str(name): dict(zip(NEEDED, row, strict=True)) for name, row in zip(ranked.index, figures, strict=True)}
    return {name: finding(rows, name, reference, horizon) for name in rows}


def _judged(row: Finding) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for interval in row.intervals:
        figures[f"coverage_{interval.percent}"] = interval.held
        figures[f"judged_{interval.percent}"] = interval.outcome
    return figures


def _together(scores: pd.DataFrame, first: pd.DataFrame) -> list[str] | None:
    if first["ref_dm_p_all"].isna().all():
        return None
    ratio = scores["crps"].unstack("horizon").loc[first.index]
    skill = 1 - (ratio / ratio.loc[reference_of(first)]).mean(axis=1)
    sure = (first["ref_dm_p_all_holm"] < ALPHA) & (first["ref_dm_all"] < 0) & (skill >= MATERIAL)
    return [str(name) for name in first.index[sure]]
