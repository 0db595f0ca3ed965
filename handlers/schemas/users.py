"""Users: never the password's hash, nor anything else of the account that the contract does not name."""

from typing import Any

from marshmallow import fields

from handlers.schemas.base import Email, Flag, Identifier, Moment, Output, Text, WebAddress


class Role(fields.Field[str]):
    """LibreChat's `ADMIN` is the contract's `admin`; every other role of LibreChat's is a `user`."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return "admin" if value == "ADMIN" else "user"


class UserSchema(Output):
    """A document of `users` as the contract's User."""

    id = Identifier(attribute="_id")
    name = Text()
    username = Text()
    email = Email()
    role = Role(dump_default="USER")
    avatar = WebAddress()
    created_at = Moment(data_key="createdAt")
    two_factor_enabled = Flag(data_key="twoFactorEnabled")


user = UserSchema()
