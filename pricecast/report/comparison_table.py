"""The table of experiments: means over seeds, their spread beside them, naive first."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pricecast.report.tables import Row, Table, format_cell, written
from pricecast.schema import NAIVE

# Columns: label, tooltip, format, and the column of the standard deviation over the seeds.
COLUMNS = {
    "test_crps": ("CRPS (%)", "Loss of the whole distribution; lower is better", "{:.4f}", "test_crps_sd"),
    "test_skill_crps": ("CRPS skill", "One less the CRPS divided by naive's", "", ""),
    "test_rmse": ("RMSE", "Error of the point forecast in price units; lower is better", "{:#.4g}", "test_rmse_sd"),
    "test_mae": ("MAE", "Mean absolute error in price units", "{:#.4g}", ""),
    "test_r2": ("R2 of prices", "Near 1 for any forecast near the last close, naive's too", "{:.4f}", ""),
    "test_coverage_90": ("90 % coverage", "Share of outcomes inside the 90 % interval", "{:.1f} %", ""),
    "test_winkler_90": ("Winkler 90 (%)", "Width of the 90 % interval plus penalties for misses", "{:.3f}", ""),
    "final_train_loss": ("Training loss", "Of the epoch that was kept", "{:.4f}", ""),
    "final_val_loss": ("Validation loss", "Of the epoch that was kept", "{:.4f}", ""),
    "converged_epoch": ("Best epoch", "Mean over the seeds", "{:.0f}", ""),
    "runtime_sec": ("Seconds", "Of a training, its calibration included", "{:,.0f}", ""),
}  # fmt: skip


def comparison_table(table: pd.DataFrame) -> Table:
    """Return the table of `comparison.compare`, without the descriptions of the experiments."""
    rows = [
        Row(
            str(row["experiment"]),
            [
                (_cell(name, text, row.get(name)), f"± {row[spread]:.2g}" if _has(row, spread) else "")
                for name, (_, _, text, spread) in COLUMNS.items()
            ],
            kind="naive" if row["experiment"] == NAIVE else "",
        )
        for row in table.to_dict("records")
    ]
    return Table([(label, meaning) for label, meaning, *_ in COLUMNS.values()], rows)


def _cell(name: str, text: str, value: Any) -> str:
    return written(text, value) if text else format_cell(name.removeprefix("test_"), value)


def _has(row: Mapping[Any, Any], spread: str) -> bool:
    return bool(spread) and math.isfinite(row.get(spread, math.nan))
