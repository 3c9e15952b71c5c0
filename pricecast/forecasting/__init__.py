"""Forecasters: how they are fitted, calibrated, walked forward, saved and loaded."""
