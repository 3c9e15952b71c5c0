"""The entry points of the MLflow Project: read inputs, one call into pricecast, log outputs."""

import os

# MLflow reads these when it is imported. Nothing here reports to anybody, and a copy of a local file needs no bar.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# Arrow reads this one: its own allocator keeps tens of megabytes that tables of this size never fill.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
