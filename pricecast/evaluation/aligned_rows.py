"""The rows of all models on the same tickers and cutoffs: whatever is compared is compared on equal rows."""

import numpy as np
import pandas as pd

from pricecast.errors import InputError
from pricecast.evaluation.scored_rows import Slice
from pricecast.schema import FORECASTS, NAIVE


def aligned_slices(forecasts: pd.DataFrame, insample_mae: pd.Series | None = None) -> dict[int, dict[str, Slice]]:
    """Return the rows by horizon and model (naive first), all in one order of tickers and cutoffs.

    Args:
        forecasts: the forecasts table; rows without an actual are left out.
        insample_mae: mean absolute one-day change of the training prices by ticker, for `mase`.

    Raises:
        InputError: columns or naive are missing, prices are not above zero, or models differ in rows.
    """
    _check_columns(forecasts)
    table = forecasts[forecasts["actual"].notna()]
    _check_naive(table)
    ticker, tickers = pd.factorize(table["ticker"])
    row = pd.factorize(table["cutoff"], sort=True)[0] * len(tickers) + ticker
    code, models = pd.factorize(table["model"])
    horizons = table["horizon"].to_numpy()
    result: dict[int, dict[str, Slice]] = {}
    for horizon in np.unique(horizons):
        group = result[int(horizon)] = {}
        expected = np.sort(row[(horizons == horizon) & (code == list(models).index(NAIVE))])
        for model in sorted(models, key=lambda name: name != NAIVE):
            index = np.flatnonzero((horizons == horizon) & (code == list(models).index(model)))
            index = index[np.argsort(row[index])]
            once = index.size > 0 and (np.diff(expected) > 0).all()
            if not (once and np.array_equal(row[index], expected)):
                raise _differs(model, int(horizon))
            group[str(model)] = Slice.of(table.iloc[index], insample_mae)
            if not _same_prices(group[str(model)], group[NAIVE]):
                raise _differs(model, int(horizon))
    return result


def _check_columns(forecasts: pd.DataFrame) -> None:
    missing = [name for name in FORECASTS if name not in forecasts.columns]
    if missing:
        raise InputError(f"expected a forecasts table, got one without {', '.join(missing)}")


def _check_naive(table: pd.DataFrame) -> None:
    if not table["model"].eq(NAIVE).any():
        raise InputError(
            f"expected rows of the model {NAIVE} whose actual is known, got none: forecast with it as well, "
            "from cutoffs whose future has come"
        )


def _same_prices(a: Slice, b: Slice) -> bool:
    pairs = ((a.last_close, b.last_close), (a.actual, b.actual))
    return all(np.allclose(x, y, rtol=1e-9, atol=0) for x, y in pairs)


def _differs(model: str, horizon: int) -> InputError:
    return InputError(
        "expected every model to forecast the same tickers and cutoffs, once each, with the same last close "
        f"and actual; {model} does not at horizon {horizon}: forecast with all of them on the same data"
    )
