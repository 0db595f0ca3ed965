"""`echo-api chat`: a conversation in the terminal, with any server that has Echo's `/v1`."""

import json
import os
import signal
import sys
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from echo.cli.common import EXIT_NO, EXIT_UNAVAILABLE, fail

KEY_VARIABLE = "ECHO_API_KEY"
# sysexits.h: not permitted. As a shell reports what Ctrl-C has ended.
EXIT_NOT_PERMITTED = 77
EXIT_INTERRUPTED = 130
CONNECT_SECONDS = 10
# A model may think for long before it says a word.
READ_SECONDS = 300
PREFIX, END = b"data: ", b"[DONE]"
UNREADABLE = "The server's answer cannot be read; is it Echo's?"


class ChatError(Exception):
    """The server did not answer as it should; one sentence for people, and the command's exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        self.exit_code = exit_code
        super().__init__(message)


class Chat:
    """A conversation with one model; `conversation` is its id, None before the first answer is kept."""

    def __init__(
        self, url: str, key: str, model: str, *, conversation: str | None, system: str | None
    ) -> None:
        self._address = f"{url.rstrip('/')}/v1/chat/completions"
        self._key = key
        self._model = model
        self._system = system
        self.conversation = conversation

    def ask(self, text: str) -> Generator[str, None, None]:
        """The pieces of an answer as they come. Raises `ChatError`. Closing it stops the model."""
        # Imported here: it takes longer than all the rest of the command line.
        import requests  # noqa: PLC0415

        from echo import trust  # noqa: PLC0415

        # The key is the caller's choice, not a .netrc's.
        with trust.session() as session:
            try:
                with session.post(
                    self._address,
                    json=self._body(text),
                    headers={"Authorization": f"Bearer {self._key}"},
                    timeout=(CONNECT_SECONDS, READ_SECONDS),
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    if response.status_code != requests.codes.ok:
                        raise refusal(response.status_code, response.content)
                    yield from self._pieces(response.iter_lines())
            except (requests.RequestException, UnicodeError) as error:
                raise ChatError(
                    f"The server at {self._address} does not answer.", EXIT_UNAVAILABLE
                ) from error

    def _body(self, text: str) -> dict[str, Any]:
        messages = [{"role": "system", "content": self._system}] if self._system else []
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [*messages, {"role": "user", "content": text}],
            "stream": True,
            "store": True,
        }
        return {**body, "conversation_id": self.conversation} if self.conversation else body

    def _pieces(self, lines: Iterator[bytes]) -> Iterator[str]:
        for line in lines:
            if not line.startswith(PREFIX):
                continue
            if line[len(PREFIX) :] == END:
                return
            chunk = parse(line[len(PREFIX) :])
            if error := chunk.get("error"):
                raise ChatError(str(error.get("message")), EXIT_UNAVAILABLE)
            self.conversation = chunk.get("conversation_id", self.conversation)
            for choice in chunk.get("choices", ()):
                delta = choice.get("delta", {})
                if text := delta.get("content") or delta.get("refusal"):
                    yield printable(text)
        raise ChatError("The answer broke off.", EXIT_UNAVAILABLE)


@click.command()
@click.argument("message", required=False)
@click.option("--url", default="http://127.0.0.1:3080", show_default=True, help="Address of the server.")
@click.option("--model", required=True, help="The model, as endpoint/model. GET /v1/models lists them.")
@click.option("--conversation", help="Id of the conversation to continue.")
@click.option("--system", help="System prompt: what the model is told before anything else.")
@click.option(
    "--key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"File with the API key. Without it the key is taken from {KEY_VARIABLE}, or asked for.",
)
def chat(message: str | None, url: str, model: str, key_file: Path | None, **options: Any) -> None:
    """Chat with a model in the terminal. The server stores the conversation.

    With MESSAGE, or with text on standard input, the command asks one question and ends. Otherwise it starts a
    conversation: Ctrl-C stops an answer, Ctrl-D ends the conversation.

    \b
    echo-api chat --model openAI/gpt-4o-mini "What is a contract?"
    """
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter("must begin with http:// or https://", param_hint="--url")
    interactive = message is None and sys.stdin.isatty()
    talk = Chat(url, read_key(key_file), model, **options)
    try:
        if interactive:
            converse(talk)
        else:
            ask_once(talk, sys.stdin.read() if message is None else message)
    except ChatError as error:
        fail(printable(str(error)), error.exit_code)


def read_key(key_file: Path | None) -> str:
    """The API key: never from the arguments, which every user of a machine can see."""
    key = key_file.read_text(encoding="utf-8") if key_file else os.environ.get(KEY_VARIABLE, "")
    if not key.strip() and sys.stdin.isatty():
        key = click.prompt("API key", hide_input=True, err=True)
    key = key.strip()
    if not key:
        fail(f"{KEY_VARIABLE} is not set, and there is no --key-file.", EXIT_NOT_PERMITTED)
    if not (key.isascii() and key.isprintable()):
        fail("The API key holds characters that no key has.", EXIT_NOT_PERMITTED)
    return key


def ask_once(talk: Chat, text: str) -> None:
    """One question: the answer on stdout, the conversation's id on stderr."""
    if not text.strip():
        fail("There is no message.", EXIT_NO)
    try:
        show(talk.ask(text))
    except KeyboardInterrupt:
        click.echo()
        sys.exit(EXIT_INTERRUPTED)
    click.echo(f"conversation: {printable(str(talk.conversation))}", err=True)


def converse(talk: Chat) -> None:
    """Ask and answer until Ctrl-D; what fails is said, and the conversation goes on."""
    # Gives `input` its line editing and the history of this conversation.
    import readline  # noqa: F401, PLC0415

    # A script that starts this in its background has Ctrl-C ignored; on a terminal it is how to stop an answer.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    while True:
        try:
            text = input("> ")
        except EOFError:
            click.echo()
            break
        except KeyboardInterrupt:
            click.echo()
            continue
        if not text.strip():
            continue
        try:
            show(talk.ask(text))
        except KeyboardInterrupt:
            click.echo("\n(stopped; this exchange is not kept)", err=True)
        except ChatError as error:
            click.echo(f"echo-api: {printable(str(error))}", err=True)
    if talk.conversation:
        click.echo(f"conversation: {printable(talk.conversation)}", err=True)


def show(pieces: Generator[str, None, None]) -> None:
    """Print the pieces at once as they come, and a line's end after them."""
    with closing(pieces):
        for piece in pieces:
            click.echo(piece, nl=False)
    click.echo()


def refusal(status: int, content: bytes) -> ChatError:
    """What an error response says."""
    message = parse(content).get("message")
    if status == 401:
        return ChatError(f"The server does not take the API key: {message}", EXIT_NOT_PERMITTED)
    unavailable = status == 429 or status >= 500 or status < 400
    return ChatError(str(message or UNREADABLE), EXIT_UNAVAILABLE if unavailable else EXIT_NO)


def parse(content: bytes) -> dict[str, Any]:
    """A JSON object of the server's; raises `ChatError` for anything else."""
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise ChatError(UNREADABLE, EXIT_UNAVAILABLE) from error
    if not isinstance(parsed, dict):
        raise ChatError(UNREADABLE, EXIT_UNAVAILABLE)
    return parsed


def printable(text: str) -> str:
    """The text without what could command a terminal; line ends and tabs stay."""
    return "".join(char for char in text if char.isprintable() or char in "\n\t")
