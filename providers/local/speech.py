"""How a model is spoken to: the template and the formats that are configured, or its own."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...core.canon.errors import ConfigError
from .config import LocalConfig
from .families import FAMILIES
from .formats.detection import Formats, formats
from .known import Known

if TYPE_CHECKING:
    from .template import ChatTemplate

log = logging.getLogger(__name__)


class Speech:
    """Of one model. Its methods raise `ConfigError` for what is missing or cannot be read."""

    def __init__(self, config: LocalConfig, known: Known) -> None:
        self._config = config
        self._known = known

    def formats(self) -> Formats:
        config = self._config
        found = formats(self._source(), config.tool_format, config.reasoning_format)
        if found.tools.ready is not None:
            found.tools.ready()
        return found

    def template(self, formats: Formats, tokens: Mapping[str, str] | None = None) -> ChatTemplate:
        """`tokens` are the texts of special ones, once the model is loaded."""
        from jinja2 import TemplateError

        from .template import ChatTemplate

        try:
            return ChatTemplate(self._source(), tokens, formats.reasoning.opens)
        except TemplateError as error:
            raise ConfigError(
                f"{self._config.model}: its chat template cannot be read: {error}"
            ) from None

    def warn(self) -> None:
        if self._known.template is None and self._config.chat_template is None:
            log.warning(
                "%s: the model has no chat template; it knows the marks of %s, whose template is "
                "used (`chat_template` names another)",
                self._config.model,
                self._known.family,
            )

    def _source(self) -> str:
        """The template that is configured, as text or by its family's name, or the model's own."""
        given, known = self._config.chat_template, self._known
        if given is not None:
            return FAMILIES[given].template if given in FAMILIES else given
        if known.template is not None:
            return known.template
        if known.family is not None:
            return FAMILIES[known.family].template
        raise ConfigError(
            f"{self._config.model}: the model has no chat template; give one as `chat_template`, "
            f"or the name of its family: {', '.join(FAMILIES)}"
        )
