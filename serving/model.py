"""The code of a bundle, from raw bars to the forecasts table. MLflow executes this file: nothing is unpickled."""

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

from pricecast.forecasting.forecaster import Forecaster


class PricecastModel(PythonModel):
    """Forecaster of the trading days after the last bar of every ticker."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load and verify the forecaster folder."""
        self.forecaster = Forecaster.load(Path(context.artifacts["forecaster"]))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Map bars (date, ticker, open, high, low, close, volume, optional adj_close) to forecasts."""
        return self.forecaster.predict_bars(model_input)


set_model(PricecastModel())
