"""Embeddings in OpenAI's shape, whoever makes them."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from echo.completions.objects import Json
from echo.errors import BadGateway
from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.handling.stream_body import JsonItems
from echo.programs.offers import Picked
from echo.programs.work import Job, Work
from echo.providers.embeddings import EmbeddingRequest, Embeddings, Vector, embedder_of, packed

Reply = tuple[Json | JsonItems, int, Mapping[str, str]]
# In all parts together.
MOST_NUMBERS = 8 * 1024 * 1024
# As numbers an answer takes some twenty times as many bytes; up to here it is sent as a whole.
SMALL_NUMBERS = 16 * 1024


@dataclass(frozen=True)
class Asked:
    """What is to be embedded: texts or lists of tokens; `base64` if the vectors come packed."""

    model: str
    inputs: Sequence[str] | Sequence[Sequence[int]] = field(repr=False)
    dimensions: int | None = None
    base64: bool = False

    @property
    def texts(self) -> list[str]:
        """The texts among the inputs: all of them, or none."""
        return [each for each in self.inputs if isinstance(each, str)]

    @property
    def unreadable(self) -> int:
        """How many tokens there are among the inputs."""
        return sum(len(each) for each in self.inputs if not isinstance(each, str))


class EmbeddingService:
    """What `POST /v1/embeddings` does."""

    def __init__(self, work: Work, count_tokens: Callable[[str], int]) -> None:
        self._work = work
        self._count = count_tokens

    def create(self, caller: Caller, asked: Asked) -> Pending:
        """A vector for each input, in their order."""
        job = self._work.job(caller, asked.model, asked.texts, unreadable=asked.unreadable)
        return Pending(lambda: self._make(job, asked))

    async def _make(self, job: Job, asked: Asked) -> Reply:
        parts, tokens = await self._work.whole(job, lambda picked: self._embed(job, picked, asked))
        vectors = [vector for each in parts for vector in each.vectors]
        return answer(asked, vectors, tokens), 200, job.spending.headers

    async def _embed(self, job: Job, picked: Picked, asked: Asked) -> tuple[list[Embeddings], int]:
        parts = await embed(picked, asked)
        tokens = sum(each.tokens for each in parts) or await asyncio.to_thread(self._tokens, asked)
        job.spending.told(tokens, 0)
        return parts, tokens

    def _tokens(self, asked: Asked) -> int:
        """The tokens where the provider does not count them, near enough."""
        return sum(self._count(each) if isinstance(each, str) else len(each) for each in asked.inputs)


async def embed(picked: Picked, asked: Asked) -> list[Embeddings]:
    """The vectors, in as many parts as the provider was asked for. Raises `BadGateway` for too many numbers."""
    request = EmbeddingRequest(picked.wanted, asked.inputs, asked.dimensions)
    parts: list[Embeddings] = []
    room = MOST_NUMBERS
    for errand in embedder_of(picked.settings).errands(request):
        parts.append(await picked.ask(errand))
        room -= sum(map(len, parts[-1].vectors))
        if room < 0:
            raise BadGateway
    return parts


def answer(asked: Asked, vectors: Sequence[Vector], tokens: int) -> Json | JsonItems:
    """OpenAI's list; a large one is made while it is sent."""
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    head: Json = {"object": "list", "model": asked.model, "usage": usage}
    numbers = sum(map(len, vectors))
    if numbers <= SMALL_NUMBERS:
        data = [item(asked, index, vector) for index, vector in enumerate(vectors)]
        return {**head, "data": data}
    held = sum(len(vector) * vector.itemsize for vector in vectors)
    return JsonItems(portions(asked, vectors), held, "data", head)


def portions(asked: Asked, vectors: Sequence[Vector]) -> Iterator[list[Any]]:
    """The items of the list, some at a time."""
    portion: list[Any] = []
    room = SMALL_NUMBERS
    for index, vector in enumerate(vectors):
        portion.append(item(asked, index, vector))
        room -= len(vector)
        if room <= 0:
            yield portion
            portion, room = [], SMALL_NUMBERS
    yield portion


def item(asked: Asked, index: int, vector: Vector) -> Json:
    """One vector of the list."""
    value = packed(vector) if asked.base64 else vector.tolist()
    return {"object": "embedding", "index": index, "embedding": value}
