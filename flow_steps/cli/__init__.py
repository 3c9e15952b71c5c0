"""The command line: options, the values that they may have, and the commands."""
