"""What the import of a large export costs in memory: the command's peak, and a worker's over HTTP.

`python -m tests.bench.imports 50 200` makes exports of so many MB, of ChatGPT (zipped) and of LibreChat.
"""

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import requests

from tests.bench.chats import KEYS, sign_up
from tests.bench.memory import peak_mb, serving
from tests.bench.servers import Server

MESSAGES = 60
TEXT = "the quick brown fox jumps over the lazy dog " * 16
SECONDS = 1800


def chatgpt(number: int) -> dict[str, object]:
    """One conversation as ChatGPT exports it."""
    names = [f"{number}-{each}" for each in range(MESSAGES)]
    mapping = {
        name: {
            "id": name,
            "parent": names[each - 1] if each else None,
            "children": names[each + 1 : each + 2],
            "message": {
                "id": name,
                "author": {"role": ("user", "assistant")[each % 2]},
                "create_time": 1.7e9 + each,
                "content": {"content_type": "text", "parts": [f"{name} {TEXT}"]},
            },
        }
        for each, name in enumerate(names)
    }
    made = {"title": str(number), "create_time": 1.7e9, "id": str(number), "current_node": names[-1]}
    return {**made, "mapping": mapping}


def librechat(number: int) -> dict[str, object]:
    """One conversation as LibreChat exports it."""
    messages = [
        {
            "messageId": f"{number}-{each}",
            "parentMessageId": f"{number}-{each - 1}" if each else None,
            "isCreatedByUser": not each % 2,
            "text": f"{each} {TEXT}",
        }
        for each in range(MESSAGES)
    ]
    return {"conversationId": f"lc-{number}", "endpoint": "openAI", "title": "Large", "messages": messages}


def pieces(make: Callable[[int], dict[str, object]], size: int) -> Iterator[bytes]:
    """A JSON array of conversations, until it has so many bytes."""
    number, made = 0, 0
    while made < size:
        piece = (b"," if number else b"[") + json.dumps(make(number)).encode()
        number, made = number + 1, made + len(piece)
        yield piece
    yield b"]"


def write(file: IO[bytes], make: Callable[[int], dict[str, object]], size: int) -> None:
    """Put them into an open file."""
    for piece in pieces(make, size):
        file.write(piece)


def exports(directory: Path, megabytes: int) -> list[Path]:
    """The files."""
    packed, plain = directory / f"chatgpt-{megabytes}.zip", directory / f"librechat-{megabytes}.json"
    with (
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("conversations.json", "w") as member,
    ):
        write(member, chatgpt, megabytes * 1_000_000)
    with plain.open("wb") as file:
        write(file, librechat, megabytes * 1_000_000)
    return [packed, plain]


def by_command(path: Path, uri: str) -> str:
    """Import it a second time, by the command, where each message is found again; the peak of the process."""
    environ = {**os.environ, **KEYS, "MONGO_URI": uri}
    command = [sys.executable, "-m", "echo", "import", str(path), "--user", "ada@example.com"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    return f"exit {os.waitstatus_to_exitcode(status)}, {used.ru_maxrss * 1024 / 1e6:.0f} MB at most"


def over_http(path: Path, server: Server, token: str) -> str:
    """Import it over the API; the worker's memory."""
    worker = server.one_worker()
    statuses: list[int] = []

    def send() -> None:
        with path.open("rb") as file:
            answer = requests.post(
                f"{server.url}/api/convos/import",
                headers={"Authorization": f"Bearer {token}"},
                files={"file": (path.name, file)},
                timeout=SECONDS,
            )
        statuses.append(answer.status_code)

    before, most = peak_mb(worker, send)
    return f"status {statuses[0]}, {before:.0f} MB before, {most:.0f} MB at most"


def measure(sizes: list[int]) -> None:
    """Run each once, and print the figures."""
    with tempfile.TemporaryDirectory(prefix="echo-bench-") as name, serving(Path(name)) as (server, uri):
        token = sign_up(server.url)
        for megabytes in sizes:
            for path in exports(Path(name), megabytes):
                print(path.name, "over HTTP:", over_http(path, server, token), flush=True)
                print(path.name, "by command:", by_command(path, uri), flush=True)


if __name__ == "__main__":
    measure([int(each) for each in sys.argv[1:]] or [50, 200])
