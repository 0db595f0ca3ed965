"""What tools show people beside an answer: told as events, and stored with the message."""

from collections.abc import Mapping
from typing import Any

import orjson
import structlog

from echo.chat import frames
from echo.chat.transcript import Transcript

log = structlog.get_logger(__name__)

Json = dict[str, Any]
# Of one answer: a document has room for its words and results too.
MOST = 200
MOST_BYTES = 2 * 1024 * 1024


class Attached:
    """The attachments of one answer, in LibreChat's form."""

    def __init__(self, transcript: Transcript, answer_id: str, conversation_id: str) -> None:
        self.all: list[Json] = []
        self._transcript = transcript
        self._place = {"messageId": answer_id, "conversationId": conversation_id}
        self._left = MOST_BYTES

    def add(self, call_id: str, attachment: Mapping[str, Any]) -> None:
        """Keep and tell one, as far as there is room."""
        told = frames.plain({**attachment, **({"toolCallId": call_id} if call_id else {}), **self._place})
        size = len(orjson.dumps(told))
        if len(self.all) >= MOST or size > self._left:
            log.warning("an attachment of an answer is left out", type=str(attachment.get("type"))[:50])
            return
        self._left -= size
        self.all.append(told)
        self._transcript.add(frames.ATTACHMENT, told)
