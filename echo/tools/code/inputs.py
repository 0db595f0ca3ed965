"""What the programs of a run find in /mnt/data: files of the agent and of the chat, and what programs left before.

The service keeps a file for a day. What it does not have, or soon will not, is given to it again.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO

import structlog

from echo.errors import ApiError
from echo.files import FileStore
from echo.indexing.results import Searched
from echo.tools.code.names import safe_name
from echo.tools.code.service import CodeRef, CodeService, Left, metadata_of, ref_of
from echo.tools.tool import ToolFailure
from storage.core.errors import StorageError
from storage.library.files import FileRepository

log = structlog.get_logger(__name__)

Json = dict[str, Any]
# For one run, and at a time.
MOST_FILES = 100
MOST_BYTES = 150 * 1024 * 1024
UPLOADS_AT_ONCE = 4
USER = "user"


class CodeFiles:
    """Brings files to the service, and notes where it has them."""

    def __init__(self, service: CodeService, store: FileStore, files: FileRepository) -> None:
        self._service = service
        self._store = store
        self._files = files

    @property
    def profile(self) -> str:
        """Which of LibreChat's two services it is, see `CodeService`."""
        return self._service.profile

    async def ready(self, owner: str, file: Searched, agent_id: str | None, alive: set[str]) -> CodeRef:
        """Where the service has a file now; `alive` are the sessions known to be there. Raises `ToolFailure`."""
        ref = ref_of(file.record, self.profile)
        if ref is not None and (ref.kind != USER or ref.id == owner):
            if ref.session in alive or await self._service.is_there(owner, ref):
                alive.add(ref.session)
                return ref
            kind, of = ref.kind, ref.id
        else:
            kind, of = whose(owner, agent_id if file.of_agent else None)
        ref = await self._upload(owner, file.record, kind, of)
        alive.add(ref.session)
        try:
            metadata = metadata_of(file.record, ref)
            await asyncio.to_thread(self._files.note_metadata, file.owner, file.file_id, metadata)
        except StorageError as error:
            # It is uploaded again the next time.
            log.warning("where the code interpreter has a file is not noted", cause=repr(error)[:200])
        return ref

    async def _upload(self, owner: str, record: Mapping[str, Any], kind: str, of: str) -> CodeRef:
        size = record.get("bytes")
        if isinstance(size, int | float) and size > MOST_BYTES:
            raise ToolFailure("The file is too large for the code interpreter.")
        opened = self._store.opened(record)
        try:
            stream = await asyncio.to_thread(opened.__enter__)
            try:
                return await self._service.upload(owner, kind, of, name_of(record), stream)
            finally:
                await asyncio.to_thread(opened.__exit__, None, None, None)
        except (ApiError, OSError) as error:
            raise ToolFailure("The file is not there any more.") from error


class Inputs:
    """The files of one run: those that it begins with, and those that its own programs leave."""

    def __init__(self, bring: CodeFiles, owner: str, agent_id: str | None, files: Sequence[Searched]) -> None:
        self._bring = bring
        self._owner = owner
        self._agent_id = agent_id
        # Of two with one name the later one is found: an agent's come first, and the newest last.
        self._waiting = {name_of(each.record): each for each in files[-MOST_FILES:]}
        self._given: dict[str, Json] = {}
        self._missing: list[str] = []
        self._lock = asyncio.Lock()

    @property
    def names(self) -> list[str]:
        """What a program will find."""
        return [*self._waiting, *self._given]

    async def given(self) -> tuple[list[Json], list[str]]:
        """What the service is told of the files, and the names of those that cannot be had."""
        async with self._lock:
            waiting, self._waiting = self._waiting, {}
            gate, alive = asyncio.Semaphore(UPLOADS_AT_ONCE), set[str]()

            async def one(name: str, file: Searched) -> None:
                async with gate:
                    try:
                        ref = await self._bring.ready(self._owner, file, self._agent_id, alive)
                    except ToolFailure:
                        self._missing.append(name)
                    else:
                        self._given.setdefault(name, ref.given(name))

            await asyncio.gather(*(one(*each) for each in waiting.items()))
        return [*self._given.values()], self._missing

    def add(self, left: Iterable[Left]) -> None:
        """Let the next program find what this one left."""
        for each in left:
            ref = CodeRef(USER, self._owner, each.session, each.file_id, self._bring.profile)
            self._given.pop(each.name, None)
            self._given[each.name] = ref.given(each.name)
        while len(self._given) > MOST_FILES:
            del self._given[next(iter(self._given))]


def placed(service: CodeService, owner: str, agent_id: str | None, name: str, stream: BinaryIO) -> Json:
    """Give the service a file that was just uploaded; the `metadata` of its record. For a thread.

    Raises `ToolFailure`.
    """
    stream.seek(0)
    return metadata_of(
        {}, asyncio.run(service.upload(owner, *whose(owner, agent_id), safe_name(name), stream))
    )


def whose(owner: str, agent_id: str | None) -> tuple[str, str]:
    """Whose a file is at the service: an agent's, for all who use it, or a user's."""
    return ("agent", agent_id) if agent_id else (USER, owner)


def name_of(record: Mapping[str, Any]) -> str:
    """What programs call a file."""
    return safe_name(str(record.get("filename") or "file"))
