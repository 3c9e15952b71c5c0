"""The output of a model: log returns from each origin, as a point, with a volatility, or as quantiles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricecast.errors import InputError
from pricecast.schema import QUANTILE_LEVELS

# A log return beyond this is no price any more, and its square no number.
FARTHEST = 300.0


@dataclass(frozen=True)
class Forecast:
    """Log returns from n origins over h horizons.

    Attributes:
        center: (n, h) point forecasts.
        sigma: (n, h) volatilities, or None.
        quantiles: (n, h, q) at `QUANTILE_LEVELS`, ascending, or None; never together with `sigma`.
    """

    center: np.ndarray
    sigma: np.ndarray | None = None
    quantiles: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> "Forecast":
        """Return the forecasts of some of the origins, by row number or mask."""
        spread = (None if values is None else values[rows] for values in (self.sigma, self.quantiles))
        return Forecast(self.center[rows], *spread)


def join(forecasts: Sequence[Forecast]) -> Forecast:
    """Concatenate forecasts of one model, origins in the order given.

    >>> first, second = Forecast(np.zeros((2, 5))), Forecast(np.ones((1, 5)))
    >>> join([first, second]).center[:, 0].tolist()
    [0.0, 0.0, 1.0]
    """

    def concatenated(arrays: list[np.ndarray | None]) -> np.ndarray | None:
        present = [array for array in arrays if array is not None]
        return np.concatenate(present) if present else None

    return Forecast(
        np.concatenate([forecast.center for forecast in forecasts]),
        concatenated([forecast.sigma for forecast in forecasts]),
        concatenated([forecast.quantiles for forecast in forecasts]),
    )


def check_forecast(name: str, forecast: Forecast, shape: tuple[int, int]) -> Forecast:
    """Return a forecast unchanged.

    Args:
        name: of the model, for the message.
        forecast: what it returned.
        shape: (n, h) of its origins and horizons.

    Raises:
        InputError: it has another shape, a missing or infinite number, returns beyond any price, or a negative
            volatility.
    """
    sizes = {"center": shape, "sigma": shape, "quantiles": (*shape, len(QUANTILE_LEVELS))}
    parts = {part: values for part in sizes if (values := getattr(forecast, part)) is not None}
    sound = all(
        np.shape(part) == sizes[key] and (np.abs(part) < FARTHEST).all() for key, part in parts.items()
    ) and (forecast.sigma is None or (forecast.sigma >= 0).all())
    if not sound:
        raise InputError(
            f"expected forecasts of {name} that are log returns within {FARTHEST:g}, with volatilities of zero or "
            "more, got others: train it again"
        )
    return forecast
