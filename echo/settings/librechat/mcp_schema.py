"""`mcpServers` and `mcpSettings` of `librechat.yaml`, as LibreChat's `MCPOptionsSchema` has them."""

from typing import Any

from marshmallow import ValidationError, validates_schema

from echo.settings.librechat.fields import (
    MISSING,
    Flag,
    Headers,
    Listed,
    Named,
    Number,
    OneOrOther,
    Part,
    Section,
    Text,
)

TYPES = ("stdio", "sse", "streamable-http", "http", "websocket")


class Login(Section):
    """How users log in at a server; what is not named is discovered."""

    ignored = frozenset(
        {
            *("grant_types_supported", "response_types_supported", "code_challenge_methods_supported"),
            "revocation_endpoint_auth_methods_supported",
        }
    )

    authorization_url = Text()
    token_url = Text()
    client_id = Text()
    client_secret = Text()
    scope = Text()
    audience = Text()
    redirect_uri = Text()
    revocation_endpoint = Text()
    # Echo always sends S256, and does not look whether a provider says that it takes it.
    skip_code_challenge_check = Flag()
    forward_audience_on_refresh = Flag()
    token_exchange_method = Text(one_of=("default_post", "basic_auth_header"))
    token_endpoint_auth_methods_supported = Listed(Text())

    @validates_schema
    def hold_together(self, data: dict[str, Any], **_: Any) -> None:
        """A secret goes to an address that the operator names, and to no other."""
        if "client_secret" in data and not {"client_id", "authorization_url", "token_url"} <= data.keys():
            raise ValidationError("needs client_id, authorization_url and token_url", "client_secret")


class ApiKey(Section):
    """A key that goes with every request."""

    key = Text()
    source = Text(required=True, one_of=("admin", "user"))
    authorization_type = Text(required=True, one_of=("basic", "bearer", "custom"))
    custom_header = Text()


class Variable(Section):
    """What each user sets."""

    title = Text(required=True)
    description = Text(required=True)
    sensitive = Flag()


class OnBehalf(Section):
    """What a user's token of the organisation's OpenID provider is exchanged for."""

    scopes = Text(required=True)


class Server(Section):
    """One server."""

    type = Text(one_of=TYPES)
    title = Text()
    description = Text()
    iconPath = Text()
    startup = Flag()
    chatMenu = Flag()
    timeout = Number(whole=True)
    initTimeout = Number(whole=True)
    sseReadTimeout = Number(minimum=1, whole=True)
    serverInstructions = OneOrOther(Flag(), Text(), expected="must be true, false or text")
    requiresOAuth = Flag()
    oauth = Part(Login)
    oauth_headers = Headers()
    apiKey = Part(ApiKey)
    customUserVars = Named(Part(Variable))
    command = Text()
    args = Listed(Text())
    env = Named(Text())
    cwd = Text()
    stderr = OneOrOther(
        Text(one_of=("pipe", "ignore", "inherit")),
        Number(whole=True),
        expected="must be pipe, ignore or inherit",
    )
    url = Text()
    proxy = Text()
    obo = Part(OnBehalf)
    headers = Headers()

    @validates_schema
    def be_somewhere(self, data: dict[str, Any], **_: Any) -> None:
        """A server is started by a command or reached at an address."""
        is_process = data["type"] == "stdio" if "type" in data else "command" in data or "url" not in data
        wanted = "command" if is_process else "url"
        if wanted not in data:
            raise ValidationError(MISSING, wanted)


class Rules(Section):
    """Where servers may be."""

    allowedDomains = Listed(Text())
    allowedAddresses = Listed(Text())
