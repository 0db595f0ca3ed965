"""The backup of an embedded database as docs/operations.md has it: stop, copy, start; and put back."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import RunningServer, start_server


@pytest.fixture
def servers() -> Iterator[list[RunningServer]]:
    started: list[RunningServer] = []
    yield started
    for server in started:
        server.kill()


def test_a_copy_serves_what_was_there_under_the_same_sessions(
    tmp_path: Path, servers: list[RunningServer]
) -> None:
    first = start_server(tmp_path)
    servers.append(first)
    token = first.sign_up("ada")
    assert first.post("/api/messages/kept", token, {"text": "before the backup", "sender": "user"}).ok
    assert first.stop(signal.SIGTERM) == 0
    shutil.copytree(tmp_path / "data", tmp_path / "elsewhere" / "data")
    again = start_server(tmp_path)
    servers.append(again)
    assert again.post("/api/messages/kept", token, {"text": "after the backup", "sender": "user"}).ok
    restored = start_server(tmp_path / "elsewhere")
    servers.append(restored)
    assert restored.all_texts(token) == {"before the backup"}
    assert again.all_texts(token) == {"before the backup", "after the backup"}
