"""An API, a store and a command for polystack, each in a module of its own."""
