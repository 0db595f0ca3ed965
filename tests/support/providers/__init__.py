"""Small servers that speak each provider's protocol, byte for byte as its documentation says.

with openai_server(Reply(["Hel", "lo"])) as server:
    ...  # server.url, server.requests
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.support.providers import anthropic, azure, google, openai
from tests.support.providers.anthropic import anthropic_server
from tests.support.providers.azure import azure_server
from tests.support.providers.google import google_server
from tests.support.providers.openai import openai_server
from tests.support.providers.replies import Behaviour, Render, Reply
from tests.support.providers.server import (
    CUT,
    Answer,
    ProviderServer,
    Received,
    event_stream,
    json_answer,
)

# By the type of an endpoint: its server, and what makes a reply into an answer of that server's.
SERVERS: dict[str, Callable[..., AbstractContextManager[ProviderServer]]] = {
    "openai": openai_server,
    "custom": openai_server,
    "azure": azure_server,
    "anthropic": anthropic_server,
    "google": google_server,
}
RENDER: dict[str, Render] = {
    "openai": openai.render,
    "custom": openai.render,
    "azure": azure.render,
    "anthropic": anthropic.render,
    "google": google.render,
}

__all__ = [
    "CUT",
    "RENDER",
    "SERVERS",
    "Answer",
    "Behaviour",
    "ProviderServer",
    "Received",
    "Reply",
    "anthropic_server",
    "azure_server",
    "event_stream",
    "google_server",
    "json_answer",
    "openai_server",
]
