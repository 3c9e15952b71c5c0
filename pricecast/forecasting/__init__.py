"""Forecasters: fitted, calibrated, walked forward through the past, kept in files and loaded again."""
