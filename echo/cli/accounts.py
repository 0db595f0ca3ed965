"""What the commands about users have in common: whom they mean, questions, passwords, lengths of time."""

import re
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import click

from echo.cli.common import EXIT_NO, fail
from echo.cli.output import for_people

user_argument = click.argument("who", metavar="USER")
yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
GENERATED_BYTES = 18
PERMANENT = "permanent"
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONGEST = timedelta(days=365 * 100)


def password_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How a command gets a new password. None of these takes one: arguments are seen by every user of the machine."""
    command = click.option("--generate", is_flag=True, help="Generate a random password, and print it.")(
        command
    )
    return click.option(
        "--password-stdin",
        "from_stdin",
        is_flag=True,
        help="Read the password from the first line of standard input.",
    )(command)


def new_password(*, from_stdin: bool, generate: bool) -> str:
    """A new password: made, from the standard input, or asked for on the terminal, without echo and twice."""
    if from_stdin and generate:
        raise click.UsageError("Give --password-stdin or --generate, not both.")
    if generate:
        return secrets.token_urlsafe(GENERATED_BYTES)
    if from_stdin:
        # Of text the line's end is not part; everything else is, spaces included.
        try:
            password = sys.stdin.readline().rstrip("\r\n")
            # In the locale C what is not UTF-8 is read as lone surrogates.
            password.encode()
        except UnicodeError as error:
            raise click.UsageError("The password on the standard input is not UTF-8.") from error
        return password
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask on: give --password-stdin or --generate.")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def confirm(question: str, *, yes: bool) -> None:
    """Go on only if the answer is yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask on: give --yes.")
    if not click.confirm(question, err=True):
        fail("Nothing was done.", EXIT_NO)


@contextmanager
def refusals_end() -> Iterator[None]:
    """Stop with one sentence for what the API would refuse as well."""
    # Imported here: `--help` needs none of them.
    from echo.errors import ApiError  # noqa: PLC0415

    try:
        yield
    except ApiError as error:
        details = "; ".join(f"{each.field} {each.message}" for each in error.errors)
        # The general code's message says nothing without them; every other one is a whole sentence.
        fail(f"{details}." if error.code == "validation_failed" else error.message, EXIT_NO)


def find_account(directory: Any, who: str) -> dict[str, Any]:
    """The one account that is meant; stops where there is none, or several."""
    from storage.core.errors import InvalidDocument, NotFound  # noqa: PLC0415
    from storage.operator.administration import Ambiguous  # noqa: PLC0415

    try:
        account: dict[str, Any] = directory.find(who)
    except (NotFound, InvalidDocument):
        fail(f"There is no user {for_people(who)!r}.", EXIT_NO)
    except Ambiguous as error:
        fail(f"Several users are called {for_people(who)!r}; name one by id: {error}.", EXIT_NO)
    return account


def named(account: dict[str, Any]) -> str:
    """How a question or a refusal names an account."""
    return f"{for_people(account.get('email'))} ({account['_id']})"


class Duration(click.ParamType[timedelta | None]):
    """A length of time such as `30m`, `2h` or `7d`; `permanent`, where it may be, is None."""

    name = "duration"

    def __init__(self, *, permanent: bool) -> None:
        self._permanent = permanent

    def convert(self, value: Any, param: Any, ctx: Any) -> timedelta | None:
        """The length, which is at least one second and at most a hundred years."""
        if isinstance(value, timedelta):
            return value
        if value == PERMANENT and self._permanent:
            return None
        found = re.fullmatch(r"([0-9]{1,9})([smhd])", str(value), re.ASCII)
        length = timedelta(**{UNITS[found[2]]: int(found[1])}) if found else timedelta()
        if not timedelta() < length <= LONGEST:
            also = f", or {PERMANENT!r}" if self._permanent else ""
            self.fail(f"{value!r} is no length of time such as 30m, 2h or 7d{also}.", param, ctx)
        return length
