"""Pipelines: running or reusing steps as children of one run."""
