"""Chaining steps: running or reusing each, and holding a pipeline together."""
