"""Which tool servers there are, and which others a client may name."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from .addresses import check_pattern

Text = Annotated[str, Field(min_length=1)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


def _pattern(text: str) -> str:
    if problem := check_pattern(text):
        raise ValueError(problem)
    return text


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerConfig(_Entry):
    """A tool server: a program that is run here, or an address."""

    command: list[Text] | None = None
    """A program and its arguments, spoken to by its standard input and output."""
    env: dict[Text, SecretStr] = {}
    """Variables for the program, which sees little else of the environment."""
    cwd: Text | None = None
    """The directory that the program runs in."""
    url: Text | None = None
    """The address of a server that speaks streamable HTTP."""
    headers: dict[Text, SecretStr] = {}
    """Headers for it, such as its key."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.command is None) == (self.url is None) or self.command == []:
            raise ValueError("a tool server has either a command or a url")
        return self


class McpConfig(_Entry):
    servers: dict[Text, ServerConfig] = {}
    """Tool servers by the label that a client asks for them by."""
    allow: list[Annotated[Text, AfterValidator(_pattern)]] = []
    """Addresses that a client may name itself, as `https://*.example.com/mcp*`; by default none."""
    timeout: Seconds = 60.0
    """How long a server may take to start, to list its tools, or to answer a call."""
