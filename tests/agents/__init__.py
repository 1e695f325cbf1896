"""Coding agents, run as people run them."""
