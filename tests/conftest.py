"""One real mongod and one assembled Echo for the whole run; fresh users for each test."""

import gc
import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import bcrypt
import pytest
import structlog
from starlette.testclient import TestClient

from echo.access import ResourceType
from echo.accounts import passwords
from echo.accounts.assembly import make_tokens
from echo.accounts.new_account import caller_of
from echo.accounts.tokens import Tokens, hash_refresh_token
from echo.app import Application, assemble
from echo.services import Services
from echo.serving.preparing import prepare
from echo.settings import ProviderSettings, Settings, load_settings
from storage.accounts.sessions import Origin, SessionRepository
from storage.core.database import Database
from storage.embedded import EmbeddedServer
from tests.support.access import put_thing
from tests.support.asgi import QuickClient
from tests.support.clouds import S3Server, s3_server
from tests.support.code_interpreter import KEY, Interpreter, code_interpreter
from tests.support.contract import ProjectChecker
from tests.support.database import PreparedDatabase, in_memory, keep_what_is_over, named_database
from tests.support.measuring import in_order, place, stop_measuring
from tests.support.providers import ProviderServer, event_stream, openai_server
from tests.support.routes import Service

# As in production: the standard output belongs to what a command prints.
# Tracebacks are Python's: structlog's would show what each frame holds, some of it megabytes.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ],
    logger_factory=structlog.PrintLoggerFactory(sys.__stderr__),
)

PASSWORD = "correct horse 1 battery"
MakeApplication = Callable[..., Application]


# Nothing that is collected becomes garbage: to look for it takes a tenth of the time.
gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage again, but not among what stays to the end: modules, and thousands of tests."""
    gc.freeze()
    gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("numprocesses", None):
        # The process that hands out the tests runs none; those that it starts are measured.
        stop_measuring(children=False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = in_order(items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if place(item.path):
        stop_measuring()


@pytest.fixture(scope="session")
def mongo_uri() -> Iterator[str]:
    """The deployment under test: TEST_MONGO_URI, or an embedded server of this run's own."""
    if uri := os.environ.get("TEST_MONGO_URI"):
        yield uri
        return
    with tempfile.TemporaryDirectory(prefix="echo-test-", dir=in_memory()) as directory:
        server = EmbeddedServer(Path(directory) / "mongodb")
        uri = server.start()
        keep_what_is_over(uri)
        yield uri
        server.stop()


@pytest.fixture(scope="session")
def prepared_database(mongo_uri: str) -> Iterator[PreparedDatabase]:
    """A database with indexes: whoever uses it takes it through a fixture that clears it after each test."""
    with named_database(mongo_uri, "echo_prepared") as uri:
        prepared = PreparedDatabase(uri)
        yield prepared
        prepared.close()


@pytest.fixture
def database(prepared_database: PreparedDatabase) -> Iterator[Database]:
    """A database as `echo-api serve` prepares it, without documents, for who needs no server."""
    database = Database(prepared_database.uri)
    yield database
    database.close()
    prepared_database.clear()


@pytest.fixture(scope="session")
def checker() -> ProjectChecker:
    return ProjectChecker()


@pytest.fixture(scope="session")
def password_hash() -> str:
    """What an account of a test has: bcrypt's lowest cost is enough where nobody tries passwords."""
    return bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


@pytest.fixture(autouse=True)
def quick_hashes() -> Iterator[None]:
    """New passwords, and those of accounts that do not exist, cost 1 ms and not 70.

    `tests/accounts/test_passwords.py` looks at the real cost, and takes this away.
    """
    with patch.object(passwords, "COST", 4):
        yield


@pytest.fixture(scope="session")
def application_uri(mongo_uri: str) -> Iterator[str]:
    with named_database(mongo_uri, "echo_app") as uri:
        yield uri


@pytest.fixture(scope="session")
def app_database(application_uri: str) -> Iterator[Database]:
    """The database of the application, for what its operations do not show."""
    database = Database(application_uri)
    yield database
    database.close()


def make_settings(uri: str, data_dir: Path, **environ: str) -> Settings:
    """Settings as the command line would read them from such an environment."""
    return load_settings(
        {
            "MONGO_URI": uri,
            "ECHO_DATA_DIR": str(data_dir),
            "JWT_SECRET": "tests-only-" + "a1B2" * 8,
            "JWT_REFRESH_SECRET": "tests-only-" + "c3D4" * 8,
            "CREDS_KEY": "c0" * 32,
            "CREDS_IV": "d1" * 16,
            "ECHO_RATE_LIMITS": "off",
            **environ,
        }
    )


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """A real server for S3; whoever uses it makes owners of its own."""
    with s3_server() as server:
        yield server


@pytest.fixture(scope="session")
def model_server() -> Iterator[ProviderServer]:
    """What plays OpenAI for the application."""
    with openai_server() as server:
        yield server


@pytest.fixture(scope="session")
def patient_server() -> Iterator[ProviderServer]:
    """A provider that thinks for an hour."""
    with openai_server(event_stream(3600.0)) as server:
        yield server


@pytest.fixture(scope="session")
def code_server() -> Iterator[tuple[Service, Interpreter]]:
    """What runs code for the application; whoever uses it looks for files of their own users."""
    with code_interpreter() as running:
        yield running


@pytest.fixture(scope="session")
def settings(
    application_uri: str,
    model_server: ProviderServer,
    code_server: tuple[Service, Interpreter],
    patient_server: ProviderServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Settings:
    """Settings with two endpoints that chat: `openAI`, and `Fake`, whose model never comes to an end by itself."""
    settings = make_settings(
        application_uri,
        tmp_path_factory.mktemp("data"),
        OPENAI_API_KEY="sk-tests-only",
        OPENAI_REVERSE_PROXY=model_server.url,
        OPENAI_MODELS="gpt-4o,gpt-4o-mini",
        ECHO_API_MODELS="openAI/text-embedding-3-small,openAI/tts-1,openAI/whisper-1,openAI/gpt-image-1",
        # Titles are made from the first message.
        TITLE_CONVO="false",
        LIMIT_CONCURRENT_MESSAGES="false",
        LIBRECHAT_CODE_BASEURL=code_server[0].url,
        LIBRECHAT_CODE_API_KEY=KEY,
    )
    fake = ProviderSettings(
        name="Fake", type="custom", models=("gpt-4o",), api_key="sk-tests-only", base_url=patient_server.url
    )
    return replace(settings, providers=(*settings.providers, fake))


@pytest.fixture(scope="session")
def application(settings: Settings) -> Application:
    prepare(settings)
    return assemble(settings)


@pytest.fixture(scope="session")
def running(application: Application) -> Iterator[TestClient]:
    """The application, started; faults of ours are answered (and then noticed), as in production."""
    with QuickClient(application.asgi, raise_server_exceptions=False, client=("127.0.0.1", 50000)) as client:
        yield client


@pytest.fixture(scope="session")
def services(application: Application) -> Services:
    return application.services


class Client:
    """A client whose every response is held against the contract."""

    def __init__(self, http: TestClient, checker: ProjectChecker, token: str | None = None) -> None:
        self._http = http
        self._checker = checker
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def with_token(self, token: str) -> "Client":
        """The same server, for whom the token is."""
        return Client(self._http, self._checker, token)

    def request(self, method: str, path: str, **options: Any) -> Any:
        headers = options.pop("headers", {})
        # A list of pairs has several lines of one name, which no dictionary can have.
        headers = (
            [*self.headers.items(), *headers] if isinstance(headers, list) else {**self.headers, **headers}
        )
        self._http.cookies.clear()
        response = self._http.request(method, path, headers=headers, **options)
        self._checker.check(method, path, response)
        return response

    def get(self, path: str, **options: Any) -> Any:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Any:
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Any) -> Any:
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Any:
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Any:
        return self.request("DELETE", path, **options)


@dataclass
class Signup:
    """What a test knows of a user that it made."""

    user: dict[str, Any]
    session_id: str
    refresh_token: str
    put: Callable[[str, ResourceType], str]


class UserClient(Client):
    """A client with a bearer token of its own user."""

    def __init__(self, http: TestClient, checker: ProjectChecker, token: str, signup: Signup) -> None:
        super().__init__(http, checker, token)
        self._put = signup.put
        self.id = str(signup.user["_id"])
        self.email = signup.user["email"]
        self.session_id = signup.session_id
        self.refresh_token = signup.refresh_token
        self.password = PASSWORD

    def put_thing(self, kind: ResourceType) -> str:
        """The id of a bare thing that the user owns, without the operation that would make it."""
        return self._put(self.id, kind)

    @property
    def user(self) -> dict[str, Any]:
        """The user as the contract shows it."""
        return self.get("/api/user").json()


@pytest.fixture
def api(running: TestClient, checker: ProjectChecker) -> Client:
    return Client(running, checker)


@pytest.fixture(scope="session")
def tokens(settings: Settings) -> Tokens:
    return make_tokens(settings)


@pytest.fixture(scope="session")
def session_repository(settings: Settings) -> Iterator[SessionRepository]:
    database = Database(str(settings.mongo_uri))
    yield SessionRepository(database)
    database.close()


@dataclass(frozen=True)
class Session:
    """A session, its refresh token, and an access token of it."""

    id: str
    refresh_token: str
    token: str


def open_session(sessions: SessionRepository, tokens: Tokens, user: dict[str, Any]) -> Session:
    """A session as a login begins it."""
    owner, session_id = str(user["_id"]), secrets.token_hex(12)
    refresh_token = tokens.make_refresh(owner, session_id)
    sessions.create(
        owner,
        refresh_token_hash=hash_refresh_token(refresh_token),
        expires_at=datetime.now(UTC) + timedelta(days=1),
        session_id=session_id,
        where=Origin("127.0.0.1", ""),
    )
    return Session(session_id, refresh_token, tokens.make_access(caller_of(user, session_id)))


MakeUser = Callable[[str], UserClient]


@pytest.fixture
def make_user(  # noqa: PLR0917 - pytest gives them by name
    running: TestClient,
    services: Services,
    tokens: Tokens,
    checker: ProjectChecker,
    session_repository: SessionRepository,
    password_hash: str,
    app_database: Database,
) -> MakeUser:
    """Makes a user and a session without the cost of hashing; the operations for it have tests of their own."""

    def make(name: str) -> UserClient:
        email = f"{name}-{secrets.token_hex(6)}@example.com"
        user = services.accounts.users.create(
            name=name, email=email, username=name, password_hash=password_hash
        )
        session = open_session(session_repository, tokens, user)
        put = partial(put_thing, app_database, services.access)
        return UserClient(
            running, checker, session.token, Signup(user, session.id, session.refresh_token, put)
        )

    return make


@pytest.fixture
def ada(make_user: MakeUser) -> UserClient:
    return make_user("ada")


@pytest.fixture
def bob(make_user: MakeUser) -> UserClient:
    return make_user("bob")


@pytest.fixture
def make_application(
    application_uri: str, tmp_path: Path, checker: ProjectChecker
) -> Iterator[Callable[..., Client]]:
    """Makes another Echo with other settings, given as environment variables; answers its anonymous client."""
    started: list[TestClient] = []

    def make(**environ: str) -> Client:
        application = assemble(make_settings(application_uri, tmp_path, **environ))
        http = QuickClient(application.asgi, raise_server_exceptions=False, client=("127.0.0.1", 50000))
        http.__enter__()
        started.append(http)
        return Client(http, checker)

    yield make
    for http in started:
        http.__exit__(None, None, None)
