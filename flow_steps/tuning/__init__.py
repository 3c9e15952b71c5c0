"""Optuna's studies as runs."""
