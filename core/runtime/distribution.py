"""A distribution as typed values: which APIs, providers, models and names a stack has."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
)
from pydantic_core import PydanticKnownError

Fidelity: TypeAlias = Literal["lenient", "strict"]


class _Entry(BaseModel):
    # Not strict, since what the environment gives is text whatever the field; YAML's own values
    # have types already, and the one that slips through, true for 1, is caught by `_no_bool`.
    model_config = ConfigDict(extra="forbid", frozen=True)


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise PydanticKnownError("float_type")
    return value


Seconds = Annotated[float, BeforeValidator(_no_bool), Field(gt=0, le=86_400)]
Whole = Annotated[int, BeforeValidator(_no_bool)]
Bytes = Annotated[ByteSize, BeforeValidator(_no_bool)]
Text = Annotated[str, Field(min_length=1)]
ProviderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class ServerConfig(_Entry):
    """Where the server listens, and its limits."""

    host: Text = "127.0.0.1"
    """The address to listen on; `0.0.0.0` is every one of this machine."""
    port: Whole = Field(default=8321, ge=0, le=65_535)
    """The port to listen on; 0 takes any that is free."""
    api_keys: list[SecretStr] = []
    """Keys of which a client must send one; with none, everybody is let in."""
    max_body: Bytes = Field(default=ByteSize(32 << 20), gt=0)
    """The largest request body; a larger one is refused with 413."""
    max_depth: Whole = Field(default=256, ge=1, le=1_024)  # orjson's own limit
    """How deep the JSON of a request may be nested."""
    first_event_timeout: Seconds = 10.0
    """How long response headers wait for the first event of an answer."""
    keep_alive: Seconds = 10.0
    """The longest silence within a stream, between two signs of life."""
    websocket: bool = True
    """Whether clients may open WebSockets; where not, they are told at once to use HTTP."""

    @field_validator("api_keys")
    @classmethod
    def _no_empty_key(cls, keys: list[SecretStr]) -> list[SecretStr]:
        if not all(key.get_secret_value().strip() for key in keys):
            raise ValueError("an empty key would let nobody or everybody in; remove it")
        return keys


class SealsConfig(_Entry):
    """How thoughts are sealed that only their maker can read."""

    key: SecretStr | None = None
    """What seals are made with; by default a key that is kept in `POLYSTACK_HOME`."""

    @field_validator("key")
    @classmethod
    def _long_enough(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key.get_secret_value()) < 32:
            raise ValueError("a key of fewer than 32 characters can be guessed; make a longer one")
        return key


class ProviderEntry(_Entry):
    """A provider under a name of your own: an engine in this process, or a remote server."""

    type: Text
    """The plugin, as `stack list providers` names it."""
    when: str | bool | None = True
    """False, empty, `no`, `off` or `0` leaves the provider out, with all that names it."""
    config: dict[str, Any] = {}
    """What the provider's type asks for; see the types below."""


class StoreEntry(_Entry):
    """Where records are kept that outlive a call; without it nothing is."""

    type: Text
    """The plugin, as `stack list stores` names it."""
    config: dict[str, Any] = {}
    """What the store's type asks for."""
    keep: float = Field(default=30 * 86400.0, gt=0, le=1e10)
    """Seconds for which an answer is kept; by default thirty days."""
    background: Whole = Field(default=64, ge=1, le=4_096)
    """How many answers are made in the background at the same time; others wait their turn."""
    max_file: Bytes = Field(default=ByteSize(16 << 20), gt=0)
    """The largest file that a client may keep here; `server.max_body` bounds it too."""


class ExecutorEntry(_Entry):
    """Something that runs server tools, under a name of your own."""

    type: Text
    """The plugin, as `stack list executors` names it."""
    config: dict[str, Any] = {}
    """What the executor's type asks for."""


class ModelEntry(_Entry):
    """A model under the name that clients ask for."""

    provider: Text
    """The provider that runs it."""
    model: Text | None = None
    """The provider's own id, where it differs from the name it is served under."""
    fidelity: Fidelity | None = None
    """As for the whole distribution, for this model alone."""
    fallbacks: list[Text] = []
    """Other models, asked in this order where it fails before the first byte of its answer."""


class Distribution(_Entry):
    version: Annotated[Literal[1], BeforeValidator(_no_bool)]
    """The version of this format."""
    name: Text
    """What the server calls itself."""
    description: str = ""
    """A line about it, for people."""
    apis: list[Text] = Field(min_length=1)
    """The protocols to serve, as `stack list apis` names them."""
    server: ServerConfig = ServerConfig()
    seals: SealsConfig = SealsConfig()
    store: StoreEntry | None = None
    providers: dict[ProviderName, ProviderEntry] = Field(min_length=1)
    executors: dict[ProviderName, ExecutorEntry] = {}
    """What runs the tools that clients leave to the server; without one they are left out."""
    models: dict[Text, ModelEntry] = {}
    aliases: dict[Text, Text] = {}
    """Other names of models. One with `*`, `?` or `[…]` is a pattern; the first that fits wins."""
    default_model: Text | None = None
    """The model of requests that name none."""
    fidelity: Fidelity = "lenient"
    """`strict` refuses a request that would lose something, and names what."""
