"""LangChain: an agent's loop with `bind_tools`, the same as a stream, and structured output in its three ways."""

import json
import sys

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel


@tool
def get_weather(place: str) -> str:
    """The weather of a place."""
    return f"sunny in {place}"


@tool
def get_time() -> str:
    """What time it is."""
    return "noon"


class City(BaseModel):
    """A city."""

    name: str
    people: int


TOOLS = {"get_weather": get_weather, "get_time": get_time}


def loop(model, streamed):
    bound, messages = model.bind_tools(list(TOOLS.values())), [HumanMessage("How is it in Kyiv?")]
    while True:
        if streamed:
            answer = None
            for piece in bound.stream(messages):
                answer = piece if answer is None else answer + piece
        else:
            answer = bound.invoke(messages)
        messages.append(answer)
        if not answer.tool_calls:
            return {"said": answer.text, "usage": answer.usage_metadata["total_tokens"] > 0}
        for call in answer.tool_calls:
            said = TOOLS[call["name"]].invoke(call["args"])
            messages.append(ToolMessage(said, tool_call_id=call["id"]))


def try_out(name, responses):
    # At an address other than OpenAI's it asks for the usage of a stream only where it is told to.
    model = ChatOpenAI(model=name, max_retries=0, stream_usage=True, use_responses_api=responses)
    found = {"whole": loop(model, False), "streamed": loop(model, True)}
    for method in ("json_schema", "function_calling"):
        formed = model.with_structured_output(City, method=method)
        found[method] = formed.invoke("A city, please.").model_dump()
    return found


print(json.dumps({name: try_out(name, sys.argv[1] == "responses") for name in sys.argv[2:]}))
