"""Stress tests (kills, flips, leaks, ...), the table of their counts, and tests that try a few of each."""
