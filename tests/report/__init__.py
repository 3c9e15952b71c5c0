"""Tests of `pricecast.report`."""
