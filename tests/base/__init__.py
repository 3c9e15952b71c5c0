"""Tests of the library's base files."""
