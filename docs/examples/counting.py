"""Count the tokens of a request before it is sent; an engine in this process counts exactly."""

from polystack.core import Stack

QUESTION = {"role": "user", "content": "Say hello"}

with Stack.load("starter") as stack:
    client = stack.anthropic()
    counted = client.messages.count_tokens(model="tiny", messages=[QUESTION])
    answer = client.messages.create(model="tiny", max_tokens=50, messages=[QUESTION])
    print(counted.input_tokens == answer.usage.input_tokens)

# prints: True
