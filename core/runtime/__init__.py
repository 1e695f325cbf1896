"""Floors 5 and 6: discovery, distributions, models, and the running Stack. It knows no HTTP."""
