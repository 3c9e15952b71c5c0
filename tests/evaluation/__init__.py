"""Tests of `pricecast.evaluation`."""
