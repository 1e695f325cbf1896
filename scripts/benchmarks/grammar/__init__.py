"""Grammars: what the two libraries cost and cover, and what the enforced answers are worth."""
