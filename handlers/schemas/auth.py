"""Bodies of registration, of login, and of what proves a second factor."""

from typing import Any

from marshmallow import ValidationError, validates_schema

from handlers.schemas.base import Input, Text


class Invitation(Text):
    """The token of an invitation; LibreChat's client sends nothing, or this word, where there is none."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        token = super()._deserialize(value, attr, data, **kwargs)
        return None if token in {"", "undefined"} else token


class RegistrationSchema(Input):
    """Who registers; the two passwords must be the same."""

    name = Text(required=True)
    email = Text(required=True)
    username = Text(load_default=None)
    password = Text(required=True)
    confirm_password = Text(required=True)
    token = Invitation(load_default=None)

    @validates_schema
    def check_confirmation(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Refuse a confirmation that differs."""
        if data["password"] != data["confirm_password"]:
            raise ValidationError("does not equal the password", "confirm_password")


class AddressSchema(Input):
    """Whom to send a link to."""

    email = Text(required=True)


class VerificationSchema(AddressSchema):
    """What the link that proves an address holds."""

    token = Text(required=True)


class ResetSchema(Input):
    """What the link for another password holds, and that password; its confirmation may be left out."""

    owner = Text(data_key="userId", required=True)
    token = Text(required=True)
    password = Text(required=True)
    confirm_password = Text(load_default=None)

    @validates_schema
    def check_confirmation(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Refuse a confirmation that differs."""
        if data["confirm_password"] not in {None, data["password"]}:
            raise ValidationError("does not equal the password", "confirm_password")


class LoginSchema(Input):
    """Who logs in."""

    email = Text(required=True)
    password = Text(required=True)


class ProofSchema(Input):
    """A code of the second factor, as arguments of `Proof`."""

    token = Text(load_default=None)
    backup_code = Text(data_key="backupCode", load_default=None)


class AddressChangeSchema(ProofSchema):
    """Another address, and what proves that it is the account's user who wants it."""

    email = Text(required=True)
    password = Text(required=True)


class SecondLoginSchema(ProofSchema):
    """The other half of a login."""

    temp_token = Text(data_key="tempToken", required=True)


class TokenExchangeSchema(Input):
    """A token of another server."""

    token = Text(required=True)


address = AddressSchema()
address_change = AddressChangeSchema()
verification = VerificationSchema()
reset = ResetSchema()
registration = RegistrationSchema()
login = LoginSchema()
proof = ProofSchema()
second_login = SecondLoginSchema()
exchange = TokenExchangeSchema()
