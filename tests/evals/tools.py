"""Tools with every kind of schema, and questions that have the tiny model call them."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def _object(properties: Schema, *required: str, **more: Any) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


def _tool(name: str, description: str, schema: Schema) -> dict[str, Any]:
    return {"name": name, "description": description, "schema": schema}


WORD: Schema = {"type": "string", "maxLength": 24}
POINT = _object(
    {
        "lat": {"type": "number", "minimum": -90, "maximum": 90},
        "lon": {"type": "number", "minimum": -180, "maximum": 180},
    },
    "lat",
    "lon",
)
ITEM = _object(
    {"name": WORD, "parts": {"type": "array", "items": {"$ref": "#/$defs/item"}, "maxItems": 2}},
    "name",
)

TOOLS = [
    _tool("get_weather", "Get the weather", _object({"city": WORD}, "city")),
    _tool("get_time", "Get the time", _object({})),
    _tool(
        "find_user",
        "Find a user",
        _object(
            {
                "id": {"type": "integer", "minimum": 1, "maximum": 999},
                "role": {"enum": ["admin", "guest", None]},
            },
            "id",
        ),
    ),
    _tool(
        "search_notes",
        "Search notes",
        _object(
            {
                "query": WORD,
                "tags": {"type": "array", "items": {"enum": ["a", "b", "c"]}, "maxItems": 3},
                "exact": {"type": "boolean"},
            },
            "query",
        ),
    ),
    _tool("get_map", "Get a map", _object({"place": WORD, "center": POINT}, "place", "center")),
    _tool("add_item", "Add an item", {"$ref": "#/$defs/item", "$defs": {"item": ITEM}}),
    _tool("prüfe_größe", "Prüfe Größe", _object({"größe": WORD, "straße": WORD}, "größe")),
    _tool(
        "set_price",
        "Set a price",
        _object(
            {
                "price": {"type": "number", "exclusiveMinimum": 0, "maximum": 1000},
                "code": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"},
                "until": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            },
            "price",
            "code",
        ),
    ),
]  # fmt: skip

ASKED = [
    "What is the weather in Paris?",
    "What is the time?",
    "Find user 17",
    'Search notes for "green tea".',
    "Get map for Berlin",
    "Add item box",
    "Call prüfe_größe with größe=zwölf.",
    "Use set_price with price 12.5 and code AB-123.",
    "What is the weather in Rome and in Oslo?",
    "Call get_time.",
]
