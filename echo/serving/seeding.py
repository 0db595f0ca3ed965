"""Users and conversations that are there when the server starts: for tests and demonstrations."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import structlog
from marshmallow import Schema, ValidationError, fields

from echo.accounts.new_account import create_account, normalize_email
from echo.accounts.passwords import check_new_password
from echo.errors import ApiError
from echo.settings import Settings, SettingsError
from echo.transfer.importer import Importer
from echo.transfer.limits import AT_THE_MACHINE
from storage.accounts.users import UserRepository
from storage.conversations.imports import ImportRepository
from storage.core.database import Database

log = structlog.get_logger(__name__)


class UserSchema(Schema):
    """One account of a seed."""

    email = fields.String(required=True)
    password = fields.String(required=True)
    name = fields.String()
    username = fields.String()
    role = fields.String()
    conversations = fields.List(fields.Dict())
    # A file beside the seed: an export of LibreChat or of whatever else `echo-api import` takes.
    file = fields.String(data_key="import")


class SeedSchema(Schema):
    """A seed file."""

    users = fields.List(fields.Nested(UserSchema), required=True)


def read_seed(path: Path) -> list[dict[str, Any]]:
    """The users of a seed file. Raises `SettingsError` with what is wrong in it."""
    try:
        found: dict[str, Any] = SeedSchema().loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"The seed {path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        said = json.dumps(error.messages)
        raise SettingsError(
            f'The seed {path} must be {{"users": [...]}}; an export is named by "import" of one of them: {said}'
        ) from error
    except ValueError as error:
        raise SettingsError(f"The seed {path} is no JSON.") from error
    return list(found["users"])


def seed(settings: Settings, path: Path) -> None:
    """Make what the file names and is not there yet: accounts by their addresses, conversations by their ids.

    The rules of registration apply to accounts, but not whether it is open. Raises `SettingsError`.
    """
    database = Database(str(settings.mongo_uri))
    try:
        for user in read_seed(path):
            try:
                _seed_user(settings, database, user, path.parent)
            except ApiError as error:
                why = "; ".join(f"{each.field} {each.message}" for each in error.errors) or error.message
                raise SettingsError(f"The seed {path} cannot be used: {user['email']}: {why}") from error
            except OSError as error:
                raise SettingsError(
                    f"The seed {path} names {user['file']}, which cannot be read: {error.strerror}."
                ) from error
    finally:
        database.close()


def _seed_user(settings: Settings, database: Database, user: Mapping[str, Any], directory: Path) -> None:
    owner = _account(settings, UserRepository(database), user)
    if "conversations" in user:
        _import(database, owner, io.BytesIO(json.dumps(user["conversations"]).encode()))
    if "file" in user:
        with (directory / user["file"]).open("rb") as stream:
            _import(database, owner, stream)


def _account(settings: Settings, users: UserRepository, user: Mapping[str, Any]) -> str:
    address = normalize_email(user["email"])
    if found := users.find_by_email(address):
        return str(found["_id"])
    check_new_password(user["password"], minimum=settings.min_password_length)
    made = create_account(
        users,
        name=user.get("name") or address.partition("@")[0],
        email=address,
        username=user.get("username", ""),
        password=user["password"],
        role=user.get("role"),
    )
    return str(made["_id"])


def _import(database: Database, owner: str, stream: BinaryIO) -> None:
    importer = Importer(ImportRepository(database), owner, AT_THE_MACHINE)
    importer.run(stream, lambda: None)
    counts = importer.summary.counts()
    report = log.warning if importer.summary.skipped else log.info
    report("conversations of the seed", **counts)
