"""What a client asks for, and what of it, of the conversation, of preset and assistant holds.

LibreChat's clients send every parameter with each message, flat beside the text. What one leaves out is taken from
the conversation, then from the preset that it names, then from the assistant.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from echo.providers.chat import ChatRequest, Turn
from storage.conversations.chat_shapes import SETTINGS

# LibreChat's names of one thing at different providers, the one that wins first.
SYSTEM = ("promptPrefix", "system", "instructions")
TOP_P = ("top_p", "topP")
TOP_K = ("topK", "top_k")
EFFORT = ("reasoning_effort", "effort")
MAX_TOKENS = ("max_tokens", "maxOutputTokens", "maxTokens")
LABEL = ("modelLabel", "chatGptLabel")
MAX_STOPS = 16


@dataclass(frozen=True)
class Edited:
    """A part of an answer as its reader has changed it: which one, its kind (`text` or `think`), what it says."""

    index: int
    kind: str
    text: str


@dataclass(frozen=True)
class Added:
    """A second model that answers the same question beside the first."""

    endpoint: str
    agent_id: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A request to chat, checked; the names of `parameters` are LibreChat's, `timezone` may be any text.

    `recovers` is the id of a steer that this question repeats, `predecessor` the time, in milliseconds, of the run
    that the client takes for the conversation's newest, `protocol` the version of LibreChat's that it speaks,
    `tools` the types of permission of the tools that a model is to have, and `switched` their names. `artifacts` is
    LibreChat's mode of them, None where there are to be none.
    """

    text: str = ""
    conversation_id: str | None = None
    parent_message_id: str | None = None
    override_parent_message_id: str | None = None
    response_message_id: str | None = None
    is_regenerate: bool = False
    is_continued: bool = False
    is_temporary: bool = False
    client_request_id: str | None = None
    preset_id: str | None = None
    timezone: str | None = None
    files: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    agent_id: str | None = None
    project_id: str | None = None
    quotes: tuple[str, ...] = ()
    edited: Edited | None = None
    added: Added | None = None
    recovers: str | None = None
    predecessor: int | None = None
    protocol: int = 1
    tools: tuple[str, ...] = ()
    switched: tuple[str, ...] = ()
    artifacts: str | None = None


@dataclass(frozen=True)
class Settled:
    """What holds for one run; None leaves a parameter to the provider. `kept` goes into the conversation.

    `switched` are the tools that the model spec switches on, `artifacts` the mode of them.
    """

    model: str | None
    system: str | None
    temperature: float | None
    top_p: float | None
    max_tokens: int | None
    stop: tuple[str, ...]
    max_context_tokens: int | None
    resend_files: bool
    frequency_penalty: float | None
    presence_penalty: float | None
    top_k: int | None
    reasoning_effort: str | None
    label: str | None
    icon_url: str | None
    kept: Mapping[str, Any]
    switched: tuple[str, ...] = ()
    artifacts: str | None = None


def settle(asked: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> Settled:
    """The parameters of a request, then what it leaves open from the others, the first that says something."""
    layers = [asked, *others]
    return Settled(
        model=text(layers, ("model",)),
        system=text(layers, SYSTEM),
        temperature=number(layers, ("temperature",), 0, 2),
        top_p=number(layers, TOP_P, 0, 1),
        max_tokens=whole(layers, MAX_TOKENS),
        stop=stops(layers),
        max_context_tokens=whole(layers, ("maxContextTokens",)),
        resend_files=first(layers, ("resendFiles",)) is not False,
        frequency_penalty=number(layers, ("frequency_penalty",), -2, 2),
        presence_penalty=number(layers, ("presence_penalty",), -2, 2),
        top_k=whole(layers, TOP_K),
        reasoning_effort=text(layers, EFFORT),
        label=text(layers, LABEL),
        icon_url=text(layers, ("iconURL",)),
        kept={name: asked[name] for name in SETTINGS if asked.get(name) is not None},
    )


def first(layers: Iterable[Mapping[str, Any]], names: Sequence[str]) -> Any:
    """The first value that is one, layer by layer."""
    for layer in layers:
        for name in names:
            if layer.get(name) not in (None, "", []):
                return layer[name]
    return None


def text(layers: Iterable[Mapping[str, Any]], names: Sequence[str]) -> str | None:
    """A text; old documents may hold anything."""
    value = first(layers, names)
    return value if isinstance(value, str) else None


def number(
    layers: Iterable[Mapping[str, Any]], names: Sequence[str], least: float, most: float
) -> float | None:
    """A number within bounds."""
    value = first(layers, names)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value if least <= value <= most else None


def whole(layers: Iterable[Mapping[str, Any]], names: Sequence[str]) -> int | None:
    """A whole number above 0."""
    value = number(layers, names, 1, 2**31)
    return None if value is None else int(value)


def stops(layers: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Texts at which the model stops."""
    value = first(layers, ("stop",))
    found = value if isinstance(value, list | tuple) else ()
    return tuple(each for each in found if isinstance(each, str) and each)[:MAX_STOPS]


def request_of(settled: Settled, model: str, turns: Sequence[Turn]) -> ChatRequest:
    """The request to the provider."""
    return ChatRequest(
        model=model,
        turns=turns,
        system=settled.system,
        temperature=settled.temperature,
        top_p=settled.top_p,
        max_tokens=settled.max_tokens,
        stop=settled.stop,
        frequency_penalty=settled.frequency_penalty,
        presence_penalty=settled.presence_penalty,
        top_k=settled.top_k,
        reasoning_effort=settled.reasoning_effort,
    )
