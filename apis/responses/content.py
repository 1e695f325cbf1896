"""Content parts of messages and of tool outputs, in both directions.

A lone plain text is written as a bare string, which every server takes; `_list` remembers that a
client wrote a list instead. Data URLs become `media_type` and `data`, and come back as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.canon import ir
from ...core.canon.errors import InvalidRequest
from ...core.contract.api import Document
from ...core.contract.losses import Ledger
from . import schema
from .extras import NAME, extra, given, is_native, note_foreign, own, remembered, unnamed

AUDIO = {"mp3": "audio/mpeg", "wav": "audio/wav"}
AUDIO_FORMATS = {media_type: name for name, media_type in AUDIO.items()}


def decode_content(
    content: str | list[schema.Content], at: str, text_type: str
) -> tuple[ir.Part, ...]:
    """The parts of a message or output; `text_type` is what its texts are usually called."""
    if isinstance(content, str):
        return (ir.Text(content, at=at),)
    return tuple(_decode_part(part, f"{at}.{i}", text_type) for i, part in enumerate(content))


def shape(content: str | list[Any], parts: Sequence[ir.Part]) -> dict[str, Any]:
    """What must be remembered to write this content as it was read."""
    return {"_list": True} if isinstance(content, list) and _is_plain(parts) else {}


def encode_content(
    node: ir.Node, parts: Sequence[ir.Part], text_type: str, path: str, ledger: Ledger
) -> str | list[Document]:
    if _is_plain(parts) and not remembered(node, "_list"):
        return ir.text_of(tuple(parts))
    written = (
        _encode_part(part, text_type, part.at or f"{path}.content.{i}", ledger)
        for i, part in enumerate(parts)
    )
    return [part for part in written if part is not None]


def _is_plain(parts: Sequence[ir.Part]) -> bool:
    return len(parts) == 1 and isinstance(parts[0], ir.Text) and parts[0] == ir.Text(parts[0].text)


def _decode_part(part: schema.Content, at: str, text_type: str) -> ir.Part:
    kept = unnamed(part)
    match part:
        case schema.TextPart():
            return _decode_text(part, kept, at, text_type)
        case schema.RefusalPart(refusal=refusal):
            return ir.Refusal(refusal, extra=extra(kept), at=at)
        case schema.ImagePart():
            return _decode_image(part, kept, at)
        case schema.FilePart():
            return _decode_file(part, kept, at)
        case schema.AudioPart(input_audio=audio):
            inner = unnamed(audio)
            kept |= {"input_audio": inner} if inner else {}
            media_type = AUDIO.get(audio.format, f"audio/{audio.format}")
            return ir.Media("audio", media_type, audio.data, extra=extra(kept), at=at)
        case schema.Unknown(type=kind):
            data = {"type": kind, **kept}
            return ir.Opaque(NAME, kind, data, extra=extra({"_content": True}), at=at)


def _decode_text(part: schema.TextPart, kept: dict[str, Any], at: str, text_type: str) -> ir.Text:
    if part.type != text_type:
        kept["_type"] = part.type
    if empty := [name for name in ("annotations", "logprobs") if getattr(part, name) == []]:
        kept["_empty"] = empty
    return ir.Text(
        part.text,
        tuple(decode_citation(a.model_dump(exclude_unset=True)) for a in part.annotations or ()),
        tuple(decode_logprob(logprob.model_dump()) for logprob in part.logprobs or ()),
        extra=extra(kept),
        at=at,
    )


def _decode_image(part: schema.ImagePart, kept: dict[str, Any], at: str) -> ir.Media:
    _exactly_one(at, image_url=part.image_url, file_id=part.file_id)
    media_type, data, url = _split_url(part.image_url, f"{at}.image_url")
    return ir.Media(
        "image",
        media_type,
        data,
        url=url,
        file_id=part.file_id,
        detail=part.detail,
        extra=extra(kept),
        at=at,
    )


def _decode_file(part: schema.FilePart, kept: dict[str, Any], at: str) -> ir.Media:
    _exactly_one(at, file_data=part.file_data, file_url=part.file_url, file_id=part.file_id)
    media_type, data = None, part.file_data
    if data is not None and data.startswith("data:"):
        media_type, data, _ = _split_url(data, f"{at}.file_data")
    return ir.Media(
        "document",
        media_type,
        data,
        url=part.file_url,
        file_id=part.file_id,
        name=part.filename,
        detail=part.detail,
        extra=extra(kept),
        at=at,
    )


def _exactly_one(at: str, **sources: str | None) -> None:
    given = [name for name, value in sources.items() if value is not None]
    if len(given) != 1:
        names = ", ".join(sources)
        problem = (
            f"only one of {', '.join(given)} may be given" if given else f"needs one of {names}"
        )
        raise InvalidRequest(f"{at}: {problem}", param=at)


def _split_url(url: str | None, at: str) -> tuple[str | None, str | None, str | None]:
    """A URL as media type, base64 data and, where it is no data URL, itself."""
    if url is None or not url.startswith("data:"):
        return None, None, url
    head, comma, data = url.removeprefix("data:").partition(",")
    if not comma or not head.endswith(";base64"):
        raise InvalidRequest(
            f"{at}: a data URL must read data:<media type>;base64,<data>", param=at
        )
    return head.removesuffix(";base64"), data, None


def _encode_part(part: ir.Part, text_type: str, path: str, ledger: Ledger) -> Document | None:
    note_foreign(part, path, ledger)
    match part:
        case ir.Text():
            return _encode_text(part, text_type, path, ledger)
        case ir.Refusal(text=text):
            return {**own(part), "type": "refusal", "refusal": text}
        case ir.Media():
            return _encode_media(part, path, ledger)
        case ir.Opaque(protocol=protocol, type=kind, data=data):
            if protocol == NAME:
                return dict(data)
            ledger.dropped(path, f"Responses has no {kind} ({protocol} has)")
            return None
        case _:
            ledger.dropped(path, f"a {type(part).__name__} cannot stand inside a message")
            return None


def _encode_text(part: ir.Text, text_type: str, path: str, ledger: Ledger) -> Document:
    written: Document = {**own(part), "type": remembered(part, "_type") or text_type}
    written |= {name: [] for name in remembered(part, "_empty") or ()}
    written["text"] = part.text
    annotations = [encode_citation(c, path, ledger) for c in part.citations]
    if shown := [annotation for annotation in annotations if annotation is not None]:
        written["annotations"] = shown
    if part.logprobs:
        written["logprobs"] = [encode_logprob(logprob) for logprob in part.logprobs]
    return written


def _encode_media(part: ir.Media, path: str, ledger: Ledger) -> Document | None:
    written: Document = own(part)
    data = part.data
    if data is not None and part.media_type is not None:
        data = f"data:{part.media_type};base64,{data}"
    match part.kind:
        case "image":
            written |= {"type": "input_image"} | given(
                image_url=data or part.url, file_id=part.file_id, detail=part.detail
            )
        case "document":
            if part.text is not None:
                ledger.mapped(path, "a document of plain text became a text")
                return {"type": "input_text", "text": part.text}
            written |= {"type": "input_file"} | given(
                file_data=data, file_url=part.url, file_id=part.file_id
            )
            written |= given(filename=part.name, detail=part.detail)
        case "audio" if part.data is not None:
            media_type = part.media_type or ""
            kind = AUDIO_FORMATS.get(media_type, media_type.removeprefix("audio/"))
            audio = {**written.pop("input_audio", {}), "data": part.data, "format": kind}
            written |= {"type": "input_audio", "input_audio": audio}
        case _:
            ledger.dropped(path, f"Responses takes no {part.kind} in this form")
            return None
    return written


# Annotations and log probabilities, which answers have too ---------------------------------------

POSITIONED = ("start_index", "end_index", "url", "title")


def decode_citation(annotation: Document) -> ir.Citation:
    kept = {key: value for key, value in annotation.items() if key not in (*POSITIONED, "type")}
    kept |= {key: None for key in POSITIONED if key in annotation and annotation[key] is None}
    return ir.Citation(
        str(annotation.get("type")),
        annotation.get("start_index"),
        annotation.get("end_index"),
        annotation.get("url"),
        annotation.get("title"),
        extra={NAME: kept},
    )


def encode_citation(citation: ir.Citation, path: str, ledger: Ledger) -> Document | None:
    """A citation as an annotation; one of another protocol keeps its source, not its span."""
    if is_native(citation):
        span = given(start_index=citation.start, end_index=citation.end)
        source = given(url=citation.url, title=citation.title)
        return {**own(citation), "type": citation.kind, **span, **source}
    if citation.url is None:
        ledger.dropped(f"{path}.annotations", f"Responses has no {citation.kind}")
        return None
    if citation.start is None or citation.end is None or citation.kind != "url_citation":
        ledger.approximated(f"{path}.annotations", f"{citation.kind} became a url_citation")
    return {
        "type": "url_citation",
        "start_index": citation.start or 0,
        "end_index": citation.end or 0,
        "url": citation.url,
        "title": citation.title or "",
    }


def decode_logprob(logprob: Document) -> ir.TokenLogprob:
    token, data = str(logprob["token"]), logprob.get("bytes")
    return ir.TokenLogprob(
        token,
        float(logprob["logprob"]),
        bytes(data) if data is not None else token.encode(),
        tuple(decode_logprob(top) for top in logprob.get("top_logprobs") or ()),
    )


def encode_logprob(logprob: ir.TokenLogprob) -> Document:
    return {**_token(logprob), "top_logprobs": [_token(top) for top in logprob.top]}


def _token(logprob: ir.TokenLogprob) -> Document:
    data = logprob.data if logprob.data is not None else logprob.token.encode()
    return {"token": logprob.token, "logprob": logprob.logprob, "bytes": list(data)}
