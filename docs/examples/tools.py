"""A loop of tool calls: the model asks, the program answers, until the model has what it needs."""

import json

from polystack.core import Stack

WEATHER = {
    "name": "get_weather",
    "description": "get weather",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


def get_weather(city: str) -> str:
    return json.dumps({"city": city, "weather": "sunny", "degrees": 21})


with Stack.load("starter") as stack:
    client = stack.anthropic()
    conversation = [{"role": "user", "content": "What is the weather in Paris?"}]
    while True:
        answer = client.messages.create(
            model="tiny", max_tokens=100, messages=conversation, tools=[WEATHER]
        )
        conversation.append({"role": "assistant", "content": answer.content})
        if answer.stop_reason != "tool_use":
            break
        results = []
        for call in answer.content:
            if call.type == "tool_use":
                print(f"calls {call.name} with {call.input}")
                said = get_weather(**call.input)
                results.append({"type": "tool_result", "tool_use_id": call.id, "content": said})
        conversation.append({"role": "user", "content": results})
    print(answer.content[0].text)

# prints: calls get_weather with {'city': 'Paris'}
# prints: The result is {"city": "Paris", "weather": "sunny", "degrees": 21}.
