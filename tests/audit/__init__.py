"""Tests of `pricecast.audit`."""
