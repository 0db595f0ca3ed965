"""OpenAI's own client asks for answers that are spoken."""

import base64
from typing import Any

import openai
import pytest

from tests.completions.conftest import User, asked
from tests.support.providers import ProviderServer

MODEL = "openAI/gpt-4o"
SPOKEN = b"onetwo!"


def ask(user: User, sound: str, said: str = "aloud", model: str = MODEL, **more: Any) -> Any:
    return user.openai.chat.completions.create(
        model=model,
        modalities=["text", "audio"],
        audio={"format": sound, "voice": "alloy"},  # type: ignore[typeddict-item]
        messages=more.pop("messages", [{"role": "user", "content": said}]),
        **more,
    )


@pytest.mark.parametrize("sound", ["wav", "pcm16"])
def test_an_answer_is_spoken(ada: User, provider: ProviderServer, sound: str) -> None:
    [choice] = ask(ada, sound).choices
    assert (choice.message.content, choice.finish_reason) == (None, "stop")
    audio = choice.message.audio
    assert (audio.id, audio.transcript, audio.expires_at) == ("audio_abc123", "Hello.", 1_729_018_505)
    assert base64.b64decode(audio.data) == SPOKEN
    request = asked(provider, "aloud")[-1].json
    assert (request["modalities"], request["audio"]) == (
        ["text", "audio"],
        {"format": sound, "voice": "alloy"},
    )
    # OpenAI streams one format alone.
    assert request["stream"] == (sound == "pcm16")


@pytest.mark.parametrize("sound", ["mp3", "pcm16"])
def test_a_stream_speaks_piece_by_piece(ada: User, sound: str) -> None:
    pieces = [
        chunk.choices[0].delta.audio
        for chunk in ask(ada, sound, stream=True)
        if chunk.choices and getattr(chunk.choices[0].delta, "audio", None)
    ]
    assert b"".join(base64.b64decode(piece.data or "") for piece in pieces) == SPOKEN
    assert (pieces[0].id, pieces[0].transcript) == ("audio_abc123", "Hello.")
    assert pieces[-1].expires_at == 1_729_018_505


def test_what_was_spoken_before_is_named_and_kept_as_its_words(ada: User, provider: ProviderServer) -> None:
    first = ask(ada, "pcm16", store=True)
    _, answer = ada.messages(first.conversation_id)
    assert answer["text"] == "Hello."
    said: Any = [
        {"role": "user", "content": "aloud"},
        {"role": "assistant", "audio": {"id": "audio_abc123"}},
        {"role": "user", "content": "aloud"},
    ]
    ask(ada, "wav", messages=said)
    sent = asked(provider, "aloud")[-1].json["messages"][1]
    assert (sent["content"], sent["audio"]) == (None, {"id": "audio_abc123"})
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        ada.openai.chat.completions.create(model="anthropic/claude", messages=said)
    assert refused.value.param == "audio"


def test_a_provider_without_it_is_not_asked(ada: User) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as refused:
        ask(ada, "wav", model="anthropic/claude")
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "audio")
