"""A rendered prompt as what an engine reads: tokens, and images among them."""

from __future__ import annotations

from collections.abc import Iterable

from ...core.canon.errors import NotSupported
from .images import Eyes, Images, Placed, tokens_of
from .resident import Vocabulary


def tokenized_prompt(
    pieces: Iterable[str], vocabulary: Vocabulary, images: Images | None, eyes: Eyes | None
) -> tuple[list[int], list[Placed]]:
    """No token reaches from one piece into the next. Raises `InvalidRequest` for a bad image."""
    prompt = _Prompt(vocabulary)
    for piece in pieces:
        if images is None or eyes is None:
            prompt.write(piece)
            continue
        for text, number in images.split(piece):
            prompt.write(text)
            if number is not None:
                prompt.show(images, number, eyes)
    if images is not None:
        prompt.end(images)
    return prompt.tokens, prompt.placed


class _Prompt:
    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._begun = False
        self._shown: set[int] = set()
        self.tokens: list[int] = []
        self.placed: list[Placed] = []

    def write(self, text: str) -> None:
        """Most templates write the token that begins a text themselves."""
        beginning = self._vocabulary.special_texts["bos_token"]
        begins = not self._begun and not (beginning and text.startswith(beginning))
        self.tokens += self._vocabulary.tokenize(text, begins)
        self._begun = True

    def show(self, images: Images, number: int, eyes: Eyes) -> None:
        self._shown.add(number)
        _, data = images.found[number]
        for count, part in enumerate(images.seen(number, eyes)):
            if isinstance(part, list):
                self.tokens += part
                continue
            start = len(self.tokens)
            # Of an image in several parts each has numbers of its own.
            self.tokens += tokens_of(data + bytes([0, count]) * bool(count), part.positions)
            self.placed.append(Placed(start, len(self.tokens), part))

    def end(self, images: Images) -> None:
        for number, (at, _) in enumerate(images.found):
            if number not in self._shown:
                raise NotSupported(f"{at}: the model's chat template does not show it", param=at)
        if self.placed and self.placed[-1].end == len(self.tokens):
            self.write("\n")  # an answer follows a token
