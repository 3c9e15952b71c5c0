from pricecast._version import __version__ as __version__
from pricecast.api.backtests import backtest as backtest
from pricecast.api.bars import read_bars as read_bars
from pricecast.api.forecasts import forecast as forecast
from pricecast.api.judgement import judge as judge
from pricecast.forecasting.forecaster import Forecaster as Forecaster

__all__ = ["Forecaster", "__version__", "backtest", "forecast", "judge", "read_bars"]
