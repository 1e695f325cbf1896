"""An engine in a process of its own, so that its crash is no more than a failed request.

The child runs the very provider class that would run here; the parent keeps a stand-in for it.
Both ends speak over a private socket pair: `codec` puts values into words, `link` sends them,
`serving` is the child's end and `calling` the parent's, `process` is the operating system's side
of a child and `life` both together, `supervising` starts another one when it crashes, and
`standing` is what a provider's callers meet.
"""
