"""Honest, calibrated market price forecasts."""
