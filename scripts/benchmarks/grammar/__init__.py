"""Grammars: what the two libraries cost, and how much of a test suite they cover."""
