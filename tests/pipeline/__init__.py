"""Tests of `flow_steps.pipeline`."""
