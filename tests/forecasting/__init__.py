"""Tests of `pricecast.forecasting`."""
