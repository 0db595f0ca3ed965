"""`echo-api chat`: one question, a conversation on a terminal, and what can go wrong."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from echo.cli import main
from tests.completions.conftest import User
from tests.support.chats import shape
from tests.support.loopback import answer_with
from tests.support.loopback import provider as web_server
from tests.support.providers import ProviderServer
from tests.support.waiting import PATIENCE, eventually

MODEL = "openAI/gpt-4o"


def environ(user: User) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("COVERAGE")
    }
    return {**kept, "TERM": "dumb", "PYTHONUTF8": "1", "ECHO_API_KEY": user.api_key}


def command(url: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "echo", "chat", "--url", url, "--model", MODEL, *arguments]


@dataclass(frozen=True)
class Done:
    """What the command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


def run(user: User | None, *arguments: str, url: str | None = None, stdin: str = "") -> Done:
    """Run the command in this process: to start one takes fifty times as long as what most tests look at."""
    address = url or (user.server.url if user else "http://127.0.0.1:9")
    variables = {"TERM": "dumb", "ECHO_API_KEY": user.api_key if user else None}
    ran = CliRunner().invoke(main, command(address, *arguments)[3:], input=stdin, env=variables)
    return Done(ran.exit_code, ran.stdout, ran.stderr)


def conversation_of(stderr: str) -> str:
    found = re.search(r"conversation: (\S+)", stderr)
    assert found, stderr
    return found[1]


class TestOneQuestion:
    def test_as_a_process_prints_the_answer_and_nothing_else(self, ada: User) -> None:
        done = subprocess.run(
            command(ada.server.url, "Hello"),
            env=environ(ada),
            input=b"",
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, "Hello wörld.\n".encode())
        assert re.fullmatch(rb"conversation: \S+\n", done.stderr)

    def test_prints_the_answer_and_keeps_it(self, ada: User) -> None:
        done = run(ada, "Hello")
        assert (done.returncode, done.stdout) == (0, "Hello wörld.\n")
        assert shape(ada.messages(conversation_of(done.stderr))) == {"Hello": None, "Hello wörld.": "Hello"}

    def test_may_come_from_the_standard_input(self, ada: User) -> None:
        done = run(ada, stdin="Piped in\n")
        assert (done.returncode, done.stdout) == (0, "Hello wörld.\n")
        assert "Piped in\n" in shape(ada.messages(conversation_of(done.stderr)))

    def test_goes_on_with_a_conversation(self, ada: User) -> None:
        conversation_id = conversation_of(run(ada, "One").stderr)
        done = run(ada, "Two", "--conversation", conversation_id)
        assert conversation_of(done.stderr) == conversation_id
        assert [each["text"] for each in ada.messages(conversation_id)][::2] == ["One", "Two"]

    def test_tells_the_model_what_the_system_prompt_says(self, ada: User, provider: ProviderServer) -> None:
        run(ada, "With a system", "--system", "Be brief.")
        sent = [chat.json["messages"] for chat in provider.chats]
        assert [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "With a system"},
        ] in sent

    def test_takes_the_key_from_a_file(self, ada: User, tmp_path: Path) -> None:
        file = tmp_path / "key"
        file.write_text(f"{ada.api_key}\n")
        done = run(None, "Hello", "--key-file", str(file), url=ada.server.url)
        assert done.returncode == 0, done.stderr


class TestFailures:
    def fails(self, done: Done, code: int, *words: str) -> None:
        assert done.returncode == code, done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert all(word in done.stderr for word in words), done.stderr

    def test_no_key(self, ada: User) -> None:
        self.fails(run(None, "Hello", url=ada.server.url), 77, "ECHO_API_KEY")

    def test_a_wrong_key(self, ada: User) -> None:
        wrong = User(ada.server, "", "sk-wrong")
        done = run(wrong, "Hello")
        self.fails(done, 77, "API key")
        assert "sk-wrong" not in done.stderr

    def test_an_unknown_model(self, ada: User) -> None:
        self.fails(run(ada, "Hello", "--model", "nowhere/x"), 1, "/v1/models")

    def test_an_unknown_conversation(self, ada: User) -> None:
        self.fails(run(ada, "Hello", "--conversation", "none"), 1, "Not found")

    def test_a_provider_that_fails(self, ada: User) -> None:
        self.fails(run(ada, "broken"), 69, "provider")

    def test_a_provider_that_dies(self, ada: User) -> None:
        done = run(ada, "dies")
        assert done.returncode == 69
        assert "provider" in done.stderr.splitlines()[-1]

    def test_no_server(self, ada: User) -> None:
        self.fails(run(ada, "Hello", url="http://127.0.0.1:9"), 69, "does not answer")

    def test_no_message(self, ada: User) -> None:
        self.fails(run(ada, stdin=" \n"), 1, "no message")

    @pytest.mark.parametrize("raw", [b"", b"<html>", b"[]", b"data: {", b"data: {}\n\n", b"data: [1]\n\n"])
    def test_another_server(self, ada: User, raw: bytes) -> None:
        with web_server(answer_with(None, raw=raw)) as other:
            done = run(ada, "Hello", url=other.url)
        self.fails(done, 69)
        assert "Traceback" not in done.stderr

    def test_a_redirection_is_not_followed_with_the_key(self, ada: User) -> None:
        with web_server(answer_with({})) as there:
            moved = answer_with({}, status=302, headers={"Location": there.url})
            with web_server(moved) as here:
                assert run(ada, "Hello", url=here.url).returncode == 69
            assert there.requests == []

    def test_what_a_model_says_cannot_command_the_terminal(self, ada: User) -> None:
        chunk = (
            b'data: {"choices": [{"delta": {"content": "a\\u001b[2Jb\\tc\\n\\u009b1m"}}]}\n\ndata: [DONE]\n\n'
        )
        with web_server(answer_with(None, raw=chunk)) as other:
            done = run(ada, "Hello", url=other.url)
        assert done.stdout == "a[2Jb\tc\n1m\n"


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, user: User) -> None:
        self._side, inner = pty.openpty()
        # Whoever leads a session and opens a terminal is controlled by it: so Ctrl-C reaches the command.
        on_terminal = ["sh", "-c", 'exec "$0" "$@" <>"$TERMINAL" >&0 2>&0', *command(user.server.url)]
        variables = {**environ(user), "TERMINAL": os.ttyname(inner)}
        self.process = subprocess.Popen(on_terminal, env=variables, start_new_session=True)
        self._inner = inner
        self.seen = ""
        self._read = 0

    def send(self, text: str) -> None:
        os.write(self._side, text.encode())

    def wait_for(self, text: str, seconds: float = PATIENCE) -> None:
        """Read until the text has come after what was waited for before."""
        deadline = time.monotonic() + seconds
        while (place := self.seen.find(text, self._read)) < 0:
            assert time.monotonic() < deadline, self.seen
            if select.select([self._side], [], [], 0.1)[0]:
                self.seen += os.read(self._side, 4096).decode(errors="replace")
        self._read = place + len(text)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._side)
        os.close(self._inner)


@pytest.fixture
def terminal(ada: User) -> Iterator[Terminal]:
    opened = Terminal(ada)
    yield opened
    opened.close()


class TestConversation:
    def test_goes_on_until_ctrl_d(self, terminal: Terminal, ada: User) -> None:
        for question in ("One", "Two"):
            terminal.wait_for("> ")
            terminal.send(f"{question}\n")
            terminal.wait_for("wörld.")
        terminal.wait_for("> ")
        terminal.send("\x04")
        terminal.wait_for("conversation: ")
        assert terminal.process.wait(PATIENCE) == 0
        (conversation,) = ada.conversations()
        assert conversation["conversationId"] in terminal.seen
        texts = [each["text"] for each in ada.messages(conversation["conversationId"])]
        assert texts == ["One", "Hello wörld.", "Two", "Hello wörld."]

    def test_ctrl_c_stops_the_answer_only(
        self, terminal: Terminal, ada: User, provider: ProviderServer
    ) -> None:
        terminal.wait_for("> ")
        terminal.send("very slow\n")
        terminal.wait_for("aaa")
        terminal.send("\x03")
        terminal.wait_for("stopped")
        assert eventually(lambda: any(chat.left for chat in provider.chats[-3:]))
        terminal.wait_for("> ")
        terminal.send("Hello\n")
        terminal.wait_for("wörld.")
        terminal.wait_for("> ")
        assert len(ada.conversations()) == 1

    def test_what_fails_is_said_and_it_goes_on(self, terminal: Terminal) -> None:
        terminal.wait_for("> ")
        terminal.send("broken\n")
        terminal.wait_for("echo-api: ")
        terminal.wait_for("> ")
        terminal.send("\n")
        terminal.wait_for("> ")
        terminal.send("Hello\n")
        terminal.wait_for("wörld.")
