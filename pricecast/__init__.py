"""Honest, calibrated market price forecasts.

>>> import pricecast
>>> pricecast.__all__
['Forecaster', '__version__', 'backtest', 'forecast', 'judge', 'read_bars']
"""

import importlib
from typing import Any

# Each public name and its module, which is imported when the name is asked for: whoever wants one model pays for no
# report, and a step's key counts what the step itself imports. `__init__.pyi` tells type checkers.
_HOMES = {
    "Forecaster": "pricecast.forecasting.forecaster",
    "__version__": "pricecast._version",
    "backtest": "pricecast.api.backtests",
    "forecast": "pricecast.api.forecasts",
    "judge": "pricecast.api.judgement",
    "read_bars": "pricecast.api.bars",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    """Return the names of the module, those too that are not imported yet."""
    return sorted({*globals(), *_HOMES})
