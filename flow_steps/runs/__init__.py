"""MLflow runs: what goes into them, and what is read out of them."""
