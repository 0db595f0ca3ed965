"""The token check that both reference services make: signature, issuer, audience, expiry, type."""

import os

from echo.accounts.tokens import InvalidToken, Tokens

_tokens = Tokens(os.environ["JWT_SECRET"], os.environ["JWT_REFRESH_SECRET"], 900, 604800)


def owner_of(authorization: str) -> str | None:
    """The user's id in a bearer token; None for one that is not valid."""
    try:
        return _tokens.read_access(authorization.removeprefix("Bearer ")).caller.id
    except InvalidToken:
        return None
