"""What both transports put up with."""

HEAD_LIMIT = 64 << 10  # bytes of an answer's head
MOST_HEADERS = 256
PIECE = 1 << 18  # bytes of a body that are handled, or kept waiting, at once
KEPT = 60.0  # seconds for which an idle connection is kept
