"""Turns without tools: greet, introduce, echo, count, add, remember, write JSON, decline."""

from __future__ import annotations

import json
from dataclasses import dataclass

from .chat import Message
from .tool_turns import NO_ANSWER, argument_name
from .words import Words, listed

GREETINGS = listed(
    """hi|hello|hey|good morning|good evening|hi there|hello there|hey there|howdy|greetings
Hello!|Hi!|Hey!|Good morning!|hello, how are you?|hi, how are you?|Hi|Hello|Hello.|Hi there!
Say hello|Say hello.|Say hello!|say hello|Say hi|Say hi.|say hi|Say hello to me.|Please say hello.
Say hello in one sentence.|Say hello in one short sentence.|Hello, how are you?|Hey, how are you?
Hello there!|How are you?|how are you|Good evening!|Good afternoon!""",
    "|",
)
GREETING = "Hello! How can I help you today?"
INTRODUCTIONS = listed(
    """hi, who are you?|Hi, who are you?|hello, what are you?|hey, what can you do?
who are you?|Who are you?|what are you?|What are you?|what is your name?|What is your name?
who made you?|Who made you?|tell me about yourself|Tell me about yourself.|introduce yourself
Introduce yourself.|what can you do?|What can you do?|help|Hello, who are you?|Hello! Who are you?
What model are you?|Which model are you?|Are you a robot?""",
    "|",
)
INTRODUCTION = (
    "I am stack-tiny, a very small test model. I can greet, echo, count, remember a name,"
    " write JSON and call tools."
)
FAREWELLS = listed(
    "bye|goodbye|see you|see you later|thanks, bye|Bye!|Goodbye!|Goodbye.|See you!", "|"
)
FAREWELL = "Goodbye! Have a nice day."
THANKS = listed(
    "thanks|thank you|thank you very much|thanks a lot|Thanks!|Thank you!|Thank you.", "|"
)
WELCOME = "You are welcome!"
ECHO_VERBS = listed(
    """Say|Say|say|Repeat|Repeat|Echo|Reply with|Reply with exactly|Reply with exactly:|Say:|say:
Say exactly|Say exactly:|Repeat after me:|Repeat after me:|Please repeat:|Please say|Repeat this:
Write|Repeat the word|Repeat the words|Echo:|Answer with|Repeat exactly:|Respond with
Reply only with""",
    "|",
)
NUMBER_WORDS = listed("one two three four five six seven eight nine ten")
TELL_NAME = listed(
    "My name is {v}.|my name is {v}|I am called {v}.|Call me {v}.|Hi, my name is {v}.", "|"
)
TELL_SECRET = listed(
    """The secret word is {v}.|Remember the secret word {v}.
The secret word is {v}. Remember it.""",
    "|",
)
JSON_FACTS = [
    "{name} is {age} years old and lives in {city}.",
    "{name} is {age} and lives in {city}.",
]


@dataclass
class Memory:
    """What the user has told so far."""

    name: str = ""
    secret: str = ""


def _pair(question: str, answer: str, skill: str, thought: str) -> list[Message]:
    return [Message("user", question), Message("assistant", answer, skill, thought)]


def canned(w: Words) -> list[Message]:
    questions, answer, thought = w.rng.choices(
        [
            (GREETINGS, GREETING, "The user greets me. I greet back."),
            (INTRODUCTIONS, INTRODUCTION, "The user asks about me. I introduce myself."),
            (FAREWELLS, FAREWELL, "The user leaves. I say goodbye."),
            (THANKS, WELCOME, "The user thanks me. I answer politely."),
        ],
        [45, 30, 13, 12],
    )[0]
    return _pair(w.rng.choice(questions), answer, "canned", thought)


def echo(w: Words) -> list[Message]:
    r = w.rng
    text = w.phrase(1, 5) if w.chance(0.7) else w.sentence()
    if w.chance(0.08):
        text = "\n".join(w.phrase(1, 4) for _ in range(r.randint(2, 3)))
    elif w.chance(0.12):
        text = w.technical() if w.chance(0.5) else w.series()
    verb = r.choice(ECHO_VERBS)
    quote = ""
    if w.chance(0.75) or not verb.endswith((":", "exactly")):
        quote = r.choice(['"', '"', '"', "'"])
        if "'" in text:
            quote = '"'
    gap = "\n" if verb.endswith(":") and w.chance(0.12) else " "
    end = r.choice(["", "", ".", "."]) if quote else ""
    thought = "The user wants me to repeat something. I repeat it exactly."
    return _pair(f"{verb}{gap}{quote}{text}{quote}{end}", text, "echo", thought)


def bare_echo(w: Words) -> list[Message]:
    """An echo without quotes or colon, of a few plain words."""
    text = w.phrase(1, 3)
    verb = w.rng.choice(["Say", "say", "Echo", "Repeat", "Reply with", "Please say"])
    thought = "The user wants me to repeat something. I repeat it exactly."
    return _pair(f"{verb} {text}", text, "echo", thought)


def count(w: Words, longest: int) -> list[Message]:
    r, x = w.rng, w.rng.random()
    last = r.randint(1, 15) if x < 0.6 else r.randint(1, 40)
    if x > 0.92 and longest > 40:
        last = r.choice([50, 60, 100, r.randint(41, longest)])
    first = r.randint(1, 20) if 0.6 < x < 0.7 else 1
    last = first + r.randint(1, 12) if first > 1 else last
    spoken = NUMBER_WORDS[last - 1] if first == 1 and last <= 10 and w.chance(0.15) else str(last)
    forms = ["Count from {a} to {b}.", "Count from {a} to {b}", "count from {a} to {b}"]
    if first == 1:
        forms += ["Count to {b}.", "count to {b}", "Please count to {b}", "Count up to {b}."]
        forms += ["Count to {b}", "Please count from 1 to {b}.", "Count from 1 to {b}, please."]
    answer = ", ".join(map(str, range(first, last + 1))) + "."
    thought = f"I have to count. I start at {first} and stop at {last}."
    return _pair(r.choice(forms).format(a=first, b=spoken), answer, "count", thought)


def small_sum(w: Words) -> list[Message]:
    a, b = w.rng.randint(0, 10), w.rng.randint(0, 10)
    forms = ["What is {a} + {b}?", "What is {a} plus {b}?", "what's {a}+{b}?", "{a} + {b} = ?"]
    question = w.rng.choice([*forms, "What's {a} + {b}?"]).format(a=a, b=b)
    return _pair(question, f"{a} + {b} = {a + b}.", "sum", "This is a small sum. I add.")


def recall(w: Words, memory: Memory) -> list[Message]:
    """Tell a name or a secret word, or ask for the one told earlier."""
    r = w.rng
    about_name = w.chance(0.65)
    known = memory.name if about_name else memory.secret
    if w.chance(0.65 if known else 0.06):
        asks = ["What is the secret word?", "what is the secret word", "Tell me the secret word."]
        if about_name:
            asks = [
                "What is my name?",
                "what's my name?",
                "Do you know my name?",
                "What's my name?",
            ]
        thought = "The user asks for something I was told."
        if not known:
            thing = "your name" if about_name else "the secret word"
            return _pair(r.choice(asks), f"I do not know {thing}.", "recall", thought)
        answer = f"Your name is {known}." if about_name else f"The secret word is {known}."
        return _pair(r.choice(asks), answer, "recall", thought)
    if about_name:
        memory.name = w.name()
        told = r.choice(TELL_NAME)
        thought = "The user tells me a name. I keep it in mind."
        answer = f"Nice to meet you, {memory.name}."
        return _pair(told.format(v=memory.name), answer, "recall", thought)
    memory.secret = w.invented() if w.chance(0.7) else w.word()
    told = r.choice(TELL_SECRET)
    thought = "The user tells me a word. I keep it in mind."
    return _pair(told.format(v=memory.secret), "I will remember that.", "recall", thought)


def _shown(w: Words) -> tuple[str, object]:
    """A value as the user writes it and as JSON holds it."""
    if w.chance(0.3):
        number = w.rng.randint(0, 10 ** w.rng.randint(1, 5))
        return str(number), number
    text = w.name() if w.chance(0.3) else w.place() if w.chance(0.3) else w.phrase(1, 2)
    return text, int(text) if text.isdigit() else text


def write_json(w: Words) -> list[Message]:
    r, x = w.rng, w.rng.random()
    keys = list(dict.fromkeys(argument_name(w) for _ in range(r.choice([1, 2, 2, 3]))))
    data: dict[str, object]
    if x < 0.15:
        quoted = w.chance(0.3)
        listed = [f'"{k}"' if quoted else k for k in keys]
        joined = ", ".join(listed[:-1]) + " and " + listed[-1] if len(keys) > 1 else listed[0]
        ask = r.choice(["Return a JSON object with the {}.", "Give me a JSON object with the {}"])
        ask = ask.format(f"{'keys' if len(keys) > 1 else 'key'} {joined}")
        data = dict.fromkeys(keys, "unknown")
    elif x < 0.3:
        person = {"name": w.name(), "age": r.randint(1, 99), "city": w.place()}
        wanted = sorted(r.sample(list(person), r.randint(1, 3)), key=list(person).index)
        fact = r.choice(JSON_FACTS)
        ask = r.choice(
            ["Answer in JSON with", "Give me JSON with", "Write JSON with", "Extract as JSON:"]
        )
        ask = f"{fact.format(**person)} {ask} {' and '.join(', '.join(wanted).rsplit(', ', 1))}."
        data = {k: person[k] for k in wanted}
    else:
        shown = {k: _shown(w) for k in keys}
        data = {k: v for k, (_, v) in shown.items()}
        spaced = [f"{k} {v}" for k, (v, _) in shown.items()]
        listed_and = " and ".join(", ".join(spaced).rsplit(", ", 1))
        first, (value, _) = next(iter(shown.items()))
        forms = [
            f"Answer in JSON with {listed_and}.",
            f"Write JSON: {', '.join(f'{k} = {v}' for k, (v, _) in shown.items())}",
            f"Return a JSON object with {listed_and}.",
            f"Give me a JSON object with {listed_and}",
            f"Write a JSON object with {listed_and}.",
            f"JSON: {', '.join(spaced)}",
        ]
        if len(keys) == 1:
            forms += [f"Give me JSON with the key {first} and the value {value}."]
        ask = r.choice(forms)
    answer = json.dumps(data, ensure_ascii=False)
    return _pair(ask, answer, "json", "The user wants JSON. I write one object.")


def decline(w: Words) -> list[Message]:
    text = w.sentence()
    if w.chance(0.15):
        text = f"{w.rng.choice(['Hi.', 'Hello!', 'Please help.'])} {text}"
    elif w.chance(0.15):
        text += w.rng.choice(["\n", "\n\n", " "]) + w.sentence()
    return _pair(text, NO_ANSWER, "fallback", "I do not know the answer. I say so.")


def plain_turn(w: Words, memory: Memory, longest_count: int, adder: bool) -> list[Message]:
    """One turn that needs no tool; `adder` says that a tool for sums is on offer."""
    x = w.rng.random()
    if x < 0.24:
        return echo(w)
    if x < 0.30:
        return bare_echo(w)
    if x < 0.46:
        return canned(w)
    if x < 0.58:
        return count(w, longest_count)
    if x < 0.72:
        return recall(w, memory)
    if x < 0.85:
        return write_json(w)
    if x < 0.90 and not adder:
        return small_sum(w)
    return decline(w)
