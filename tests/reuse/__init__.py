"""Tests of `flow_steps.reuse`."""
