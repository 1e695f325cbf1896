"""What the in-process engines share: prompts in, one owner thread per model, events out.

`accounting` says what a request loses here, `messages` and `template` make a prompt of it,
`sampling` checks its numbers, `worker` owns the engine's thread, and `answer` turns the tokens
that come back into events, with the help of `parser`.
"""
