"""instructor: an answer in a form in three of its modes, in part while it streams; and two tools side by side."""

import json
import sys
from collections.abc import Iterable

import instructor
from openai import OpenAI
from pydantic import BaseModel


class City(BaseModel):
    """A city."""

    name: str
    people: int


class get_weather(BaseModel):  # noqa: N801 - the name of a tool
    """The weather of a place."""

    place: str


class get_time(BaseModel):  # noqa: N801
    """What time it is."""


QUESTION = [{"role": "user", "content": "A city, please."}]


def try_out(model, openai):
    found = {}
    for mode in ("TOOLS", "JSON_SCHEMA", "JSON"):
        client = instructor.from_openai(openai, mode=instructor.Mode[mode])
        found[mode] = client.chat.completions.create(
            model=model, response_model=City, messages=QUESTION, max_retries=1
        ).model_dump()
        if mode == "JSON":
            continue
        pieces = list(
            client.chat.completions.create_partial(
                model=model, response_model=City, messages=QUESTION, max_retries=1
            )
        )
        found[f"{mode} streamed"] = pieces[-1].model_dump()
    client = instructor.from_openai(openai, mode=instructor.Mode.PARALLEL_TOOLS)
    both = client.chat.completions.create(
        model=model, response_model=Iterable[get_weather | get_time], messages=QUESTION, max_retries=1
    )
    found["side by side"] = [type(each).__name__ for each in both]
    return found


with OpenAI(max_retries=0) as client:
    print(json.dumps({name: try_out(name, client) for name in sys.argv[2:]}))
