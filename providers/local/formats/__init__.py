"""How families of models write tool calls and reasoning, as named formats.

A format is a row of `table.py`: the marks that begin a call, and for each the reader that goes on
behind it. Readers are generators over a `Source`: they ask for more text by yielding, tell `Calls`
what they found, and raise `Malformed` where it is no call after all. All of it is pure.
"""
