"""OpenAI's Agents SDK: its runner, whole and streamed, with two tools; and an agent with an output type."""

import asyncio
import json
import sys

from agents import (
    Agent,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from pydantic import BaseModel


@function_tool
def get_weather(place: str) -> str:
    """The weather of a place."""
    return f"sunny in {place}"


@function_tool
def get_time() -> str:
    """What time it is."""
    return "noon"


class City(BaseModel):
    """A city."""

    name: str
    people: int


async def try_out(name, client):
    kind = OpenAIResponsesModel if sys.argv[1] == "responses" else OpenAIChatCompletionsModel
    model = kind(model=name, openai_client=client)
    settings = ModelSettings(include_usage=True)
    agent = Agent(
        name="Weather",
        instructions="Tell weather and time.",
        model=model,
        tools=[get_weather, get_time],
        model_settings=settings,
    )
    found = {}
    done = await Runner.run(agent, "How is it in Kyiv?")
    found["whole"] = {"said": done.final_output, "usage": done.context_wrapper.usage.total_tokens > 0}
    streamed = Runner.run_streamed(agent, "How is it in Kyiv?")
    async for _ in streamed.stream_events():
        pass
    usage = streamed.context_wrapper.usage
    found["streamed"] = {"said": streamed.final_output, "usage": usage.total_tokens > 0}
    formed = Agent(name="City", instructions="A city.", model=model, output_type=City)
    found["output_type"] = (await Runner.run(formed, "A city, please.")).final_output.model_dump()
    return found


async def main():
    set_tracing_disabled(True)
    async with AsyncOpenAI(max_retries=0) as client:
        print(json.dumps({name: await try_out(name, client) for name in sys.argv[2:]}))


asyncio.run(main())
