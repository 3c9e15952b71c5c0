"""Effect of smoothing over horizons: `python -m benchmarks.over_horizons --data bars.parquet`.

Each model is fitted and calibrated once, and forecasts the test span (the newest fifth of the dates) with and
without smoothing. Printed are the share of forecasts with an edge of the 90 % interval that comes nearer to the
median for a later day, the coverage of the three intervals over all horizons, and the mean pinball loss in percent.
"""

from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from benchmarks.data import prices
from pricecast.dataset.dataset import Dataset, build
from pricecast.forecasting.fitting import fit
from pricecast.schema import INTERVALS, MEDIAN, QUANTILE_COLUMNS, QUANTILE_LEVELS

HEADER = ("model", "smooth", "turned back", *(f"{percent} %" for percent, *_ in INTERVALS), "pinball")


def rows(name: str, data: Dataset) -> list[list[str]]:
    """Return the cells of a model without and with smoothing."""
    fitted, panel, origins = fit(name, {}, data), data.panel(), data.origins("test")
    # A model that keeps its own quantiles has nothing to smooth.
    assert fitted.calibration is not None
    actual = panel.returns(origins)[:, :, None]
    cells = []
    for smooth in (False, True):
        chosen = replace(fitted, calibration=replace(fitted.calibration, smooth=smooth))
        cells.append([name, str(smooth), *figures(chosen.quantiles(panel, origins), actual)])
    return cells


def figures(quantiles: np.ndarray, actual: np.ndarray) -> list[str]:
    """Return the figures of quantiles (n, h, q) and outcomes (n, h, 1), of which NaN is not known yet."""
    edges = np.abs(quantiles - quantiles[:, :, [MEDIAN]])[:, :, [0, -1]]
    turned = (np.diff(edges, axis=1) < -1e-12).any(axis=(1, 2)).mean()
    known = np.isfinite(actual[:, :, 0])
    inside = [
        ((quantiles[:, :, low] <= actual[:, :, 0]) & (actual[:, :, 0] <= quantiles[:, :, high]))[known].mean()
        for low, high in ((QUANTILE_COLUMNS.index(low), QUANTILE_COLUMNS.index(high)) for _, low, high in INTERVALS)
    ]
    error, levels = (actual - quantiles)[known], np.array(QUANTILE_LEVELS)
    pinball = 100 * np.maximum(levels * error, (levels - 1) * error).mean()
    return [f"{100 * turned:.1f} %", *(f"{100 * share:.2f}" for share in inside), f"{pinball:.5f}"]


@click.command()
@click.option("--data", default="", help="A csv or parquet file of bars; empty: the embedded sample.")
@click.option("--models", default="naive,har,lightgbm", help="Models, separated by commas.")
@click.option("--horizon", default=10, help="Trading days ahead.")
def main(data: str, models: str, horizon: int) -> None:
    """Print the table of one file."""
    dataset = build(prices(data), horizon=horizon)
    print(f"\n{Path(data).stem or 'sample'}: {len(dataset.origins('test')):,} forecasts\n")
    print(f"| {' | '.join(HEADER)} |")
    print(f"|---|---|{'--:|' * (len(HEADER) - 2)}")
    for name in models.split(","):
        for cells in rows(name, dataset):
            print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
