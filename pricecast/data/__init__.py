"""Daily bars: where they come from, what is wrong with them, and the days on which there are any."""
