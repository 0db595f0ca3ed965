"""Bodies of what users change of their own accounts."""

from handlers.schemas.auth import ProofSchema
from handlers.schemas.base import Text


class PasswordChangeSchema(ProofSchema):
    """The password now and then, and a code where there is a second factor."""

    current_password = Text(data_key="currentPassword", required=True)
    new_password = Text(data_key="newPassword", required=True)


class ProofOfSelfSchema(ProofSchema):
    """Password or code."""

    password = Text(load_default=None)


password_change = PasswordChangeSchema()
proof_of_self = ProofOfSelfSchema()
