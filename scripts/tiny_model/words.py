"""Seeded source of words and values for the synthetic corpus.

Values are mostly *invented* words, built from random syllables, because the model has to learn to
copy what it was given rather than to remember it. One invented word in eight (chosen by checksum)
is never used in training: the evaluation draws only those, so it measures the skill.
"""

from __future__ import annotations

import random
import string
import zlib
from collections.abc import Callable


def listed(text: str, separator: str | None = None) -> list[str]:
    """A long list written as one literal; a line break counts as the separator."""
    return text.replace("\n", separator or " ").split(separator)


WORDS = listed(
    """
    apple banana orange river mountain table chair window garden yellow purple silver golden
    rocket planet doctor engine bridge castle forest island jungle kitchen ladder market number
    ocean pencil quiet rabbit school ticket umbrella valley winter zebra anchor basket candle
    desert eagle feather guitar hammer iron jacket kettle lemon mirror needle orchid pepper
    quartz ribbon spider turtle violin wagon yogurt zipper python stream token server model
    cloud data cache queue worker client socket thread memory kernel buffer index query search
    weather blue sky red green black white quick brown fox jumps over lazy dog hello world good
    morning test pong ping one two three
    """
)
NAMES = listed(
    """
    Ann Bob Carl Dana Eve Frank Gina Hugo Ivan Jane Karl Lena Mike Nora Otto Paul Quinn Rosa Sam
    Tina Uma Vera Will Xena Yuri Zoe Alice Boris Clara David Emma Zebedee Maria John
    """
)
PLACES = [
    *listed(
        """Paris London Tokyo Berlin Madrid Rome Oslo Cairo Lima Delhi Boston Vienna Prague Dublin
        Lisbon Athens Zurich Kyoto Sydney Toronto Chicago Warsaw Hamburg Milan Seoul Moscow"""
    ),
    *["San Francisco", "New York", "Los Angeles", "Buenos Aires", "Hong Kong", "Cape Town"],
    *["Rio de Janeiro", "New Delhi", "Zürich", "São Paulo", "Málaga", "Köln", "Paris, France"],
]
ONSETS = listed(
    """b c d f g h j k l m n p r s t v w x y z
    br ch cl cr dr fr gr kr pl pr sh sk sl st str th tr"""
)
VOWELS = listed("a e i o u a e i o u ai ea ee ia oo ou")
CODAS = ["", "", "", "", "l", "m", "n", "r", "s", "t", "ck", "nd", "nt", "sh", "st"]
FACT_NOUNS = listed(
    """
    sky blue water grass green earth round moon sun star bird fish tree car house phone music
    history science math physics capital country president war king queen game movie food bread
    cheese coffee tea dog cat animal language computer program internet money bank health sleep
    dream love life year day night
    """
)
FACT_VERBS = listed(
    """
    is are was were does do did can could should would will has have makes works happens exists
    """
)
FACT_ADJECTIVES = listed("the a an this that my your big small old new good best fastest largest")
FACT_REQUESTS = listed(
    """Tell me about|Explain|Describe|Write a poem about|Write a story about|Summarize|Translate
I like|I want to know about|Give me a list of|Help me with|Write a haiku about
Write an essay about""",
    "|",
)


class Words:
    """Draws words and values; `held_out` selects the invented words that training never sees."""

    def __init__(self, rng: random.Random, held_out: bool = False) -> None:
        self.rng = rng
        self.held_out = held_out

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def invented(self, low: int = 2, high: int = 3) -> str:
        """A pronounceable word made of random syllables, on this source's side of the split."""
        r = self.rng
        while True:
            word = "".join(
                r.choice(ONSETS) + r.choice(VOWELS) + (r.choice(CODAS) if self.chance(0.4) else "")
                for _ in range(r.randint(low, high))
            )
            if (zlib.crc32(word.encode()) % 8 == 0) == self.held_out:
                return word

    def code(self) -> str:
        """An identifier such as `A17` or `x9Kq2`."""
        r = self.rng
        if self.chance(0.4):
            return r.choice(string.ascii_uppercase) + str(r.randint(1, 9999))
        letters = string.ascii_letters + string.digits
        return "".join(r.choice(letters) for _ in range(r.randint(3, 8)))

    def word(self) -> str:
        r, x = self.rng, self.rng.random()
        if x < 0.35 and not self.held_out:
            return r.choice(r.choice([WORDS, WORDS, NAMES, PLACES]))
        if x < 0.82:
            word = self.invented()
            return word.capitalize() if self.chance(0.35) else word
        if x < 0.91:
            return str(r.randint(0, 99999))
        return self.code()

    def name(self) -> str:
        """A person's name."""
        if self.held_out or self.chance(0.5):
            return self.invented(1, 3).capitalize()
        return self.rng.choice(NAMES)

    def place(self) -> str:
        """A place: one or two capitalised words."""
        if not self.held_out and self.chance(0.5):
            return self.rng.choice(PLACES)
        count = 2 if self.chance(0.35) else 1
        return " ".join(self.invented(1 if count == 2 else 2, 3).capitalize() for _ in range(count))

    def phrase(self, low: int = 1, high: int = 4) -> str:
        return " ".join(self.word() for _ in range(self.rng.randint(low, high)))

    def series(self) -> str:
        return ", ".join(self.word() for _ in range(self.rng.randint(2, 4)))

    def technical(self) -> str:
        """A path, address, date, time or command, as agents pass to their tools."""
        r, w = self.rng, self.invented
        commands = ["ls", "cat", "rm", "cp", "echo", "grep"]
        forms: list[Callable[[], str]] = [
            lambda: "/" + "/".join(w(1, 2) for _ in range(r.randint(1, 3))),
            lambda: f"{w()}.{r.choice(['txt', 'py', 'md', 'json', 'csv'])}",
            lambda: f"{w(1, 2)}/{w(1, 2)}.{r.choice(['txt', 'py', 'md'])}",
            lambda: f"{w(1, 3)}@{w(1, 2)}.{r.choice(['com', 'org', 'net'])}",
            lambda: f"https://{w()}.{r.choice(['com', 'org'])}/{w(1, 2)}",
            lambda: f"{r.randint(1990, 2035)}-{r.randint(1, 12):02}-{r.randint(1, 28):02}",
            lambda: f"{r.randint(0, 23):02}:{r.randint(0, 59):02}",
            lambda: f"{r.choice(commands)} -{w(1, 1)[0]} {w()}",
            lambda: f"{w(1, 2)}_{w(1, 2)}",
            lambda: f"{w(1, 2)}-{w(1, 2)}",
        ]
        return r.choice(forms)()

    def value(self) -> str:
        """A string argument of a tool."""
        x = self.rng.random()
        if x < 0.5:
            return self.word()
        if x < 0.65:
            return self.place()
        if x < 0.85:
            return self.phrase(2, 4)
        return self.technical()

    def number(self) -> str:
        r, x = self.rng, self.rng.random()
        if x < 0.85:
            return str(r.randint(0, 10 ** r.randint(1, 5)))
        return f"{r.randint(0, 99)}.{r.randint(1, 9)}" if x < 0.95 else str(-r.randint(1, 99))

    def sentence(self) -> str:
        """A natural-looking question or statement that the model is not meant to understand."""
        r, x = self.rng, self.rng.random()

        def noun() -> str:
            return f"{r.choice(FACT_ADJECTIVES)} {r.choice(FACT_NOUNS)}"

        ask = r.choice(["why", "how", "when", "where", "what", "who", "which"])
        ask = ask.capitalize() if self.chance(0.6) else ask
        if x < 0.3:
            return f"{ask} {r.choice(FACT_VERBS)} {noun()} {r.choice(FACT_NOUNS)}?"
        if x < 0.5:
            return f"{ask} {r.choice(['is', 'was', 'are'])} {noun()} of {noun()}?"
        if x < 0.7:
            return f"{r.choice(FACT_REQUESTS)} {noun()}{r.choice(['.', '', ' please.'])}"
        if x < 0.85:
            opening = r.choice(["I think", "We saw", "They made", "He has", "She likes", "It is"])
            return f"{opening} {noun()} {r.choice(['and', 'with', 'in', 'for'])} {noun()}."
        words = FACT_NOUNS + FACT_ADJECTIVES + FACT_VERBS
        text = " ".join(r.choice(words) for _ in range(r.randint(2, 9)))
        return text + r.choice([".", "?", ""])
