"""`echo-api invite ...`: links with which somebody can register where registration is closed."""

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from echo.cli.accounts import Duration, refusals_end
from echo.cli.common import EXIT_NO, data_dir_option, fail, json_option, opened
from echo.cli.mails import send_now
from echo.cli.output import show_one, show_rows
from echo.cli.user_roles import check_role

COLUMNS = ("id", "email", "role", "createdAt", "expiresAt")
TOKEN_BYTES = 32


@click.group()
def invite() -> None:
    """Invite people to register.

    An invitation is a link for one e-mail address. It works for one registration, even if registration is closed.
    """


@invite.command()
@click.argument("email")
@click.option(
    "--for",
    "length",
    type=Duration(permanent=False),
    default="7d",
    show_default=True,
    help="How long the link works, such as 30m, 2h or 7d.",
)
@click.option("--role", help="Role of the new user, instead of USER.")
@click.option("--no-mail", is_flag=True, help="Do not send the link, even if there is a mail server.")
@json_option
@data_dir_option
def create(
    *,
    email: str,
    length: timedelta,
    role: str | None,
    no_mail: bool,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Create an invitation, print its link, and send it if there is a mail server.

    Without one pass the link on yourself. It cannot be shown again.
    """
    from echo.accounts import letters  # noqa: PLC0415
    from echo.accounts.new_account import normalize_email  # noqa: PLC0415
    from echo.accounts.tokens import hash_token  # noqa: PLC0415
    from storage.accounts.users import UserRepository  # noqa: PLC0415
    from storage.operator.administration import AccountDirectory, InvitationDirectory  # noqa: PLC0415

    token = secrets.token_hex(TOKEN_BYTES)
    with opened(data_dir) as (settings, database), refusals_end():
        check_role(AccountDirectory(database), role)
        address = normalize_email(email)
        if UserRepository(database).find_by_email(address):
            fail(f"{address} has an account already.", EXIT_NO)
        invitation = InvitationDirectory(database).create(
            email=address,
            token_hash=hash_token(token),
            expires_at=datetime.now(UTC).replace(microsecond=0) + length,
            role=role,
        )
    link = f"{settings.domain_client}/register?token={token}"
    problem = None
    if settings.mail and not no_mail:
        end = f"{invitation['expiresAt']:%d %B %Y, %H:%M} UTC"
        problem = send_now(settings.mail, letters.invitation(settings.app_title, link, end), address)
        if problem:
            click.echo(f"echo-api: The link was not sent: {problem}. Pass it on yourself.", err=True)
    sent = settings.mail is not None and not no_mail and problem is None
    show_one({**shown_invitation(invitation), "link": link, "sent": sent}, as_json=as_json)


@invite.command(name="list")
@json_option
@data_dir_option
def list_invitations(*, as_json: bool, data_dir: Path | None) -> None:
    """List the open invitations. Their links cannot be shown again."""
    from storage.operator.administration import InvitationDirectory  # noqa: PLC0415

    with opened(data_dir, indexes=False) as (_, database):
        invitations = InvitationDirectory(database).list()
    show_rows([shown_invitation(each) for each in invitations], COLUMNS, as_json=as_json)


@invite.command()
@click.argument("invitation_id", metavar="ID")
@json_option
@data_dir_option
def revoke(*, invitation_id: str, as_json: bool, data_dir: Path | None) -> None:
    """Revoke an invitation. `invite list` shows the ids."""
    from storage.core.errors import NotFound  # noqa: PLC0415
    from storage.operator.administration import InvitationDirectory  # noqa: PLC0415

    with opened(data_dir) as (_, database):
        try:
            invitation = InvitationDirectory(database).revoke(invitation_id)
        except NotFound:
            fail("There is no such invitation.", EXIT_NO)
    show_one(shown_invitation(invitation), as_json=as_json)


def shown_invitation(invitation: dict[str, Any]) -> dict[str, Any]:
    """What is shown of an invitation: never its token, which only its hash is kept of."""
    return {
        "id": str(invitation["_id"]),
        "email": invitation.get("email"),
        "role": (invitation.get("metadata") or {}).get("role"),
        "createdAt": invitation.get("createdAt"),
        "expiresAt": invitation.get("expiresAt"),
    }
