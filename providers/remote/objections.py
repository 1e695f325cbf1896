"""Why a call cannot go to a server as the client sent it, though both speak its protocol."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...core.contract.provider import NativeCall
from .traits import Traits

BILLING = b"x-anthropic-billing-header"
_THREAD = re.compile(rb'"thread"\s*:\s*\{')
_UNSIGNED = re.compile(rb'"signature"\s*:\s*""')
_SYSTEM_TURN = re.compile(rb'"role"\s*:\s*"(?:system|developer)"')


def objections(call: NativeCall, traits: Traits) -> Sequence[str]:
    """Words for the route's reasons; a needless one costs a round of decoding, and no more."""
    found = []
    if traits.billing_header == "strip" and BILLING in call.body:
        found.append("billing-header")
    # Leading system messages are Chat's own way; in Messages they stand in mid-conversation.
    if (
        not traits.system_in_conversation
        and call.api == "messages"
        and _SYSTEM_TURN.search(call.body)
    ):
        found.append("system-turns")
    if traits.signed_thinking and call.api == "messages" and _UNSIGNED.search(call.body):
        found.append("unsigned-thinking")
    # A server that ignores a thread answers without the conversation, and nobody notices.
    if not traits.threads and call.api == "messages" and _THREAD.search(call.body):
        found.append("thread")
    return found
