"""Codex goes on from a conversation in brief, when the whole of it became too long."""

from __future__ import annotations

import pytest

from .codexing import Agent

LIMIT = {"model_auto_compact_token_limit": 5000}
# A server that it takes for OpenAI's it asks to compact; any other's model it asks for a summary.
NAMES = {"by the server": "OpenAI", "by Codex": "stack"}
SCRIPT = """\
answers:
  - when: {text: "/CONTEXT CHECKPOINT|write a summary of the conversation/"}
    parts: [{text: The answer was 42.}]
  - when: {text: The answer was 42.}
    parts: [{text: "I was told: {{user}}"}]
    usage: {input: 900, output: 5}
  - when: {turn: 1, tool: exec_command}
    parts: [{tool_call: {name: exec_command, arguments: {cmd: echo 42}}}]
    usage: {input: 9000, output: 5}
"""


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_turn_goes_on_from_a_summary(agent: Agent, name: str) -> None:
    said = agent.turn(config={**LIMIT, "model_providers.stack.name": name})
    (command,) = said.items("command_execution")
    assert command["aggregated_output"] == "42\n"
    assert said.answer.endswith("The answer was 42.")
