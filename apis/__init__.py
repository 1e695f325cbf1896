"""Floor 3: one folder per wire protocol, each pure: no socket, no clock, no asyncio.

A folder never imports another folder. What they share stands beside them: `sse.py` (the frames
of a stream) and `validation.py` (a wire document against its schema).
"""
