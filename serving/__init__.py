"""The MLflow model bundle: a pyfunc from code around a forecaster folder, its formats and its checks."""
