"""The entry points of the MLflow Project: read inputs, one call into pricecast, log outputs."""

import os

# MLflow reads these when it is imported: no telemetry, and no progress bar for copies of local files.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# Arrow reads this one: its own allocator reserves tens of megabytes that tables of this size never fill.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
