"""`echo-api import` and `echo-api export`: all conversations of a user, in files of any size."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click

from echo.cli.common import EXIT_NO, data_dir_option, fail, json_option, opened
from echo.cli.output import for_people, progress_bar, show_one, show_rows

# sysexits.h: the data are at fault; no such user; a file cannot be written.
EXIT_DATA = 65
EXIT_NO_USER = 67
EXIT_NOT_WRITTEN = 73
# What a shell says of a command that Ctrl-C ended.
EXIT_INTERRUPTED = 130

user_option = click.option("--user", required=True, help="The account, by e-mail address or id.")


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@user_option
@json_option
@data_dir_option
def import_(file: Path, user: str, *, as_json: bool, data_dir: Path | None) -> None:
    """Import the conversations of an export into an account.

    FILE is an export of LibreChat, Echo, ChatGPT, Claude, DeepSeek or Chatbot UI: JSON, or a zip with JSON in it.
    Nothing is added twice. If an import was interrupted, run it again.

    \b
    echo-api import conversations.json --user ada@example.com
    """
    # Imported here: the other commands need none of it.
    from echo.errors import ApiError, Unauthorized  # noqa: PLC0415
    from echo.transfer.importer import Importer  # noqa: PLC0415
    from echo.transfer.limits import AT_THE_MACHINE  # noqa: PLC0415
    from storage.conversations.imports import ImportRepository  # noqa: PLC0415

    with opened(data_dir) as (_, database), file.open("rb") as stream:
        importer = Importer(ImportRepository(database), owner_of(database, user), AT_THE_MACHINE)
        size = file.stat().st_size
        try:
            with interruptible(), progress_bar("Importing", size, in_bytes=True) as show:
                importer.run(stream, lambda: show(stream.tell()))
                show(size)
        except Unauthorized:
            fail(f"The user {for_people(user)} was deleted meanwhile.", EXIT_NO_USER)
        except ApiError as error:
            fail(error.message, EXIT_DATA)
        finally:
            # The bar has ended its line by now.
            show_summary(importer.summary.counts(), as_json=as_json)
    if importer.summary.skipped:
        raise SystemExit(EXIT_NO)


@click.command()
@user_option
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="File to write, or - for stdout. A zip holds one file for each conversation.  "
    "[default: conversations.json, or conversations.zip with --format zip]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "zip"]),
    help="Format of the file (default: zip if its name ends in .zip, else json).",
)
@data_dir_option
def export(user: str, output: Path | None, form: str | None, data_dir: Path | None) -> None:
    """Export all conversations of an account.

    The file has the format of LibreChat's export. It gets its name only when it is complete. If an export was
    interrupted, run it again: it starts from the beginning.

    \b
    echo-api export --user ada@example.com --output ada.zip
    """
    from echo.transfer.export import Export  # noqa: PLC0415
    from echo.transfer.writing import written  # noqa: PLC0415
    from storage.conversations.exports import ExportRepository  # noqa: PLC0415

    form = form or ("zip" if output and output.suffix.lower() == ".zip" else "json")
    target = output or Path(f"conversations.{form}")
    with opened(data_dir, indexes=False) as (_, database):
        exported = Export(ExportRepository(database), owner_of(database, user))
        with (
            interruptible(),
            progress_bar("Exporting", exported.count) as show,
            destination(target) as stream,
        ):
            for piece, done in written(exported, form):
                stream.write(piece)
                show(done)
    where = "" if str(target) == "-" else f" to {target}"
    click.echo(f"{exported.count} conversations exported{where}.", err=True)


def owner_of(database: Any, user: str) -> str:
    """The id of the account with this e-mail address or id; ends the command where there is none."""
    from storage.accounts.users import UserRepository  # noqa: PLC0415
    from storage.core.errors import NotFound  # noqa: PLC0415

    users = UserRepository(database)
    try:
        found = users.find_by_email(user) or users.get(user)
    except NotFound:
        fail(f"There is no user {for_people(user)}.", EXIT_NO_USER)
    return str(found["_id"])


def show_summary(counts: dict[str, Any], *, as_json: bool) -> None:
    """What an import did, and what it left out."""
    problems = counts.pop("problems")
    if as_json:
        show_one({**counts, "problems": problems}, as_json=True)
        return
    show_one(counts, as_json=False)
    if problems:
        click.echo("\nLeft out, the first of them:")
        show_rows(problems, ("conversation", "reason"), as_json=False)


@contextmanager
def interruptible() -> Iterator[None]:
    """End with a sentence at Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        fail("Interrupted. Run the same command again; nothing is there twice.", EXIT_INTERRUPTED)


@contextmanager
def destination(target: Path) -> Iterator[BinaryIO]:
    """Where to write: stdout for `-`, else a file for its owner's eyes only, which replaces `target` at the end.

    A device or a pipe is written to as it is.
    """
    if str(target) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        with target.open("wb") if is_special(target) else replacement(target) as file:
            yield file
    except OSError as error:
        fail(f"{for_people(target)} cannot be written: {error.strerror}.", EXIT_NOT_WRITTEN)


def is_special(target: Path) -> bool:
    """Whether something is there that is no file, and that no file may replace."""
    return target.exists() and not target.is_file()


@contextmanager
def replacement(target: Path) -> Iterator[BinaryIO]:
    """A new file that takes the target's place once all of it is on the disk; nobody else can have made it."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).rename(target)
    finally:
        Path(name).unlink(missing_ok=True)
