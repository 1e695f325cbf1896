"""Codex patches a file, by a custom tool whose input is the patch as it is."""

from __future__ import annotations

from .codexing import Agent

SCRIPT = """\
answers:
  - when: {turn: 1, tool: apply_patch}
    parts:
      - tool_call:
          name: apply_patch
          kind: custom
          arguments: |
            *** Begin Patch
            *** Update File: note.txt
            @@
             one
            -"two" \\ 2
            +"deux" \\ 2
             three
            *** Add File: more.txt
            +four
            *** End Patch
  - when: {tool_result: true}
    parts: [{text: "the tool said {{tool_result}}"}]
"""


def test_a_patch_is_applied(agent: Agent) -> None:
    agent.folder.mkdir(parents=True)
    note = agent.folder / "note.txt"
    note.write_text('one\n"two" \\ 2\nthree\n')
    said = agent.turn(config={"sandbox_mode": "workspace-write"})
    assert note.read_text() == 'one\n"deux" \\ 2\nthree\n'
    assert (agent.folder / "more.txt").read_text() == "four\n"
    (change,) = said.items("file_change")
    assert change["status"] == "completed"
    assert "Success." in said.answer
