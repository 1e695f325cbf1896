"""What polystack costs; `scripts/bench` runs it."""
