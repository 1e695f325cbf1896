"""`scripts/bench engine`: the local engines beside others of their kind."""
