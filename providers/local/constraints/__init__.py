"""Answers held, token by token, to JSON, to a schema or a grammar, or to a call of a tool.

A `Constraint` belongs to one generation: it says which tokens may come next and is told which one
came. It knows no engine. `planning` makes one of a request, as stages: a stage lets anything pass
up to a mark, or holds the model to a grammar. The grammars are compiled by llguidance, which is
imported when the first of them is.
"""
