"""The leak guard: does a value at some close depend on anything that came later, or on another ticker?

Every check takes a function and watches it from outside: it is run on the bars as they are and on bars whose
future is missing or replaced, and whatever moves at or before the cut has looked ahead. No check raises for a leak;
all return what they found.
"""
