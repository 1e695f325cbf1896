"""Floor 2: what an API and a provider must be. It knows no concrete one, and no HTTP."""
