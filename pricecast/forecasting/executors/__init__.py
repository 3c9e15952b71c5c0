"""Ways to make many fits at once."""
