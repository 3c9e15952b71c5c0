"""The table of the tickers: how a model did on each, beside naive."""

import pandas as pd

from pricecast.evaluation.coverage import PERCENTS
from pricecast.evaluation.scored_rows import Slice
from pricecast.report.tables import Row, Table, format_cell, written
from pricecast.schema import NAIVE

# Rows that are shown at once.
FIRST = 12


def ticker_scores(forecasts: pd.DataFrame, coverage: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the scores of a model on each ticker at the shortest horizon, beside naive's; none for a single one.

    Args:
        forecasts: the forecasts table.
        coverage: result of `coverage.coverage`.
        model: model to show.

    Returns:
        Columns `ticker`, `skill_crps` (1 - CRPS / naive's), and for the model and, with `naive_` before them, for
        naive: `winkler_90`, and `coverage_50`, `error_50` and so on.
    """
    rows = coverage[coverage["by"].eq("ticker") & coverage["horizon"].eq(coverage["horizon"].min())]
    if rows["group"].nunique() < 2:
        return pd.DataFrame()
    columns = ["n_days", "crps", *(f"{part}_{percent}" for percent in PERCENTS for part in ("coverage", "error"))]
    own, naive = (
        rows[rows["model"] == name].set_index("group")[columns].join(_winkler(forecasts, name))
        for name in (model, NAIVE)
    )
    table = own.join(naive.add_prefix("naive_"))
    skill = 1 - table["crps"] / table["naive_crps"].where(table["naive_crps"] > 0)
    return table.assign(skill_crps=skill).rename_axis("ticker").reset_index()


def ticker_table(scores: pd.DataFrame) -> Table:
    """Return the table of `ticker_scores`, naive's figures below the model's."""
    rows = [
        Row(
            str(row["ticker"]),
            [
                (f"{row['n_days']:,}", ""),
                (format_cell("skill_crps", row["skill_crps"]), ""),
                *(
                    (
                        f"{row[f'coverage_{percent}']:.1f} ± {row[f'error_{percent}']:.1f}",
                        f"naive {row[f'naive_coverage_{percent}']:.1f}",
                    )
                    for percent in PERCENTS
                ),
                (written("{:.3f}", row["winkler_90"]), f"naive {written('{:.3f}', row['naive_winkler_90'])}"),
            ],
        )
        for row in scores.to_dict("records")
    ]
    inside = [(f"{percent} % held", f"Percent of outcomes inside the {percent} % interval") for percent in PERCENTS]
    return Table(
        [
            ("Days", "Days that were scored"),
            ("CRPS skill", "How much lower than naive's CRPS; above zero is better than naive"),
            *inside,
            ("Winkler 90 (%)", "Width of the 90 % interval plus penalties for misses; lower is better"),
        ],
        rows,
    )


def _winkler(forecasts: pd.DataFrame, model: str) -> "pd.Series[float]":
    """Return the mean Winkler score of the 90 % interval by ticker."""
    rows = forecasts[(forecasts["horizon"] == forecasts["horizon"].min()) & (forecasts["model"] == model)]
    rows = rows[rows["actual"].notna()]
    scores = pd.Series(Slice.of(rows).winkler_losses, rows.index)
    return scores.groupby(rows["ticker"].astype(str)).mean().rename("winkler_90")
