"""Tests of `pricecast.data`."""
