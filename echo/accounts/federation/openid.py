"""OpenID Connect: the organisation's own provider, and Google and Apple, who speak it too."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson
import structlog
from authlib.common.urls import add_params_to_uri
from joserfc import jwk, jwt

from echo.accounts.federation.attempts import Attempt
from echo.accounts.federation.claims import Sources, is_true, openid_identity
from echo.accounts.federation.discovery import Discovery, Metadata
from echo.accounts.federation.fetching import Fetcher
from echo.accounts.federation.identity import Identity, Policy, Refused, exactly, said
from echo.accounts.federation.provider import Answer, CodeClient, challenge_of
from echo.accounts.federation.signed import read_access_token, read_id_token, unverified_claims
from echo.settings.sign_in import OpenIdSettings, SocialSettings

log = structlog.get_logger(__name__)

# RFC 7523, section 2.1.
ON_BEHALF = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GOOGLE = "https://accounts.google.com"
APPLE = "https://appleid.apple.com"
APPLE_SECRET_SECONDS = 300
# Clocks differ, those of large services by less than LibreChat allows an organisation's own.
LEEWAY = 60


class OpenIdProvider:
    """The provider of `OPENID_ISSUER`."""

    name = "openid"
    comes_by_form = False
    # As in LibreChat, whoever the organisation's own server lets in has an account.
    policy = Policy(registers=True, unverified=True, renames=True)

    def __init__(self, settings: OpenIdSettings, fetcher: Fetcher) -> None:
        self._settings = settings
        self._fetcher = fetcher
        self.discovery = Discovery(settings.issuer, fetcher)
        self._client = CodeClient(fetcher, settings.client_id, settings.callback_url, settings.scope)

    async def address(self, attempt: Attempt) -> str:
        """See `Provider`."""
        metadata = await self.discovery.metadata()
        audience = {"audience": self._settings.audiences[0]} if self._settings.audiences else {}
        return self._client.request(
            metadata.authorization_endpoint,
            attempt,
            nonce=attempt.nonce,
            **challenge_of(attempt),
            **audience,
        )

    async def identity(self, attempt: Attempt, answer: Answer, code: str) -> Identity:
        """See `Provider`."""
        metadata = await self.discovery.metadata()
        check_issuer(answer, metadata)
        settings = self._settings
        tokens = await self._client.redeem(
            metadata.token_endpoint,
            code,
            secret=settings.client_secret,
            basic=self._is_basic(metadata),
            verifier=attempt.verifier,
        )
        access_token = tokens["access_token"]
        claims = await read_id_token(
            tokens.get("id_token"),
            self.discovery,
            attempt,
            client_id=settings.client_id,
            access_token=access_token,
            leeway=settings.clock_tolerance,
        )
        subject = exactly(claims.get("sub"))
        userinfo = await self._userinfo(metadata, access_token, subject)
        sources = Sources(metadata.issuer, unverified_claims(access_token), claims, userinfo)
        return replace(openid_identity(settings, sources, subject), tokens=tokens)

    async def renew(self, refresh_token: str) -> dict[str, Any]:
        """See `Delegate` and RFC 6749, section 6."""
        return await self._grant("refresh_token", refresh_token=refresh_token)

    async def on_behalf(self, access_token: str, scopes: str) -> dict[str, Any]:
        """See `Delegate`."""
        said = {"assertion": access_token, "scope": scopes, "requested_token_use": "on_behalf_of"}
        return await self._grant(ON_BEHALF, **said)

    async def _grant(self, kind: str, **said: str) -> dict[str, Any]:
        metadata = await self.discovery.metadata()
        return await self._client.grant(
            metadata.token_endpoint,
            kind,
            secret=self._settings.client_secret,
            basic=self._is_basic(metadata),
            **said,
        )

    def _is_basic(self, metadata: Metadata) -> bool:
        """Basic is what a server without a word on it takes (OpenID Connect Discovery 1.0, section 3)."""
        return bool(self._settings.client_secret) and "client_secret_post" not in metadata.auth_methods

    @property
    def exchanges_tokens(self) -> bool:
        """See `Organisation`."""
        return self._settings.exchanges_tokens

    async def prepare(self) -> None:
        """See `Organisation`."""
        try:
            await self.discovery.metadata()
        except Refused as refusal:
            log.warning("the OpenID issuer does not answer", why=refusal.detail)

    def farewell(self, back: str) -> str | None:
        """See `Organisation` and OpenID Connect RP-Initiated Logout 1.0, section 2."""
        metadata = self.discovery.remembered
        if not self._settings.use_end_session or metadata is None or metadata.end_session_endpoint is None:
            return None
        fields = {
            "post_logout_redirect_uri": self._settings.post_logout_url or back,
            "client_id": self._settings.client_id,
        }
        address: str = add_params_to_uri(metadata.end_session_endpoint, list(fields.items()))
        return address

    async def identity_of_token(self, token: str) -> Identity:
        """Who a program's access token is for; raises `Refused`."""
        settings = self._settings
        claims = await read_access_token(
            token,
            self.discovery,
            client_id=settings.client_id,
            audiences=settings.audiences,
            leeway=settings.clock_tolerance,
        )
        metadata = await self.discovery.metadata()
        userinfo: dict[str, Any] = {}
        if "openid" in str(claims.get("scope") or claims.get("scp") or "").split():
            # Such a token is good for userinfo, which says more of the user.
            userinfo = await self._userinfo(metadata, token, claims["sub"])
        sources = Sources(metadata.issuer, claims, {}, {**claims, **userinfo})
        life = {"expires_in": claims["exp"] - time.time()} if claims.get("exp") else {}
        tokens = {"access_token": token, **life}
        return replace(openid_identity(settings, sources, claims["sub"]), tokens=tokens)

    async def _userinfo(self, metadata: Metadata, access_token: str, subject: str) -> dict[str, Any]:
        """What the provider says besides; it must be of the same subject (OpenID Connect Core 1.0, 5.3.2).

        {} where it says nothing, as it may for a token that is meant for another service: so does LibreChat.
        """
        if metadata.userinfo_endpoint is None:
            return {}
        headers = {"Authorization": f"Bearer {access_token}"}
        try:
            found = await self._fetcher.json(metadata.userinfo_endpoint, headers=headers)
        except Refused as refusal:
            log.warning("the OpenID issuer says nothing of a user", why=refusal.detail)
            return {}
        if found.get("sub") != subject:
            raise Refused("login_failed", "userinfo is of another subject")
        return found


def check_issuer(answer: Answer, metadata: Metadata) -> None:
    """Raise `Refused` for an answer of another server, where it says whose it is (RFC 9207)."""
    if answer.iss is None and metadata.names_itself:
        raise Refused("login_failed", "the answer does not say whose it is")
    if answer.iss is not None and answer.iss != metadata.issuer:
        raise Refused("login_failed", "the answer is another server's")


@dataclass(frozen=True)
class Service:
    """What differs between Google and Apple; `secret` makes what the client proves itself with."""

    name: str
    scope: str
    secret: Callable[[], str]
    parameters: dict[str, str]
    comes_by_form: bool = False


class OpenIdService:
    """A service for everybody that speaks OpenID Connect: the claims of its ID token are all that is asked for."""

    def __init__(
        self, service: Service, settings: SocialSettings, issuer: str, fetcher: Fetcher, policy: Policy
    ) -> None:
        self.name = service.name
        self.policy = policy
        self.comes_by_form = service.comes_by_form
        self._service = service
        self._discovery = Discovery(issuer, fetcher)
        self._client = CodeClient(fetcher, settings.client_id, settings.callback_url, service.scope)

    async def address(self, attempt: Attempt) -> str:
        """See `Provider`."""
        endpoint = (await self._discovery.metadata()).authorization_endpoint
        challenge = {} if self.comes_by_form else challenge_of(attempt)
        return self._client.request(
            endpoint, attempt, nonce=attempt.nonce, **self._service.parameters, **challenge
        )

    async def identity(self, attempt: Attempt, answer: Answer, code: str) -> Identity:
        """See `Provider`."""
        metadata = await self._discovery.metadata()
        check_issuer(answer, metadata)
        tokens = await self._client.redeem(
            metadata.token_endpoint,
            code,
            secret=self._service.secret(),
            verifier=None if self.comes_by_form else attempt.verifier,
        )
        claims = await read_id_token(
            tokens.get("id_token"),
            self._discovery,
            attempt,
            client_id=self._client.client_id,
            access_token=tokens["access_token"],
            leeway=LEEWAY,
        )
        email = exactly(claims.get("email")) or None
        picture = claims.get("picture")
        return Identity(
            provider=self.name,
            subject=exactly(claims.get("sub")),
            email=email,
            email_verified=is_true(claims.get("email_verified")),
            name=said(claims.get("name")) or name_of_form(answer),
            username=said(claims.get("given_name")),
            picture=picture if isinstance(picture, str) else None,
        )


def google(settings: SocialSettings, fetcher: Fetcher, policy: Policy, issuer: str = GOOGLE) -> OpenIdService:
    """Google."""
    service = Service("google", "openid profile email", lambda: settings.client_secret or "", {})
    return OpenIdService(service, settings, issuer, fetcher, policy)


def apple(settings: SocialSettings, fetcher: Fetcher, policy: Policy, issuer: str = APPLE) -> OpenIdService:
    """Apple, which comes back by a form where it is asked for the address; of PKCE it says nothing."""
    parameters = {"response_mode": "form_post"}
    secret = AppleSecret(settings)
    service = Service("apple", "name email", secret, parameters, comes_by_form=True)
    return OpenIdService(service, settings, issuer, fetcher, policy)


class AppleSecret:
    """Makes what Apple takes for a client's secret: a JWT that its key has signed ("Creating a client secret")."""

    def __init__(self, settings: SocialSettings) -> None:
        self._settings = settings

    def __call__(self) -> str:
        """A fresh one; raises `Refused` where the key cannot be read."""
        settings, now = self._settings, int(time.time())
        claims = {
            "iss": settings.team_id,
            "iat": now,
            "exp": now + APPLE_SECRET_SECONDS,
            "aud": APPLE,
            "sub": settings.client_id,
        }
        try:
            key = jwk.import_key(settings.key_file.read_bytes() if settings.key_file else b"", "EC")
            return jwt.encode({"alg": "ES256", "kid": str(settings.key_id)}, claims, key)
        except (OSError, ValueError, TypeError) as error:
            raise Refused("login_failed", f"APPLE_PRIVATE_KEY_PATH: {type(error).__name__}") from error


def name_of_form(answer: Answer) -> str:
    """The name in Apple's form, which no signature covers: a name to show, and nothing else, is taken from there."""
    try:
        value = orjson.loads(answer.user or "{}")
    except orjson.JSONDecodeError:
        return ""
    name = value.get("name") if isinstance(value, dict) else None
    if not isinstance(name, dict):
        return ""
    return f"{said(name.get('firstName'))} {said(name.get('lastName'))}".strip()
