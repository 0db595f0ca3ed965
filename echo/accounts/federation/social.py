"""GitHub, Discord and Facebook: OAuth without OpenID, so each has an operation of its own that says who it is."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode

from echo.accounts.federation.attempts import Attempt
from echo.accounts.federation.fetching import Fetcher
from echo.accounts.federation.identity import Identity, Policy, Refused, exactly, said
from echo.accounts.federation.provider import Answer, CodeClient, challenge_of
from echo.settings.sign_in import SocialSettings

# A name of a file of Discord's, which is put into an address.
PICTURE = re.compile(r"[A-Za-z0-9_]{1,100}")


@dataclass(frozen=True)
class Places:
    """Where a service is: for codes, for tokens, and for what it says of users (more by paths below `api`)."""

    authorize: str
    token: str
    api: str


GITHUB = Places(
    "https://github.com/login/oauth/authorize",
    "https://github.com/login/oauth/access_token",
    "https://api.github.com",
)
DISCORD = Places(
    "https://discord.com/api/oauth2/authorize",
    "https://discord.com/api/oauth2/token",
    "https://discord.com/api",
)
FACEBOOK = Places(
    "https://www.facebook.com/dialog/oauth",
    "https://graph.facebook.com/oauth/access_token",
    "https://graph.facebook.com",
)


class OAuthService:
    """What the three have in common."""

    name: str
    scope: str
    comes_by_form = False
    parameters: ClassVar[Mapping[str, str]] = {}

    def __init__(self, settings: SocialSettings, fetcher: Fetcher, policy: Policy, places: Places) -> None:
        self.policy = policy
        self._places = places
        self._secret = settings.client_secret or ""
        self._fetcher = fetcher
        self._client = CodeClient(fetcher, settings.client_id, settings.callback_url, self.scope)

    async def address(self, attempt: Attempt) -> str:
        """See `Provider`."""
        return self._client.request(
            self._places.authorize, attempt, **challenge_of(attempt), **self.parameters
        )

    async def identity(self, attempt: Attempt, answer: Answer, code: str) -> Identity:
        """See `Provider`."""
        tokens = await self._client.redeem(
            self._places.token, code, secret=self._secret, verifier=attempt.verifier
        )
        return await self._user(tokens["access_token"])

    async def _user(self, token: str) -> Identity:
        raise NotImplementedError

    async def _get(self, path: str, token: str) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        return await self._fetcher.json_value(self._places.api + path, headers=headers)


class GitHub(OAuthService):
    """GitHub, or one of an organisation's own."""

    name = "github"
    scope = "user:email read:user"

    async def _user(self, token: str) -> Identity:
        user = as_object(await self._get("/user", token))
        email, verified = primary_address(await self._get("/user/emails", token))
        return Identity(
            provider=self.name,
            subject=number_or_text(user.get("id")),
            email=email,
            email_verified=verified,
            name=said(user.get("name")) or said(user.get("login")),
            username=said(user.get("login")),
            picture=exactly(user.get("avatar_url")) or None,
        )


class Discord(OAuthService):
    """Discord; who is logged in there and has agreed before is not asked again, as in LibreChat."""

    name = "discord"
    scope = "identify email"
    parameters: ClassVar[Mapping[str, str]] = {"prompt": "none"}

    async def _user(self, token: str) -> Identity:
        user = as_object(await self._get("/users/@me", token))
        subject, picture = number_or_text(user.get("id")), said(user.get("avatar"))
        has_picture = PICTURE.fullmatch(picture) and subject.isdecimal()
        return Identity(
            provider=self.name,
            subject=subject,
            email=exactly(user.get("email")) or None,
            email_verified=user.get("verified") is True,
            name=said(user.get("global_name")) or said(user.get("username")),
            username=said(user.get("username")),
            picture=f"https://cdn.discordapp.com/avatars/{subject}/{picture}.png" if has_picture else None,
        )


class Facebook(OAuthService):
    """Facebook, which tells only addresses that their owner has confirmed."""

    name = "facebook"
    scope = "public_profile email"

    async def _user(self, token: str) -> Identity:
        # Proves that whoever has the token is the client that it was made for ("Securing Graph API requests").
        proof = hmac.new(self._secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        query = urlencode({"fields": "id,name,email,picture.type(large)", "appsecret_proof": proof})
        user = as_object(await self._get(f"/me?{query}", token))
        picture = as_object(as_object(user.get("picture", {})).get("data", {}))
        email = exactly(user.get("email"))
        return Identity(
            provider=self.name,
            subject=number_or_text(user.get("id")),
            email=email or None,
            email_verified=bool(email),
            name=said(user.get("name")),
            username=said(user.get("name")),
            picture=exactly(picture.get("url")) or None,
        )


def github(settings: SocialSettings, fetcher: Fetcher, policy: Policy, places: Places = GITHUB) -> GitHub:
    """GitHub, at the base URL of the settings if they have one."""
    if base := settings.base_url:
        login = f"{base}/login/oauth"
        places = Places(f"{login}/authorize", f"{login}/access_token", f"{base}/api/v3")
    return GitHub(settings, fetcher, policy, places)


def primary_address(listed: Any) -> tuple[str | None, bool]:
    """The address that a user has at GitHub, and whether GitHub has verified it."""
    addresses = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    primary = next((each for each in addresses if each.get("primary") is True), None)
    if primary is None:
        return None, False
    return exactly(primary.get("email")) or None, primary.get("verified") is True


def number_or_text(value: Any) -> str:
    """An id as text, as LibreChat stores it; "" for what is none."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else exactly(value)


def as_object(value: Any) -> dict[str, Any]:
    """A JSON object; raises `Refused` for anything else."""
    if not isinstance(value, dict):
        raise Refused("login_failed", "no JSON object")
    return value
