"""What the files of a model tell before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from .embedding import Reads

TEXT_ONLY = "this model reads text only"


@dataclass(frozen=True, slots=True)
class Known:
    """`context` is of one conversation, in tokens; the engine may round it up.

    `footprint` is the memory that it takes, in bytes: weights, and what remembers conversations.
    A model that does not talk has no template, and only `reads`. One that does may lack a template
    all the same: then `family` says whose marks it knows. One that `sees` reads images; `limits`
    tells clients that bring what it does not read.
    """

    context: int
    template: str | None
    footprint: int
    talks: bool = True
    reads: Reads | None = None
    family: str | None = None
    sees: bool = False
    limits: str = TEXT_ONLY
