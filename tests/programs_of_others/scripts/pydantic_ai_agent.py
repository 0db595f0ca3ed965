"""Pydantic AI: an agent with two tools, whole and streamed; and an output type, by a tool and by the schema."""

import asyncio
import json
import sys

from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel


class City(BaseModel):
    """A city."""

    name: str
    people: int


def get_weather(place: str) -> str:
    """The weather of a place."""
    return f"sunny in {place}"


def get_time() -> str:
    """What time it is."""
    return "noon"


KINDS = {"chat": OpenAIChatModel, "responses": OpenAIResponsesModel, "messages": AnthropicModel}


async def try_out(name):
    kind = KINDS[sys.argv[1]]
    model, tools = kind(name), [get_weather, get_time]
    agent = Agent(model, instructions="Tell weather and time.", tools=tools)
    done = await agent.run("How is it in Kyiv?")
    found = {"whole": {"said": done.output, "usage": done.usage.total_tokens > 0}}
    async with agent.run_stream("How is it in Kyiv?") as streamed:
        said = await streamed.get_output()
        found["streamed"] = {"said": said, "usage": streamed.usage.total_tokens > 0}
    formed = Agent(model, output_type=City, tools=tools)
    found["by a tool"] = (await formed.run("A city, please.")).output.model_dump()
    if kind is not AnthropicModel:
        native = Agent(model, output_type=NativeOutput(City))
        found["by the schema"] = (await native.run("A city, please.")).output.model_dump()
    return found


async def main():
    print(json.dumps({name: await try_out(name) for name in sys.argv[2:]}))


asyncio.run(main())
