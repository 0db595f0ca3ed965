"""Which parts of a page answer a question: by Jina, by Cohere, or by the words that both have."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echo.tools.outbound import Outbound, Request
from echo.tools.tool import ToolFailure
from echo.tools.web.found import objects
from echo.tools.web.services import NONE, Service

PART_CHARACTERS = 700
MOST = 4
SECONDS = 10.0
WORD = re.compile(r"\w{2,40}")
JINA, COHERE = "https://api.jina.ai/v1/rerank", "https://api.cohere.com/v2/rerank"


@dataclass(frozen=True)
class Part:
    """A part of a page, and how well it fits."""

    text: str
    score: float


class Ranker:
    """Ranks by one service or another; where that fails, by words."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def best(self, service: Service, question: str, text: str) -> list[Part]:
        """The parts of a text that fit best, the best first."""
        parts = split(text)
        if service.name == NONE or len(parts) <= 1:
            return by_words(question, parts)
        try:
            return await self._asked(service, question, parts)
        except ToolFailure:
            return by_words(question, parts)

    async def _asked(self, service: Service, question: str, parts: Sequence[str]) -> list[Part]:
        jina = service.name == "jina"
        url, trusted = service.address("jinaApiUrl", JINA) if jina else (COHERE, True)
        key = service.values.get("jinaApiKey" if jina else "cohereApiKey")
        body = {
            "model": "jina-reranker-v2-base-multilingual" if jina else "rerank-v3.5",
            "query": question,
            "top_n": MOST,
            "documents": list(parts),
        }
        headers = {"Authorization": f"Bearer {key}"}
        answer = await self._outbound.json(
            Request(url, "POST", headers=headers, body=body, trusted=trusted, seconds=SECONDS)
        )
        found = [_part(each, parts) for each in objects(answer, "results")]
        return [each for each in found if each is not None][:MOST] or by_words(question, parts)


def _part(said: Mapping[str, Any], parts: Sequence[str]) -> Part | None:
    index, score = said.get("index"), said.get("relevance_score")
    if not isinstance(index, int) or not 0 <= index < len(parts) or not isinstance(score, int | float):
        return None
    return Part(parts[index], float(score))


def split(text: str) -> list[str]:
    """A text in parts of some hundred characters, between lines where there are any."""
    parts: list[str] = []
    for line in text.splitlines():
        for begin in range(0, len(line), PART_CHARACTERS):
            piece = line[begin : begin + PART_CHARACTERS]
            if parts and len(parts[-1]) + len(piece) < PART_CHARACTERS:
                parts[-1] += f"\n{piece}"
            else:
                parts.append(piece)
    return parts


def by_words(question: str, parts: Sequence[str]) -> list[Part]:
    """The parts by the share of the question's words that they have; equal ones in their order."""
    words = set(WORD.findall(question.lower()))
    scored = [Part(part, _share(words, part)) for part in parts]
    return sorted(scored, key=lambda each: -each.score)[:MOST]


def _share(words: set[str], part: str) -> float:
    return len(words & set(WORD.findall(part.lower()))) / len(words) if words else 0.0
