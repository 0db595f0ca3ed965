"""How running code is put together; called by the composition root."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

from echo.access.service import Access
from echo.background import Background
from echo.errors import BadGateway, ServiceUnavailable
from echo.files import FileStore
from echo.settings import Settings
from echo.tools.code.calls import CodeCalls
from echo.tools.code.downloads import CodeDownloads
from echo.tools.code.inputs import CodeFiles, placed
from echo.tools.code.outputs import Outputs
from echo.tools.code.service import LASTING, PROFILE, CodeService, ref_of
from echo.tools.code.signing import Signer
from echo.tools.code.source import NAME, CodeParts, CodeRunner
from echo.tools.file_search.rights import Rights
from echo.tools.outbound import Outbound
from echo.tools.tool import ToolFailure
from storage.agents.agents import AgentRepository
from storage.conversations.messages import MessageRepository
from storage.conversations.tool_calls import ToolCallRepository
from storage.core.database import Database
from storage.library.files import FileRepository

PlaceCode = Callable[[str, str | None, str, BinaryIO], dict[str, Any]]
ForgetCode = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True)
class Code:
    """Running code: `source` for models, `calls` for people, `downloads` of what only the service has."""

    source: CodeRunner
    calls: CodeCalls
    downloads: CodeDownloads


def build_code_service(settings: Settings, access: Access) -> CodeService | None:
    """The service, where the operator has set one; nothing is contacted."""
    found = settings.tools.code
    if found is None or not settings.agents.can(NAME):
        return None
    sign = Signer(found.signing, access.account).token if found.signing else None
    return CodeService(found, Outbound(), sign)


def code_placing(service: CodeService | None) -> PlaceCode | None:
    """How an upload for programs goes to the service: by owner, agent, name and bytes to its record's `metadata`."""
    if service is None:
        return None

    def place(owner: str, agent_id: str | None, name: str, stream: BinaryIO) -> dict[str, Any]:
        try:
            return placed(service, owner, agent_id, name, stream)
        except ToolFailure as error:
            raise BadGateway(
                "The code interpreter did not take the file.", code="code_interpreter_failed"
            ) from error

    return place


def code_forgetting(service: CodeService | None, background: Background) -> ForgetCode | None:
    """How the service is told of a deleted file, by owner and record: nobody waits for it."""
    if service is None:
        return None

    def forget(owner: str, record: Mapping[str, Any]) -> None:
        for profile in (PROFILE, LASTING):
            there, ref = service.of(profile), ref_of(record, profile)
            if there and ref:
                with suppress(ServiceUnavailable):
                    background.submit(there.delete(owner, ref))

    return forget


def build_code(
    service: CodeService | None,
    database: Database,
    access: Access,
    store: FileStore,
    base: str,
    *,
    environments: tuple[str, ...] | None,
) -> Code:
    """The parts; nothing is contacted. `base` is where LibreChat's contract is served; see `CodeRunner`."""
    files = FileRepository(database)

    def parts(there: CodeService | None) -> CodeParts | None:
        if there is None:
            return None
        return CodeParts(there, CodeFiles(there, store, files), Outputs(there, store, files, base))

    source = CodeRunner(
        parts(service),
        parts(service.lasting if service else None),
        environments=environments,
        may=access.may,
        rights=Rights(access, AgentRepository(database), files, NAME),
    )
    calls = CodeCalls(source, MessageRepository(database), ToolCallRepository(database))
    return Code(source, calls, CodeDownloads(service, store, files))
