"""A form with files in it, as `multipart/form-data` has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ....core.canon.errors import InvalidRequest, NotSupported

FIELDS = 32  # of one form
REMEDY = "run: pip install 'polystack[files]'"


@dataclass(slots=True)
class Field:
    """One field: its bytes, and for a file what it is called and said to be."""

    name: str = ""
    filename: str | None = None
    media_type: str | None = None
    data: bytearray = field(default_factory=bytearray)

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")


def parse(body: bytes, content_type: str) -> dict[str, Field]:
    """The fields of a form by their names; raises `InvalidRequest` for what is none."""
    multipart = _library()
    kind, options = multipart.multipart.parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise InvalidRequest(
            f"content-type: must be multipart/form-data with a boundary, not {content_type!r}"
        )
    form = _Form(multipart.multipart.parse_options_header)
    try:
        parser = multipart.MultipartParser(boundary, form.callbacks())
        parser.write(body)
        parser.finalize()
    except multipart.exceptions.FormParserError as error:
        raise InvalidRequest(f"the form cannot be read: {error}") from None
    if not form.ended:
        raise InvalidRequest("the form ends before its last boundary; send all of it")
    return {each.name: each for each in form.fields}


def _library() -> Any:
    try:
        import python_multipart
    except ImportError:
        raise NotSupported(
            f"files cannot be taken, since the package python-multipart is not installed; {REMEDY}"
        ) from None
    return python_multipart


class _Form:
    """What the parser finds, in its own order: headers, then data, of one field after another."""

    def __init__(self, options: Any) -> None:
        self.fields: list[Field] = []
        self.ended = False
        self._options = options
        self._name = b""
        self._value = b""

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.fields) == FIELDS:
            raise InvalidRequest(f"the form has more than {FIELDS} fields")
        self.fields.append(Field())

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header(self) -> None:
        name, value = self._name.lower(), self._value
        self._name = self._value = b""
        if name == b"content-type":
            self.fields[-1].media_type = value.decode("latin-1")
        elif name == b"content-disposition":
            _, options = self._options(value)
            self.fields[-1].name = options.get(b"name", b"").decode("utf-8", "replace")
            if (filename := options.get(b"filename")) is not None:
                self.fields[-1].filename = filename.decode("utf-8", "replace")

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.fields[-1].data += data[start:end]

    def _end(self) -> None:
        self.ended = True
