"""Benchmarks: timings as ratios of an alternative measured in the same run, and scores of walk-forwards."""
