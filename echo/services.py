"""What handlers work with: the services of one application and the caller of one request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from echo.settings import Settings
from storage.assistants import AssistantRepository
from storage.conversations import ConversationRepository
from storage.files import FileRepository
from storage.messages import MessageRepository
from storage.presets import PresetRepository
from storage.threads import ThreadRepository
from storage.users import UserRepository

if TYPE_CHECKING:
    from echo.auth.service import AuthService
    from echo.background import Background
    from echo.contract.document import Contract
    from echo.files import FileStore
    from echo.providers.catalog import Catalog
    from echo.providers.chat import Providers
    from echo.providers.titles import TitleService
    from echo.speech import Transcriber
    from echo.startup import Startup


@dataclass(frozen=True)
class Caller:
    """The authenticated user of a request, as the access token states it."""

    id: str
    session_id: str
    email: str
    username: str
    provider: str
    role: str


@dataclass(frozen=True)
class ClientInfo:
    """Where a request came from: the address behind trusted proxies, and whether it came over TLS."""

    address: str
    user_agent: str
    secure: bool


@dataclass(frozen=True)
class Services:
    """Everything that a handler may use, made once per process by the composition root."""

    settings: Settings
    startup: "Startup"
    contract: "Contract"
    users: UserRepository
    conversations: ConversationRepository
    messages: MessageRepository
    threads: ThreadRepository
    presets: PresetRepository
    files: FileRepository
    assistants: AssistantRepository
    auth: "AuthService"
    catalog: "Catalog"
    providers: "Providers"
    titles: "TitleService"
    transcriber: "Transcriber"
    file_store: "FileStore"
    background: "Background"
    count_tokens: Callable[[str], int]
    readiness: Callable[[], Mapping[str, bool]]
