"""Reusing finished work: keys, copies of runs, and fits that were kept."""
