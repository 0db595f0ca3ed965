"""Embeddings: texts, or tokens, as vectors.

https://platform.openai.com/docs/api-reference/embeddings, https://ai.google.dev/api/embeddings
"""

import base64
import binascii
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias
from urllib.parse import quote

from echo.errors import Unprocessable
from echo.providers.constants import MAX_DIMENSIONS, MAX_EMBEDDED_NUMBERS, MAX_EMBEDDINGS_BYTES
from echo.providers.errands import Errand, read_json
from echo.providers.failures import unusable
from echo.providers.google import API_VERSION, GoogleDialect
from echo.providers.operations import Wanted, as_chat, operations_of
from echo.providers.provider import Access
from echo.providers.reading import count, dig
from echo.providers.transport import Call
from echo.settings import ProviderSettings

NAME = "embeddings"
# The largest number that a vector in base64 can hold; NaN compares with nothing.
MOST = 3.4028234e38
# So many Google takes in one request.
GOOGLE_BATCH = 100

# A string, as Python 3.11 has no such subscript at run time.
Vector: TypeAlias = "array[float]"


@dataclass(frozen=True)
class EmbeddingRequest:
    """What to embed: texts, or texts as lists of a tokenizer's numbers."""

    wanted: Wanted
    inputs: Sequence[str] | Sequence[Sequence[int]] = field(repr=False)
    dimensions: int | None = None

    @property
    def texts(self) -> list[str]:
        """The texts; empty where tokens were given."""
        return [each for each in self.inputs if isinstance(each, str)]


@dataclass(frozen=True)
class Embeddings:
    """A vector for each input, in their order, and the tokens that the provider counted, 0 where it did not."""

    vectors: Sequence[Vector]
    tokens: int = 0


class Embedder(Protocol):
    """How one kind of provider is asked for embeddings."""

    def errands(self, request: EmbeddingRequest) -> list[Errand[Embeddings]]:
        """The requests that make up one, in order. Raises `Unprocessable` for what the provider cannot do."""


def embedder_of(settings: ProviderSettings) -> Embedder:
    """How an endpoint embeds. Raises `Unprocessable` (`not_offered`) where its provider does not."""
    if settings.type == "google":
        return GoogleEmbedder(settings)
    return OpenAIEmbedder(settings)


class OpenAIEmbedder:
    """OpenAI, Azure, and servers that resemble OpenAI's: these are not asked for base64, which few know."""

    def __init__(self, settings: ProviderSettings) -> None:
        self._operations = operations_of(settings, "embeddings")
        self._packed = settings.type != "custom"

    def errands(self, request: EmbeddingRequest) -> list[Errand[Embeddings]]:
        """One request, in base64 where the provider has it: a third of the bytes, and not a digit lost."""
        parameters = {
            "input": request.inputs,
            "dimensions": request.dimensions,
            "encoding_format": "base64" if self._packed else None,
        }

        def call(access: Access) -> Call:
            return self._operations.json(
                "embeddings", request.wanted, access, parameters, optional=("encoding_format",)
            )

        return [
            Errand(
                NAME,
                request.wanted.model,
                call,
                lambda content: _read_openai(content, request),
                MAX_EMBEDDINGS_BYTES,
            )
        ]


def _read_openai(content: bytes, request: EmbeddingRequest) -> Embeddings:
    answer = _read(content)
    data = dig(answer, "data")
    listed = [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []
    places = [each.get("index") for each in listed]
    if sorted(place for place in places if type(place) is int) == list(range(len(listed))):
        listed.sort(key=lambda each: int(each["index"]))
    tokens = count(dig(answer, "usage", "prompt_tokens")) or count(dig(answer, "usage", "total_tokens"))
    return checked([each.get("embedding") for each in listed], request, tokens)


class GoogleEmbedder(GoogleDialect):
    """Google: texts only, and no usage."""

    def errands(self, request: EmbeddingRequest) -> list[Errand[Embeddings]]:
        """As many requests as there are hundreds of texts."""
        texts = request.texts
        if not texts:
            raise Unprocessable(
                "Google's models embed texts, not lists of tokens.", code="unsupported_content"
            )
        return [
            self._errand(request, texts[at : at + GOOGLE_BATCH]) for at in range(0, len(texts), GOOGLE_BATCH)
        ]

    def _errand(self, request: EmbeddingRequest, texts: Sequence[str]) -> Errand[Embeddings]:
        part = EmbeddingRequest(request.wanted, texts, request.dimensions)

        def read(content: bytes) -> Embeddings:
            found = dig(_read(content), "embeddings")
            return checked([dig(each, "values") for each in found] if isinstance(found, list) else [], part)

        return Errand(
            NAME, request.wanted.model, lambda access: self._batch(part, access), read, MAX_EMBEDDINGS_BYTES
        )

    def _batch(self, request: EmbeddingRequest, access: Access) -> Call:
        name = request.wanted.model.removeprefix("models/")
        asked: dict[str, Any] = {"model": f"models/{name}"}
        if request.dimensions is not None:
            asked["outputDimensionality"] = request.dimensions
        requests = [{**asked, "content": {"parts": [{"text": text}]}} for text in request.texts]
        return Call(
            f"{access.base_url}/{API_VERSION}/models/{quote(name, safe='')}:batchEmbedContents",
            self._headers(access, as_chat(request.wanted)),
            {"requests": requests},
            access.own_url,
            request.wanted.model,
            parameters=frozenset({"outputDimensionality"}),
        )


def _read(content: bytes) -> Any:
    # Figures take many times their room in memory, and there are as many as commas.
    if content.count(b",") > MAX_EMBEDDED_NUMBERS:
        raise unusable("too_large")
    return read_json(content)


def checked(values: Sequence[Any], request: EmbeddingRequest, tokens: int = 0) -> Embeddings:
    """The vectors of an answer. Raises `ProviderFailure` unless there is a usable one for each input.

    All must be as long, and as long as was asked for: a vector of another length spoils the index that it goes to.
    """
    if len(values) != len(request.inputs):
        raise unusable("wrong_number")
    vectors = [vector_of(value) for value in values]
    lengths = {len(vector) for vector in vectors}
    if len(lengths) != 1 or not 0 < max(lengths) <= MAX_DIMENSIONS:
        raise unusable("wrong_dimensions")
    if request.dimensions is not None and lengths != {request.dimensions}:
        raise unusable("wrong_dimensions")
    return Embeddings(vectors, tokens)


def vector_of(value: Any) -> Vector:
    """A vector from a list of numbers, or from base64 of 32-bit ones, the lowest byte first."""
    vector = _unpacked(value) if isinstance(value, str) else _listed(value)
    if not all(-MOST <= number <= MOST for number in vector):
        raise unusable("no_number")
    return vector


def _unpacked(text: str) -> Vector:
    vector = array("f")
    try:
        vector.frombytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise unusable("no_vector") from error
    if sys.byteorder == "big":
        vector.byteswap()
    return vector


def _listed(value: Any) -> Vector:
    if not isinstance(value, list) or not all(type(number) in (int, float) for number in value):
        raise unusable("no_vector")
    return array("d", value)


def packed(vector: Vector) -> str:
    """A vector in base64 of 32-bit numbers, the lowest byte first, as OpenAI has it."""
    single = array("f", vector)
    if sys.byteorder == "big":
        single.byteswap()
    return base64.b64encode(single.tobytes()).decode("ascii")
