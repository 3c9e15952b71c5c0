"""Safe ends of runs and safe output: the store, signals, orphaned runs, one-line errors, masked secrets."""
