"""LibreChat's RAG service in place of Echo's own index, where `RAG_API_URL` names one.

Its HTTP API as LibreChat 0.8.8-rc1 uses it: POST /embed, POST /query, DELETE /documents, each with a token of the
user's that is good for five minutes. The address is the operator's. What the service answers is text to be shown.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jwt
import requests
import structlog

from echo import trust
from echo.cut_off import cut_off
from echo.errors import ApiError, BadGateway
from echo.extraction import Extractor
from echo.files import FileStore
from echo.files.cloud.service import file_service_failed
from echo.files.kinds import unsupported
from echo.files.text import TEXT_TYPES
from echo.indexing.results import MOST_OF_A_FILE, Found, Results, Searched, fittest
from echo.providers.calls import calling
from echo.providers.http import CONNECT_SECONDS, post, read_answer

log = structlog.get_logger(__name__)

PROVIDER = "rag"
TOKEN_SECONDS = 300
# An upload waits while the service embeds the whole file.
EMBED_SECONDS = 300.0
QUERY_SECONDS = 30.0
# Files that one question asks for at the same time.
AT_ONCE = 8
LONGEST_TEXT = 20_000


class RagService:
    """An `Index` at LibreChat's service. `key` is `JWT_SECRET`, which the service knows too."""

    is_slow = False

    def __init__(self, url: str, key: str, store: FileStore) -> None:
        self._url = url.rstrip("/")
        self._key = key
        self._store = store

    def takes(self, media_type: str) -> bool:
        """See `Index`. The service says itself what it cannot read."""
        return (
            media_type in TEXT_TYPES or Extractor.reads(media_type) or media_type.startswith("application/")
        )

    def add(self, record: dict[str, Any], agent_id: str | None) -> None:
        """See `Index`: the service has it when this returns.

        Raises `UnsupportedMediaType` for what it does not read, `ServiceUnavailable` (`file_service_failed`).
        """
        form = {"file_id": record["file_id"], **({"entity_id": agent_id} if agent_id else {})}
        try:
            with self._store.opened(record) as stream, calling(PROVIDER, "embeddings"):
                answer = post(
                    f"{self._url}/embed",
                    headers=self._headers(str(record["user"])),
                    seconds=EMBED_SECONDS,
                    data=form,
                    files={"file": (record["filename"], stream, record["type"])},
                )
        except BadGateway as error:
            raise file_service_failed() from error
        if isinstance(answer, dict) and answer.get("known_type") is False:
            raise unsupported("Of files of this type no text can be searched.")
        if not isinstance(answer, dict) or not answer.get("status"):
            raise file_service_failed()

    def forget(self, owner: str, records: Sequence[dict[str, Any]]) -> None:
        """See `Index`. What the service does not have is forgotten. Raises `ServiceUnavailable` where it fails."""
        if not records:
            return
        ids = [str(each["file_id"]) for each in records]
        try:
            with (
                trust.session() as session,
                cut_off(session, QUERY_SECONDS),
                session.delete(
                    f"{self._url}/documents",
                    headers=self._headers(owner),
                    json=ids,
                    timeout=(CONNECT_SECONDS, QUERY_SECONDS),
                    allow_redirects=False,
                    stream=True,
                ) as response,
            ):
                if response.status_code != requests.codes.not_found:
                    read_answer(response, time.monotonic() + QUERY_SECONDS)
        except (requests.RequestException, ApiError, ValueError, RecursionError) as error:
            raise file_service_failed() from error

    async def find(self, runner: str, agent_id: str | None, files: Sequence[Searched], query: str) -> Results:
        """See `Index`: each file is asked for by itself, as LibreChat does."""
        few = asyncio.Semaphore(AT_ONCE)

        async def ask(file: Searched) -> list[Found] | None:
            async with few:
                return await asyncio.to_thread(self._query, runner, agent_id, file, query)

        answers = await asyncio.gather(*(ask(each) for each in files))
        missing = tuple(
            (each, "unreachable") for each, found in zip(files, answers, strict=True) if found is None
        )
        return Results(fittest([piece for found in answers for piece in found or ()]), missing)

    def _query(self, runner: str, agent_id: str | None, file: Searched, query: str) -> list[Found] | None:
        body: dict[str, Any] = {"file_id": file.file_id, "query": query, "k": MOST_OF_A_FILE}
        if agent_id and file.of_agent:
            body["entity_id"] = agent_id
        try:
            with calling(PROVIDER, "embeddings"):
                answer = post(
                    f"{self._url}/query",
                    headers=self._headers(runner),
                    seconds=QUERY_SECONDS,
                    json_body=body,
                )
        except ApiError as error:
            log.warning("a file could not be searched", file_id=file.file_id, cause=error.code)
            return None
        rows = answer if isinstance(answer, list) else []
        return [found for row in rows[:MOST_OF_A_FILE] if (found := _read(file, row))]

    def _headers(self, user: str) -> dict[str, str]:
        claims = {"id": user, "exp": int(time.time()) + TOKEN_SECONDS}
        return {"Authorization": f"Bearer {jwt.encode(claims, self._key, 'HS256')}"}


def _read(file: Searched, row: Any) -> Found | None:
    """One row of an answer: a document, and how far it is from the question."""
    if not isinstance(row, list) or len(row) != 2 or type(row[1]) not in (int, float):
        return None
    document: Mapping[str, Any] = row[0] if isinstance(row[0], dict) else {}
    about = document.get("metadata")
    page = about.get("page") if isinstance(about, Mapping) else None
    text = document.get("page_content")
    if not isinstance(text, str):
        return None
    relevance = min(1.0, max(0.0, 1.0 - row[1]))
    return Found(file, text[:LONGEST_TEXT], relevance, page if type(page) is int and page > 0 else None)
