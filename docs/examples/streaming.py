"""Stream an answer through the anthropic package, on the program's own event loop."""

import asyncio

from polystack.core import Stack


async def main() -> None:
    async with Stack.load("starter") as stack:
        client = stack.anthropic()
        question = {"role": "user", "content": "Count from 1 to 5"}
        async with client.messages.stream(
            model="tiny", max_tokens=50, messages=[question]
        ) as stream:
            async for text in stream.text_stream:
                print(text, end="", flush=True)
        print()


asyncio.run(main())

# prints: 1, 2, 3, 4, 5.
