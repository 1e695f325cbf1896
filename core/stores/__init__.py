"""Builtin stores. They are plugins like anybody's: nothing in core imports one."""
