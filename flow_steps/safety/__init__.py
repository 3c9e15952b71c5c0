"""Runs that end and secrets that stay: the store, signals, liveness, errors in one line."""
