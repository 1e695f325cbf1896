"""Lists as OpenAI pages them: `after`, `limit`, `order`.

Source: `CursorPage` and the list parameters of the openai SDK.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ....core.canon.errors import InvalidRequest
from ....core.contract.api import Document

LIMIT, MOST = 20, 100
DIGITS = 10  # of a number


def paged(
    items: Sequence[Document], query: Mapping[str, str], usual: int = LIMIT, most: int = MOST
) -> Document:
    """A page of items, the newest first unless the query says otherwise."""
    order, after = query.get("order", "desc"), query.get("after")
    limit = _limit(query, usual, most)
    if order not in ("asc", "desc"):
        raise InvalidRequest(f"order: must be asc or desc, not {order!r}", param="order")
    ordered = list(items) if order == "asc" else list(reversed(items))
    if after is not None:
        places = [place for place, item in enumerate(ordered) if item.get("id") == after]
        if not places:
            raise InvalidRequest(f"after: no item {after!r} is in this list", param="after")
        ordered = ordered[places[0] + 1 :]
    page = ordered[:limit]
    return listing(page, more=len(ordered) > limit)


def listing(page: Sequence[Document], more: bool = False) -> Document:
    return {
        "object": "list",
        "data": list(page),
        "first_id": page[0].get("id") if page else None,
        "last_id": page[-1].get("id") if page else None,
        "has_more": more,
    }


def _limit(query: Mapping[str, str], usual: int, most: int) -> int:
    given = query.get("limit", str(usual))
    if not (given.isdecimal() and len(given) <= DIGITS and 1 <= int(given) <= most):
        why = f"limit: must be between 1 and {most}, not {given[:32]!r}"
        raise InvalidRequest(why, param="limit")
    return int(given)
