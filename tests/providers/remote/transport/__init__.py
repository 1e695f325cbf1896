"""The transports on sockets of our own."""
