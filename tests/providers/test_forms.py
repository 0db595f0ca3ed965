"""Forms with files that are somebody else's: sent whole, as often as needed, and left open."""

import asyncio
import io
from typing import Any

import pytest

from echo.providers import forms
from echo.providers.forms import Form, FormFile
from echo.providers.transport import Call, Transport
from tests.support.providers import json_answer
from tests.support.providers.asking import LIMITS
from tests.support.providers.errands import parts
from tests.support.providers.server import Received, serving


def sent(form: Form, times: int = 1) -> list[Received]:
    async def run() -> None:
        transport = Transport(LIMITS)
        try:
            for _ in range(times):
                await transport.json(Call(server.url, {}, form))
        finally:
            await transport.close()

    with serving(lambda _: json_answer({})) as server:
        asyncio.run(run())
    return server.requests


def file(content: bytes, name: str = "file") -> FormFile:
    return FormFile(name, "a.wav", "audio/wav", io.BytesIO(content), len(content))


def test_texts_come_before_files() -> None:
    [received] = sent(Form([("b", "ü"), ("a", "")], (file(b"one"), file(b"two", "more[]"))))
    assert parts(received) == [
        ("b", "", "ü".encode()),
        ("a", "", b""),
        ("file", "a.wav", b"one"),
        ("more[]", "a.wav", b"two"),
    ]
    assert received.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert received.body.count(b"Content-Type: audio/wav\r\n") == 2
    assert int(received.headers["content-length"]) == len(received.body)


def test_a_form_without_files_is_one_too() -> None:
    [received] = sent(Form([("a", "1")]))
    assert received.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert parts(received) == [("a", "", b"1")]


def test_a_file_is_sent_whole_each_time_and_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "CHUNK_BYTES", 7)
    lent = file(bytes(range(100)))
    lent.stream.read(50)
    both = sent(Form((), (lent,)), times=2)
    assert [parts(received)[0][2] for received in both] == [bytes(range(100))] * 2
    assert not lent.stream.closed


def test_neither_words_nor_content_are_shown() -> None:
    shown: Any = repr(Form([("prompt", "canary")], (file(b"canary"),)))
    assert "canary" not in shown


def test_a_file_is_no_text() -> None:
    with pytest.raises(TypeError, match=r"^a file is no text$"):
        forms._Lent(file(b"a")).decode()
