"""Samples, stores, processes and other helpers of the tests."""
