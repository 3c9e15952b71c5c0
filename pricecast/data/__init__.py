"""Daily bars: sources, data quality, adjustment and trading calendars."""
