"""Tool turns: invented tools, requests for one or more calls, and answers to tool results."""

from __future__ import annotations

import json

from .chat import Call, Message, Param, Tool
from .words import WORDS, Words, listed

VERBS = listed(
    """
    get set list find read write send make open close add remove update fetch lookup search run
    check count show create delete
    """
)
NOUNS = listed(
    """
    weather time file user order price stock note task email event page item record report
    message song route ticket balance status forecast temperature news date
    """
)
ADJECTIVES = listed("current new last daily local full open user web")
ARGUMENTS = listed(
    """
    city name path id query text date title url count unit key value topic user amount place
    code label color location
    """
)
MORE_ARGUMENTS = listed(
    """
    country language filename content message timezone expression command pattern recipient
    subject body limit currency format location file_path description
    """
)
OPERATIONS = {
    "add": ("plus", "+"),
    "subtract": ("minus", "-"),
    "multiply": ("times", "*"),
    "divide": ("divided by", "/"),
}
NO_ANSWER = (
    "I am a very small test model, so I cannot answer that. Try a greeting, an echo, a count or a"
    " tool."
)
SPOKEN_REQUESTS = listed(
    """{R} {v}|What is the {n} for {v}?|What is the {n} in {v}?|what is the {n} in {v}
What's the {n} like in {v} today?|What is the {n} in {v} right now?|Tell me the {n} of {v}.
I need the {n} for {v}|Can you {r} {v}?|How is the {n} in {v}?|What is the {n} of {v}?
{N} in {v}?|Check the {n} in {v}.|Use {t} for {v}.|Please {r} {v}.|{n} {v}""",
    "|",
)


def argument_name(w: Words) -> str:
    r, x = w.rng, w.rng.random()
    if x < 0.4:
        return r.choice(ARGUMENTS)
    if x < 0.62:
        first = r.choice([*ARGUMENTS, *NOUNS, "start", "end", "first", "last", "from", "to"])
        return first + "_" + r.choice([*ARGUMENTS, "id", "name"])
    if x < 0.82:
        return r.choice(WORDS + NOUNS + MORE_ARGUMENTS)
    return w.invented(2, 3)


def invent_tool(w: Words) -> Tool:
    """A tool with a random name and up to three parameters."""
    r, x = w.rng, w.rng.random()
    verb, noun = r.choice(VERBS), r.choice(NOUNS)
    request = f"{verb} {noun}"
    if x < 0.55:
        name = f"{verb}_{noun}"
    elif x < 0.67:
        name = f"{verb}_{r.choice(ADJECTIVES)}_{noun}"
    elif x < 0.74:
        name = verb + noun.capitalize()
    elif x < 0.82:
        name = r.choice([verb, noun, verb.capitalize(), noun.capitalize()])
    elif x < 0.86:
        name = f"mcp__{w.invented(1, 2)}__{verb}_{noun}"
    else:
        name = w.invented(2, 3) + r.choice(["", "", "_" + w.invented(1, 2)])
        request, noun = name.replace("_", " "), name.split("_")[-1]
    kinds = r.choices(["string", "number", "boolean"], [84, 12, 4], k=3)
    names = dict.fromkeys(argument_name(w) for _ in range(r.choice([0, 1, 1, 1, 1, 1, 2, 2, 2, 3])))
    return Tool(name, tuple(map(Param, names, kinds)), request, noun)


def math_tool(w: Words) -> Tool:
    """A calculator in one of the shapes people give it."""
    r = w.rng
    pairs = [("a", "b"), ("a", "b"), ("x", "y"), ("first", "second"), ("num1", "num2")]
    left, right = (Param(name, "number") for name in r.choice(pairs))
    operation = Param(r.choice(["operation", "operator", "op"]))
    calculator = r.choice(["calculator", "calculate", "compute", "math"])
    verb = r.choice(list(OPERATIONS))
    x = r.random()
    if x < 0.45:
        return Tool(r.choice([verb, f"{verb}_numbers"]), (left, right), "sum:" + verb)
    if x < 0.75:
        return Tool(calculator, (operation, left, right), "operation")
    expression = Param(r.choice(["expression", "expression", "formula"]))
    return Tool(calculator, (expression,), "expression")


def offer_tools(w: Words, count: int) -> list[Tool]:
    """Tools for one conversation, with distinct names."""
    tools: dict[str, Tool] = {}
    while len(tools) < count:
        tool = math_tool(w) if w.chance(0.13) else invent_tool(w)
        tools.setdefault(tool.name, tool)
    return list(tools.values())


def _literal(kind: str, shown: str) -> str:
    return shown if kind in ("number", "boolean") else json.dumps(shown, ensure_ascii=False)


def make_call(tool: Tool, shown: dict[str, str]) -> Call:
    """A call with the given values, in the order of the signature."""
    given = [p for p in tool.params if p.name in shown]
    pairs = (f'"{p.name}": {_literal(p.kind, shown[p.name])}' for p in given)
    return Call(tool.name, "{" + ", ".join(pairs) + "}")


def _value(w: Words, kind: str) -> str:
    if kind == "number":
        return w.number()
    return w.rng.choice(["true", "false"]) if kind == "boolean" else w.value()


def _quoted(w: Words, kind: str, shown: str) -> str:
    return f'"{shown}"' if kind == "string" and w.chance(0.25) else shown


def _ask_math(w: Words, tool: Tool) -> tuple[str, Call]:
    """A request such as `What is 2 plus 3?` and the call for it."""
    r = w.rng
    digits = 10 ** r.randint(1, 4)
    a, b = str(r.randint(0, digits)), str(r.randint(0, digits))
    fixed = tool.request.startswith("sum:")
    verb = tool.request[4:] if fixed else r.choice(list(OPERATIONS))
    spoken, sign = OPERATIONS[verb]
    in_words, in_signs = f"{a} {spoken} {b}", f"{a} {sign} {b}"
    spelled = [f"What is {in_words}?", f"what's {in_words}", f"Calculate {in_words}."]
    signed = [f"What is {in_signs}?", f"Calculate {in_signs}", f"Compute {in_signs}."]
    if tool.request == "expression":
        return r.choice(signed), make_call(tool, {tool.params[0].name: in_signs})
    if verb in ("add", "multiply"):
        joined = {"add": "and", "multiply": "by"}[verb]
        spelled += [f"{verb.capitalize()} {a} {joined} {b}.", f"Please {verb} {a} and {b}"]
    values = dict(zip((p.name for p in tool.params[-2:]), (a, b), strict=True))
    if not fixed:
        values[tool.params[0].name] = verb
    return r.choice(spelled + signed), make_call(tool, values)


def ask_one(w: Words, tool: Tool) -> tuple[str, Call]:
    """A request for one call of `tool`, and that call."""
    r = w.rng
    if not tool.noun:
        return _ask_math(w, tool)
    request, noun = tool.request, tool.noun
    if not tool.params:
        forms = "What is the {n}?|Use {t}.|Call {t}|{R} please|What {n} is it?|Please {r}."
        text = r.choice(listed(forms, "|")).format(
            n=noun, t=tool.name, r=request, R=request.capitalize()
        )
        return text, make_call(tool, {})
    first = tool.params[0]
    if first.kind == "string" and w.chance(0.5 if len(tool.params) == 1 else 0.15):
        shown = w.place() if w.chance(0.5) else w.value()
        text = r.choice(SPOKEN_REQUESTS).format(
            R=request.capitalize(), r=request, n=noun, N=noun.capitalize(), t=tool.name,
            v=_quoted(w, "string", shown),
        )  # fmt: skip
        return text, make_call(tool, {first.name: shown})
    params = list(tool.params)
    if len(params) > 1 and w.chance(0.1):
        params.pop()
    values = {p.name: _value(w, p.kind) for p in params}
    if w.chance(0.1):
        r.shuffle(params)
    given = [(p.name, _quoted(w, p.kind, values[p.name])) for p in params]
    spaced = ", ".join(f"{k} {v}" for k, v in given)
    text = r.choice(
        [
            f"Use {tool.name} with {spaced}.",
            f"Use {tool.name} with " + " and ".join(f"{k} {v}" for k, v in given),
            f"Call {tool.name} with " + " and ".join(f"{k} = {v}" for k, v in given),
            f"Call {tool.name} with " + ", ".join(f"{k}={v}" for k, v in given) + ".",
            f"{request.capitalize()} for {spaced} please",
            f"Please {request}: {spaced}",
            f"{request.capitalize()} with {spaced}",
        ]
    )
    return text, make_call(tool, values)


def _ask_same_tool(w: Words, tool: Tool) -> tuple[str, tuple[Call, ...]]:
    """One request with two or three values for the same parameter."""
    r, param = w.rng, tool.params[0]
    count = 2 if w.chance(0.75) else 3
    shown = [w.place() if w.chance(0.6) else w.word() for _ in range(count)]
    word = r.choice(["in", "in", "for", "of"])
    joined = r.choice(
        [
            ", ".join(shown[:-1]) + " and " + shown[-1],
            ", ".join(shown[:-1]) + f" and {word} " + shown[-1],
            " and ".join(f"{word} {v}" for v in shown)[len(word) + 1 :],
        ]
    )
    n, request = tool.noun, tool.request
    text = r.choice(
        [
            f"What is the {n} {word} {joined}?",
            f"What's the {n} {word} {joined}?",
            f"Tell me the {n} {word} {joined}.",
            f"{request.capitalize()} {word} {joined}",
            f"{request.capitalize()} {word} {joined} please.",
            f"I need the {n} {word} {joined}",
            f"{n.capitalize()} {word} {joined}",
            f"Compare the {n} {word} {joined}.",
            f"What is the {n} {word} {f' and the {n} {word} '.join(shown)}?",
            f"Tell me the {n} {word} {f' and the {n} {word} '.join(shown)}.",
        ]
    )
    return text, tuple(make_call(tool, {param.name: v}) for v in shown)


def _ask_in_parallel(w: Words, tools: list[Tool]) -> tuple[str, tuple[Call, ...]]:
    r = w.rng
    spoken = [t for t in tools if t.noun and t.params and t.params[0].kind == "string"]
    if spoken and (len(tools) == 1 or w.chance(0.45)):
        return _ask_same_tool(w, r.choice(spoken))
    if len(spoken) > 1 and w.chance(0.75):
        one, two = r.sample(spoken, 2)
        a = w.place() if w.chance(0.7) else w.word()
        b = a if w.chance(0.15) else w.place() if w.chance(0.7) else w.word()
        word = r.choice(["in", "in", "for", "of"])
        text = r.choice(
            [
                f"What is the {one.noun} {word} {a} and the {two.noun} {word} {b}?",
                f"What is the {one.noun} {word} {a} and what is the {two.noun} {word} {b}?",
                f"{one.noun.capitalize()} {word} {a} and {two.noun} {word} {b}",
                f"Tell me the {one.noun} {word} {a} and the {two.noun} {word} {b}.",
                f"I need the {one.noun} {word} {a} and the {two.noun} {word} {b}",
            ]
        )
        first, second = one.params[0].name, two.params[0].name
        return text, (make_call(one, {first: a}), make_call(two, {second: b}))
    asked = [ask_one(w, r.choice(tools)) for _ in range(2)]
    link = r.choice([" And: ", " Then: ", "\n", " Also: "])
    return asked[0][0] + link + asked[1][0], (asked[0][1], asked[1][1])


def _result(w: Words) -> str:
    x = w.rng.random()
    if x < 0.38:
        return w.phrase(1, 4)
    if x < 0.48:
        return f"{w.word()} {w.rng.randint(-20, 40)}"
    if x < 0.58:
        return f"{w.phrase(1, 2)}, {w.rng.randint(-20, 40)} {w.rng.choice(['degrees', w.word()])}"
    if x < 0.64:
        return w.series()
    if x < 0.70:
        return w.sentence()
    if x < 0.73:
        return f"{w.phrase(1, 3)}\n{w.phrase(1, 3)}"
    values = {}
    for _ in range(w.rng.choice([1, 1, 2])):
        name = argument_name(w)
        values[name] = w.number() if w.chance(0.4) else w.word()
    as_json = {k: int(v) if v.isdigit() and w.chance(0.7) else v for k, v in values.items()}
    return json.dumps(as_json, ensure_ascii=False)


def tool_turn(w: Words, tools: list[Tool]) -> list[Message]:
    """A request for a call (or several), the calls, and perhaps their results and an answer."""
    able = [t for t in tools if t.params]
    if able and w.chance(0.33):
        text, calls = _ask_in_parallel(w, able)
    else:
        text, call = ask_one(w, w.rng.choice(tools))
        calls = (call,)
    skill = "tool_call" if len(calls) == 1 else "parallel_calls"
    thought = f"The user needs a tool. I call {calls[0].name}."
    if len(calls) > 1:
        names = ", ".join(call.name for call in calls)
        thought = f"The user needs {len(calls)} tool calls. I call {names}."
    out = [Message("user", text), Message("assistant", "", skill, thought, calls)]
    if w.chance(0.5):
        results = [_result(w) for _ in calls]
        out += [Message("tool", result) for result in results]
        answer = f"The result is {results[0]}"
        if len(results) > 1:
            answer = f"The results are {', '.join(results[:-1])} and {results[-1]}"
        answer += "" if answer.endswith((".", "?")) else "."
        thought = "The tool has answered. I report it."
        out.append(Message("assistant", answer, "tool_result", thought))
    return out


def unavailable(w: Words, tools: list[Tool]) -> list[Message]:
    """A request for a tool that is not on offer: the model must not call one it does not have."""
    offered = {t.noun for t in tools} | {t.request for t in tools} | {t.name for t in tools}
    while True:
        tool = invent_tool(w)
        if tool.noun not in offered and tool.request not in offered and tool.name not in offered:
            text, _ = ask_one(w, tool)
            return [Message("user", text), Message("assistant", NO_ANSWER, "fallback")]
