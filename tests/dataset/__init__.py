"""Tests of `pricecast.dataset`."""
