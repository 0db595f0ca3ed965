"""Texts that are read aloud."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from echo.programs.audio import parts_of
from tests.conftest import Client, UserClient
from tests.handlers.conftest import Stored
from tests.support.providers import ProviderServer

TTS = "/chat/api/files/speech/tts"
CONFIG = """
version: 1.3.5
speech:
  tts:
    openai: {{url: "{url}/audio/speech", apiKey: k, model: tts-1, voices: ["ALL", "echo", "nova"]}}
"""


@pytest.fixture
def reader(
    running: Any,
    make_application: Callable[..., Client],
    model_server: ProviderServer,
    ada: UserClient,
    tmp_path: Path,
) -> Client:
    """Ada at an Echo with a voice of its own."""
    file = tmp_path / "librechat.yaml"
    file.write_text(CONFIG.format(url=model_server.url))
    echo = make_application(CONFIG_PATH=str(file))
    echo.headers = ada.headers
    return echo


def test_by_the_service_in_a_voice_that_it_has(reader: Client, model_server: ProviderServer) -> None:
    assert reader.get("/chat/api/files/speech/config/get").json()["ttsExternal"] is True
    assert reader.get(f"{TTS}/voices").json() == ["echo", "nova"]
    for asked, used in (("nova", "nova"), ("../x", "echo"), (None, "echo")):
        form = {"input": "Hello wörld", "messageId": "m", **({"voice": asked} if asked else {})}
        answer = reader.post(f"{TTS}/manual", files={name: (None, value) for name, value in form.items()})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")
        assert answer.content.endswith("Hello wörld".encode())
        assert model_server.requests[-1].json["voice"] == used


def test_long_texts_in_parts(reader: Client, model_server: ProviderServer) -> None:
    before = len(model_server.requests)
    text = "A sentence of some words. " * 200
    answer = reader.post(f"{TTS}/manual", files={"input": (None, text)})
    assert answer.status_code == 200
    parts = [each.json["input"] for each in model_server.requests[before:]]
    assert ("".join(parts), len(parts)) == (text, 2)
    assert parts[0].endswith("words. ")


def test_not_without_a_service(ada: UserClient, api: Client) -> None:
    assert ada.get(f"{TTS}/voices").json() == []
    refused = ada.post(f"{TTS}/manual", files={"input": (None, "Hello")})
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert ada.post(f"{TTS}/manual", files={"voice": (None, "x")}).status_code == 400
    assert api.post(f"{TTS}/manual", files={"input": (None, "Hello")}).status_code == 401


@pytest.mark.parametrize(
    ("text", "lengths"),
    [("", [0]), ("x" * 5000, [4096, 904]), ("x " * 3000, [4096, 1904]), ("a. " + "x" * 4096, [3, 4096])],
    ids=["nothing", "no word", "words", "a sentence"],
)
def test_where_a_text_is_cut(text: str, lengths: list[int]) -> None:
    assert [len(each) for each in parts_of(text)] == lengths


def test_a_message_as_automatic_playback_asks(
    reader: Client, model_server: ProviderServer, stored: Stored, ada: UserClient, bob: UserClient
) -> None:
    """The client asks at the root, also where it is itself below a path."""
    said = [{"type": "think", "think": "Hm."}, {"type": "text", "text": "The answer."}]
    rows = [
        ("whole", ada, said),
        ("empty", ada, said[:1]),
        ("long", ada, [{**said[1], "text": "x" * 65_537}]),
    ]
    stored.messages.insert_many(
        {"user": user.id, "messageId": name, "conversationId": "c", "text": "", "content": content}
        for name, user, content in [*rows, ("bobs", bob, said)]
    )
    for path in (TTS, TTS.removeprefix("/chat")):
        answer = reader.post(path, json={"messageId": "whole", "runId": "r", "voice": None})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")
        assert model_server.requests[-1].json["input"] == "The answer."
    for name, refused in (
        ("bobs", (404, "not_found")),
        ("none", (404, "not_found")),
        ("empty", (422, "nothing_to_say")),
        ("long", (413, "payload_too_large")),
    ):
        answer = reader.post(TTS, json={"messageId": name})
        assert (answer.status_code, answer.json()["code"]) == refused
    answer = ada.post(TTS, json={"messageId": "whole"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
