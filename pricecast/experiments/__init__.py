"""Comparing settings and searching for better ones, on the past before the test span."""
