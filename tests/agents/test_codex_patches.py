"""Codex patches a file, by a custom tool whose input is the patch as it is."""

from __future__ import annotations

from pathlib import Path

from agent_model import ANSWER, model
from peer import Peer

from . import codexing
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


WRITING = {"sandbox_mode": "workspace-write"}


def test_a_patch_is_applied(agent: Agent) -> None:
    agent.folder.mkdir(parents=True)
    note = agent.folder / "note.txt"
    note.write_text('one\n"two" \\ 2\nthree\n')
    said = agent.turn(config=WRITING)
    assert note.read_text() == 'one\n"deux" \\ 2\nthree\n'
    assert (agent.folder / "more.txt").read_text() == "four\n"
    (change,) = said.items("file_change")
    assert change["status"] == "completed"
    assert "Success." in said.answer


def test_a_chat_server_is_offered_a_function_for_it(
    codex: Path, stack: str, peer: Peer, tmp_path: Path
) -> None:
    patch = "*** Begin Patch\n*** Add File: more.txt\n+four\n*** End Patch\n"
    peer.script = model("apply_patch", {"input": patch}, ran="A more.txt")
    home = tmp_path / "home"
    said = codexing.run(codex, home, stack, "on-chat", config=WRITING)
    assert (said.code, said.complaints, said.answer) == (0, [], ANSWER)
    assert (home / "work" / "more.txt").read_text() == "four\n"
