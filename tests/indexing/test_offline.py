"""The model of the server's own: what it finds by questions that share no word with the answer."""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from echo.indexing.offline import OfflineEmbedder
from echo.indexing.vectors import nearest, quantised

# Eight rules of a company in each language, each with a question that it answers.
ROWS = [
    line.split("\t")
    for line in Path(__file__).with_name("questions.tsv").read_text(encoding="utf-8").splitlines()
]
LANGUAGES = ("de", "en", "ja")


@pytest.fixture(scope="module")
def embedder() -> OfflineEmbedder:
    return OfflineEmbedder()


def vectors(embedder: OfflineEmbedder, texts: Sequence[str]) -> Any:
    return asyncio.run(embedder.embed(texts, "nobody"))


def test_asks_nobody(embedder: OfflineEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its weights come with the package."""
    asked: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda *said: asked.append(said))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *said, **_: asked.append(said))
    one, other = vectors(embedder, ["one", "other"])
    assert (len(one), len(other), asked) == (512, 512, [])
    assert embedder.name == "offline/use-multilingual-3"
    assert embedder.pays("anybody")


@pytest.mark.parametrize("language", LANGUAGES)
def test_finds_what_is_meant(embedder: OfflineEmbedder, language: str) -> None:
    rows = [row for row in ROWS if row[0] == language]
    passages = vectors(embedder, [row[1] for row in rows])
    stored = [(str(n), quantised(each)) for n, each in enumerate(passages)]
    found = [nearest(question, [stored], 3) for question in vectors(embedder, [row[2] for row in rows])]
    first = sum(each[0][0] == str(n) for n, each in enumerate(found))
    among = sum(str(n) in [name for name, _ in each] for n, each in enumerate(found))
    assert (len(rows), first >= 5, among) == (8, True, 8)


def test_finds_it_in_another_language(embedder: OfflineEmbedder) -> None:
    passages, questions = ([row for row in ROWS if row[0] == language] for language in ("de", "zh"))
    stored = [(str(n), quantised(each)) for n, each in enumerate(vectors(embedder, [r[1] for r in passages]))]
    asked = vectors(embedder, [row[2] for row in questions])
    assert sum(nearest(each, [stored], 1)[0][0] == str(n) for n, each in enumerate(asked)) >= 6


def test_what_is_relevant_is_so_on_the_scale_of_other_models(embedder: OfflineEmbedder) -> None:
    """LibreChat's least relevance of what is cited is 0.45."""
    told = [embedder.relevance(cosine) for cosine in (-0.2, 0.0, 0.2, 0.25, 0.6)]
    assert told == [0.0, 0.0, 0.4, 0.5, 1.0]


@pytest.mark.parametrize("text", ["", "\x00\ud800", "a" * 4000], ids=["nothing", "half a character", "long"])
def test_takes_any_text(embedder: OfflineEmbedder, text: str) -> None:
    [vector] = vectors(embedder, [text])
    assert len(quantised(vector)) == 512
