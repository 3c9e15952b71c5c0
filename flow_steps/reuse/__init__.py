"""Reuse of finished work: keys, copies of runs, and stored fits."""
