"""Ask a model in this process through the openai package: no server, no key, no download."""

from polystack.core import Stack

with Stack.load("starter") as stack:
    client = stack.openai()
    answer = client.chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": "Say hello"}]
    )
    print(answer.choices[0].message.content)

# prints: Hello! How can I help you today?
