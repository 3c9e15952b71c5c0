"""The leaderboard for people: the main figures, the models that may be the best, and the selected one."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pricecast.evaluation.by_fold import SELECTED
from pricecast.report.tables import DASH, Row, Table, format_cell, naive_first
from pricecast.schema import NAIVE
from pricecast.statistics.confidence_set import SIZE

# Percent of the Model Confidence Set.
CONFIDENCE = round(100 * (1 - SIZE))
# Columns of the first table: label and tooltip.
HEADLINE = {
    "crps": ("CRPS (%)", "Loss of the whole distribution, of log returns; lower is better"),
    "skill_crps": ("CRPS skill", "How much lower than naive's CRPS; above zero is better than naive"),
    "dm_p_crps_holm": ("p, CRPS", "Diebold-Mariano test against naive, corrected for the models tried"),
    "rmse": (
        "RMSE",
        "Error of the point forecast in units of the adjusted close, averaged over tickers; lower is better",
    ),
    "skill_rmse": ("RMSE skill", "How much lower than naive's RMSE; above zero is better than naive"),
    "dm_p_point_holm": ("p, point", "Diebold-Mariano test against naive, corrected for the models tried"),
    "coverage_90": ("90 % coverage", "Share of outcomes inside the 90 % interval; 90 % is right"),
    "winkler_90": ("Winkler 90 (%)", "Width of the 90 % interval plus penalties for misses; lower is better"),
    "direction": ("Direction", "Share of days whose sign was right, with its 95 % interval (days in blocks)"),
    "majority": ("Majority", "Share that always saying the commoner sign would get right"),
}
# Sources of the selected row: keys of `by_fold.score_selected`, and of its comparison with naive.
SELECTED_CELLS = {"crps": "crps", "coverage_90": "coverage_90", "winkler_90": "winkler_90"}
AGAINST_NAIVE = {"skill_crps": "skill_crps", "dm_p_crps_holm": "p_crps"}


def leaderboard_table(
    leaderboard: pd.DataFrame, verdict: Mapping[str, Any], direction: pd.DataFrame | None = None
) -> Table:
    """Return the main figures of every model, naive first, with a last row for the selected one where there is one.

    Args:
        leaderboard: one row per model with a column `model`; other columns may be missing or extra.
        verdict: may name the `best` and the `horizon`, and hold `selected` (see `by_fold.score_selected`).
        direction: result of `direction.direction`, for the intervals of the hit rates.
    """
    columns = headline(leaderboard)
    beside = {} if direction is None else _intervals(direction, verdict.get("horizon", 1))
    rows = [
        Row(
            str(row["model"]),
            [
                (format_cell(name, row[name]), beside.get(str(row["model"]), "") if name == "direction" else "")
                for name in columns
            ],
            kind="naive" if row["model"] == NAIVE else "",
            tags=_tags(row["model"], verdict.get("best")),
            marked=bool(row.get("mcs_p", float("nan")) > SIZE),
        )
        for row in naive_first(leaderboard).to_dict("records")
    ]
    return Table([HEADLINE[name] for name in columns], [*rows, *_selected(columns, verdict.get("selected"))])


def headline(leaderboard: pd.DataFrame) -> list[str]:
    """Return the main columns that a leaderboard has."""
    return [name for name in HEADLINE if name in leaderboard]


def _selected(columns: list[str], selected: Mapping[str, Any] | None) -> list[Row]:
    if not selected:
        return []
    figures = {name: selected[source] for name, source in SELECTED_CELLS.items()}
    figures |= {name: selected["against"][NAIVE][source] for name, source in AGAINST_NAIVE.items()}
    return [Row(SELECTED, [(format_cell(name, figures.get(name)), "") for name in columns], kind="selected")]


def _tags(model: Any, best: Any) -> list[str]:
    return ["baseline"] * (model == NAIVE) + ["ranked first"] * (model == best)


def _intervals(direction: pd.DataFrame, headline: int) -> dict[str, str]:
    """Return by model the 95 % interval of its hit rate at the headline horizon, where there is one."""
    if direction.empty:
        return {}
    rows = direction[direction["horizon"].eq(headline) & direction["low"].notna()]
    return {str(row["model"]): f"{row['low']:.1f}{DASH}{row['high']:.1f}" for row in rows.to_dict("records")}
