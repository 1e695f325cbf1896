"""How a client program is pointed at a stack: a recipe, made of what can be known beforehand.

A recipe is pure. It asks nobody and reads no environment; what it needs to know of the stack is
in an `Address`, and `stack connect` prints what it gives.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from .api import Api
from .provider import Model


@dataclass(frozen=True, slots=True)
class Address:
    """A stack as a client meets it.

    `url` has no slash at its end. `model` is what the client is to ask for, under the name that
    its user gave; `own` is what the stack itself calls that model. `names` are those of the
    client's `asks_for` that are served, each with the model's own name where that is known.
    `key` is the environment variable that holds the server's key, where it wants one.
    """

    url: str
    apis: Mapping[str, Api]
    model: Model
    own: str
    models: Sequence[Model]
    names: Mapping[str, str | None]
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable, in place of the value that nobody prints."""

    name: str


Value: TypeAlias = str | Variable


@dataclass(frozen=True, slots=True)
class File:
    """A file of the client's own; comments in it begin with `#`."""

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to set, what to save, and how to begin.

    `start` is the command that starts the client once that is done; `script` is shell text that
    asks one question at once. `notes` are sentences about what will not work as one might think.
    """

    environment: Mapping[str, Value] = field(default_factory=dict)
    file: File | None = None
    start: str = ""
    script: str = ""
    notes: Sequence[str] = ()


class Client(ABC):
    """A program that talks to models: what it can speak, and what it has to be told."""

    name: ClassVar[str]
    title: ClassVar[str]  # for people: "Claude Code"
    apis: ClassVar[tuple[str, ...]]
    """The protocols that it can speak, the best one first; none where it can speak any."""
    asks_for: ClassVar[tuple[str, ...]] = ()
    """Names of models that the client knows by itself, and asks for unless it is told others."""

    @abstractmethod
    def recipe(self, at: Address) -> Recipe: ...
