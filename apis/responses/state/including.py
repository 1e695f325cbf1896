"""`include`: what a look at something kept shows of it only where that is asked for.

Source of the values: `ResponseIncludable` of the openai SDK.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ....core.canon.errors import InvalidRequest
from ....core.contract.api import Document
from ..request import LOGPROBS, SEALED

SEAL = "encrypted_content"
IMAGES = "message.input_image.image_url"
VALUES = (
    LOGPROBS,
    SEALED,
    IMAGES,
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "web_search_call.action.sources",
    "web_search_call.results",
)


def included(query: Mapping[str, str]) -> frozenset[str]:
    """What a query asks for; raises `InvalidRequest` for a value that nobody knows."""
    given = [value for name, value in query.items() if name.partition("[")[0] == "include"]
    wanted = frozenset(value for each in given for value in each.split(",") if value)
    if unknown := sorted(wanted - set(VALUES)):
        raise InvalidRequest(
            f"include: must be of {', '.join(VALUES)}, not {unknown[0]!r}", param="include"
        )
    return wanted


def answered(answer: Document, replay: Sequence[Document], wanted: frozenset[str]) -> Document:
    """An answer, with the sealed thoughts that it was not shown with where they are asked for."""
    if SEALED not in wanted:
        return answer
    sealed = {item.get("id"): item.get(SEAL) for item in replay}
    output = [
        _with_seal(item, item.get(SEAL) or sealed.get(item.get("id")))
        if item.get("type") == "reasoning"
        else item
        for item in answer["output"]
    ]
    return answer | {"output": output}


def listed(items: Sequence[Document], wanted: frozenset[str]) -> list[Document]:
    """Items without the sealed thoughts that are not asked for."""
    if SEALED in wanted:
        return list(items)
    return [_with_seal(item, None) if item.get("type") == "reasoning" else item for item in items]


def _with_seal(item: Document, seal: str | None) -> Document:
    """A thought whose seal is this one; where there is none, the field is left out."""
    rest = {name: value for name, value in item.items() if name != SEAL}
    return rest if seal is None else rest | {SEAL: seal}
