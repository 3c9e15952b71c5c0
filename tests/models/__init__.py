"""Tests of `pricecast.models`."""
