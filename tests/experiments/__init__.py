"""Tests of `pricecast.experiments`."""
