"""The nine pairs of client and upstream protocol, judged by the official SDKs."""
