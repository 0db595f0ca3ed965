"""A client generated from openapi.json just works: it goes through the session of the README."""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import PASSWORD, RunningServer, start_server

ROOT = Path(__file__).parents[2]
PACKAGE = "generated_echo_client"


@pytest.fixture(scope="module")
def client_package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("client")
    command = [
        *(str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--meta", "none"),
        *(
            "--path",
            str(ROOT / "openapi.json"),
            "--output-path",
            str(directory / PACKAGE),
            "--fail-on-warning",
        ),
    ]
    # It looks for ruff, which stands beside it, on the path.
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    made = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(directory))
    yield PACKAGE
    sys.path.remove(str(directory))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = start_server(tmp_path_factory.mktemp("server"))
    yield running
    running.kill()


def ok(response: Any) -> Any:
    assert response.status_code < 300, response.content
    assert response.parsed is not None
    return response.parsed


@pytest.mark.slow
def test_goes_through_the_session_of_the_readme(client_package: str, server: RunningServer) -> None:
    def call(operation: str, **arguments: Any) -> Any:
        module = importlib.import_module(f"{client_package}.api.{operation}")
        return ok(module.sync_detailed(**arguments))

    models = importlib.import_module(f"{client_package}.models")
    package = importlib.import_module(client_package)
    sessions = ExitStack()
    anonymous = sessions.enter_context(package.Client(base_url=server.url))

    registration = models.RegisterRequest("Ada", "ada@example.com", PASSWORD, PASSWORD)
    user = call("auth.register", client=anonymous, body=registration)
    assert (user.email, user.role) == ("ada@example.com", "admin")
    login = models.LoginRequest("ada@example.com", PASSWORD)
    session = call("auth.login", client=anonymous, body=login)
    ada = sessions.enter_context(package.AuthenticatedClient(base_url=server.url, token=session.token))

    question = models.MessageCreate(text="What is a contract?", sender=models.MessageCreateSender.USER)
    message = call("messages.create_message", client=ada, conversation_id="first", body=question)
    answer = models.MessageCreate(text="A promise.", sender=models.MessageCreateSender.ASSISTANT)
    reply = call("messages.create_message", client=ada, conversation_id="first", body=answer)
    assert reply.parent_message_id == message.message_id

    page = call("conversations.list_conversations", client=ada)
    assert [each.conversation_id for each in page.conversations] == ["first"]
    assert page.has_more is False
    found = call("conversations.list_conversations", client=ada, search="PROMISE")
    assert len(found.conversations) == 1
    fork = call(
        "conversations.fork_conversation",
        client=ada,
        body=models.ForkRequest(conversation_id="first", message_id=message.message_id),
    )
    assert fork.conversation.conversation_id != "first"
    assert [each.text for each in fork.messages] == ["What is a contract?"]
    sessions.close()


@pytest.mark.slow
def test_reads_errors(client_package: str, server: RunningServer) -> None:
    package = importlib.import_module(client_package)
    get_user = importlib.import_module(f"{client_package}.api.user.get_current_user")
    with package.AuthenticatedClient(base_url=server.url, token="nobody") as stranger:
        response = get_user.sync_detailed(client=stranger)
    assert response.status_code == 401
    assert response.parsed.code == "invalid_token"
