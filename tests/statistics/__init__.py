"""Tests of `pricecast.statistics`."""
