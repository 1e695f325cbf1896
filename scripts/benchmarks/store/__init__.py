"""What it costs to keep answers: in the store itself, and over HTTP."""
