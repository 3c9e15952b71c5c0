"""Tests of `flow_steps.tuning`."""
