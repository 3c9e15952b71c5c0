"""Tests of `flow_steps.safety`."""
