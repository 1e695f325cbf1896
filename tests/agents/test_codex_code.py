"""Codex's newest models call its tools in JavaScript, by the one tool that they are offered."""

from __future__ import annotations

from .codexing import Agent

SCRIPT = """\
answers:
  - when: {turn: 1, tool: exec}
    parts:
      - tool_call:
          name: exec
          namespace: functions
          kind: custom
          arguments: "const ran = await tools.exec_command({cmd: 'echo 42'}); text(ran.output)"
  - when: {tool_result: true}
    parts: [{text: "the tool said {{tool_result}}"}]
"""
# As Codex knows them itself: the tools are an item of the input, and the first request has none.
NEWEST = {"tool_mode": "code_mode_only", "use_responses_lite": True}


def test_a_command_is_run_by_a_program(agent: Agent) -> None:
    said = agent.turn(knowing=NEWEST)
    (command,) = said.items("command_execution")
    assert (command["aggregated_output"], command["exit_code"]) == ("42\n", 0)
    assert said.answer.endswith("42\n")
