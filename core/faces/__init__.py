"""Floor 7: the faces of one Stack: a server, a command line, a library."""
