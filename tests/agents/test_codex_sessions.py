"""Codex runs a command and tells its model what came of it; a later start goes on from there."""

from __future__ import annotations

from .codexing import Agent

SCRIPT = """\
answers:
  - when: {turn: 1, tool: exec_command}
    parts:
      - reasoning: I had better look.
      - tool_call: {name: exec_command, arguments: {cmd: echo 42}}
  - when: {turn: 2, tool_result: true}
    parts: [{text: "the tool said {{tool_result}}"}]
  - when: {turn: 3, text: and then}
    parts: [{text: "the third turn"}]
"""


def test_a_command_is_run(agent: Agent) -> None:
    said = agent.turn()
    (command,) = said.items("command_execution")
    assert (command["aggregated_output"], command["exit_code"]) == ("42\n", 0)
    assert said.answer.endswith("Output:\n42\n")
    (thought,) = said.items("reasoning")
    assert "I had better look." in thought["text"]


def test_a_session_is_resumed(agent: Agent) -> None:
    agent.turn()
    resumed = agent.turn("resume", "--last", prompt="and then")
    assert resumed.answer == "the third turn", "it told the model the first two"
