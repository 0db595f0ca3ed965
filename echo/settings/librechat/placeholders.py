"""What LibreChat fills into an operator's headers for each request: fields of the user, and ids of the message.

https://www.librechat.ai/docs/configuration/librechat_yaml/object_structure/custom_endpoint#headers
"""

import re
from collections.abc import Mapping

PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_OF_USERS = (
    *("id", "name", "username", "email", "provider", "role"),
    *("googleId", "facebookId", "openidId", "samlId", "ldapId", "githubId", "discordId", "appleId"),
    *("emailVerified", "twoFactorEnabled", "termsAccepted"),
)
# Each placeholder with the field that it stands for. No other field of a user ever leaves.
USER_PLACEHOLDERS: Mapping[str, str] = {f"LIBRECHAT_USER_{name.upper()}": name for name in _OF_USERS}
BODY_PLACEHOLDERS: Mapping[str, str] = {
    f"LIBRECHAT_BODY_{name.upper()}": name for name in ("conversationId", "parentMessageId", "messageId")
}
PLACEHOLDERS = frozenset({*USER_PLACEHOLDERS, *BODY_PLACEHOLDERS})
