"""Executors: run many fits at once."""
