"""Timings, as ratios against a stated alternative measured in the same run, and forecasts against the past."""
