"""The end of a run: its answer is stored, gets a title, and what has come for the next turn is given back."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from echo.chat import frames
from echo.chat.injecting import Injecting
from echo.chat.prepared import Prepared
from echo.chat.remembering import Remembering
from echo.chat.transcript import BEGINNING, Frame, Transcript, pack
from echo.credits import Credits
from echo.providers.titles import Titled, TitleService
from echo.tools.sources import Sources
from storage.conversations.chats import ChatRepository
from storage.core.errors import StorageError, Unavailable
from storage.runs.runs import RunRepository
from storage.runs.steers import SteerRepository

if TYPE_CHECKING:
    from echo.chat.run import Run

log = structlog.get_logger(__name__)

Json = dict[str, Any]
# While the database is away an answer is held, and storing it tried again; each attempt may fail at once.
STORE_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0)
# What a document has room for; of a longer answer those who come after its end read the message.
MAX_WHOLE_BYTES = 12 * 1024 * 1024


@dataclass(frozen=True)
class Tools:
    """What runs work with.

    `in_thread` calls a function in a thread of theirs, `keep` goes on with making a title, `pause` waits for the
    journal.
    """

    chats: ChatRepository
    runs: RunRepository
    steers: SteerRepository
    titles: TitleService
    credits: Credits
    count_tokens: Callable[[str], int]
    in_thread: Callable[..., Awaitable[Any]]
    keep: Callable[["Run", asyncio.Task[None]], None]
    pause: Callable[[], Awaitable[None]]
    sources: Sources
    injecting: Injecting
    remembering: Remembering


class Finishing:
    """The end of one run; everything belongs to the event loop."""

    def __init__(self, prepared: Prepared, transcript: Transcript, tools: Tools) -> None:
        self._title: str | None = None
        self._prepared = prepared
        self._transcript = transcript
        self._tools = tools
        self._answer_id = str(prepared.about["responseMessageId"])

    async def store(self, answer: Mapping[str, Any], *, patient: Callable[[], bool]) -> Mapping[str, Any]:
        """Store the answer; the conversation.

        Raises what storing raises, `Unavailable` after some attempts, or after one that nobody has patience for.
        """
        for pause in STORE_PAUSES:
            try:
                return await self._store(answer)
            except Unavailable:
                if not patient():
                    raise
                await asyncio.sleep(pause)
        return await self._store(answer)

    async def _store(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        place = self._prepared.owner, self._prepared.conversation_id, self._answer_id
        stored: Mapping[str, Any] = await self._tools.in_thread(self._tools.chats.finish, *place, answer)
        return stored

    async def close(self, last: Frame, status: str, *, titling: bool) -> tuple[bool, list[Json]]:
        """Let no more messages come; whether the run's end is written down by that, and the messages that have come.

        It is, with the event that comes last, where no messages have come: then the journal has nothing left to do.
        """
        try:
            closed: tuple[bool, list[Json]] = await self._tools.in_thread(self._close, last, status, titling)
        except StorageError as error:
            # They are found by the state of the conversation.
            log.warning("the end of a run is not written down", run=self._prepared.run_id, cause=repr(error))
            return False, []
        return closed

    def _close(self, last: Frame, status: str, titling: bool) -> tuple[bool, list[Json]]:
        owner, run_id = self._prepared.owner, self._prepared.run_id
        # Nothing else is said by now.
        whole = pack([*self._transcript.since(BEGINNING)[0], last])
        is_small = len(whole) <= MAX_WHOLE_BYTES
        if is_small and self._tools.runs.end_unless_waiting(owner, run_id, status, whole, titling=titling):
            return True, []
        return False, self._tools.steers.close(owner, run_id)

    async def make_title(self, answer: str) -> None:
        """Make a title of the question and the answer's text, and store it."""
        prepared = self._prepared
        title = await self._tools.titles.title_for(
            str(prepared.question["text"]),
            answer,
            endpoint=prepared.first.endpoint or prepared.about["endpoint"],
            model=prepared.first.request.model,
            credentials=prepared.first.credentials,
            placeholders=prepared.first.request.placeholders,
            titled=Titled(prepared.owner, prepared.conversation_id, self._answer_id),
        )
        place = prepared.owner, prepared.conversation_id
        if await self._tools.in_thread(self._tools.chats.give_title, *place, title):
            self._title = title

    async def titled(self, making: "asyncio.Task[None]", present: Any, patience: float) -> Any:
        """The conversation's title, told if it comes within so many seconds; else the present one."""
        await asyncio.wait((making,), timeout=patience)
        if self._title is None:
            return present
        self._transcript.add(frames.MESSAGE, frames.title(self._prepared.conversation_id, self._title))
        return self._title
