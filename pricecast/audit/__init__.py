"""The leak guard: checks that no value at a close depends on anything later, or on another ticker.

Every check takes a function and runs it on the bars as they are and on bars whose future is missing or replaced:
whatever moves at or before the cut has looked ahead. No check raises for a leak; all return violations.
"""
