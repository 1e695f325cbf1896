"""Executors that polystack brings with it: plugins like anybody's."""
