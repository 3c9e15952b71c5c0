"""Tests of `flow_steps.runs`."""
