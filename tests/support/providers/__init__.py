"""Small servers that speak each provider's protocol, byte for byte as its documentation says.

with openai_server(Reply(["Hel", "lo"])) as server:
    ...  # server.url, server.requests
"""

from tests.support.providers.anthropic import anthropic_server
from tests.support.providers.azure import azure_server
from tests.support.providers.google import google_server
from tests.support.providers.openai import openai_server
from tests.support.providers.replies import Behaviour, Reply
from tests.support.providers.server import (
    CUT,
    Answer,
    ProviderServer,
    Received,
    event_stream,
    json_answer,
)

__all__ = [
    "CUT",
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
