"""Load a distribution that extends a template, and change one value of it for this program."""

from pathlib import Path

from polystack.core import Stack

FILE = Path(__file__).with_name("mine.yaml")

with Stack.load(FILE, overrides=["providers.tiny.config.default_max_tokens=4"]) as stack:
    answer = stack.openai().responses.create(model="helper", input="Count from 1 to 5")
    print(answer.status, answer.usage.output_tokens)
    print(list(stack.distribution.aliases))

# prints: incomplete 4
# prints: ['helper', 'claude-*']
