"""What the offline model says: made of what it was asked and of the seed alone, so the same each time."""

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from echo.providers.offline.schemas import example_of

Json = Mapping[str, Any]

INTRODUCTION = "I am Echo's offline model; no real model answers here."
OPENINGS = ("You said:", "I was told:", "What came in was:", "I heard:")
NOTHING = "nothing"
REFUSED = "I am Echo's offline model, and I was asked to refuse: this I do not answer."
THOUGHT = "No thought of a real model: I look at what I was told, and then repeat it."
# What is repeated of a message, in characters; how many words the long answer has.
REPEATED, LONG_WORDS = 4000, 2000
# Where the model that is cut stops though nobody set a limit.
CUT_WORDS = 12


@dataclass(frozen=True)
class Said:
    """An answer: what is said in words, what is thought before, the calls of tools, and why it ends."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    finish: str = "stop"

    @property
    def words(self) -> int:
        """How many words it has, which count as its tokens."""
        calls = sum(len(words_of(each)) for call in self.calls for each in call)
        return sum(len(words_of(each)) for each in (self.text, self.refusal, self.reasoning)) + calls


def answer_to(body: Json) -> Said:
    """What the named model says to a request of OpenAI's chat completions."""
    model = str(body.get("model"))
    if model == "echo-refusal":
        return Said(refusal=REFUSED)
    if model == "echo-tools" and (calls := list(_calls(body))):
        return Said(calls=tuple(calls), finish="tool_calls")
    text = _json(body) or _text(body, model)
    reasoning = THOUGHT if model == "echo-reasoning" else ""
    limit = _limit(body, model)
    words = words_of(text)
    if limit is None or len(words) <= limit:
        return Said(text, reasoning)
    return Said("".join(words[:limit]), reasoning, finish="length")


def words_of(text: str) -> list[str]:
    """The words of a text, each with the space behind it."""
    return re.findall(r"\s*\S+\s*", text)


def asked_words(body: Json) -> int:
    """How many words all messages have."""
    return sum(len(words_of(_content(each))) for each in _messages(body))


def _text(body: Json, model: str) -> str:
    told = _told(body)
    if model == "echo-long":
        return " ".join((INTRODUCTION, *_many(told)))
    # Of a text: Python's hash of one differs from process to process, this does not.
    chosen = random.Random(f"{body.get('seed')}|{told}").choice(OPENINGS)  # noqa: S311 - no secret
    return f"{INTRODUCTION} {chosen} {told}"


def _many(told: str) -> Iterator[str]:
    words = told.split() or [NOTHING]
    for number in range(LONG_WORDS):
        yield words[number % len(words)]


def _told(body: Json) -> str:
    """The last thing that somebody said, or that a tool answered."""
    for message in reversed(_messages(body)):
        if message.get("role") in ("user", "tool"):
            return _content(message)[:REPEATED].strip() or NOTHING
    return NOTHING


def _content(message: Json) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(
        part["text"] if isinstance(part.get("text"), str) else f"[{part.get('type', 'part')}]"
        for part in parts
        if isinstance(part, dict)
    )


def _messages(body: Json) -> list[Json]:
    messages = body.get("messages")
    return [each for each in messages if isinstance(each, dict)] if isinstance(messages, list) else []


def _calls(body: Json) -> Iterator[tuple[str, str]]:
    """A call of the tool that was chosen, or of the first one; none once a tool has answered."""
    messages = _messages(body)
    choice = body.get("tool_choice")
    if choice == "none" or (messages and messages[-1].get("role") == "tool"):
        return
    chosen = choice["function"]["name"] if isinstance(choice, dict) else None
    for tool in body.get("tools") or ():
        function = tool.get("function", {})
        if chosen in (None, function.get("name")):
            arguments = example_of(function.get("parameters") or {"type": "object"})
            yield function["name"], orjson.dumps(arguments).decode()
            return


def _json(body: Json) -> str | None:
    """JSON by the schema that was asked for; any object for the model of that name, or where any is asked for."""
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return orjson.dumps(example_of(wanted.get("json_schema", {}).get("schema") or {})).decode()
    if wanted.get("type") == "json_object" or body.get("model") == "echo-json":
        return orjson.dumps({"offline": INTRODUCTION, "told": _told(body)}).decode()
    return None


def _limit(body: Json, model: str) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        if isinstance(body.get(name), int):
            return min(int(body[name]), CUT_WORDS) if model == "echo-cut" else int(body[name])
    return CUT_WORDS if model == "echo-cut" else None
