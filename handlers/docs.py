"""The contracts, for programs and for people."""

from typing import Any

from echo import docs
from echo.handling.file_body import FileBody
from echo.services import Services

ASSET_LIFETIME = "public, max-age=86400"


def get_openapi(services: Services) -> dict[str, Any]:
    """The first contract's OpenAPI document, with this server's own address first."""
    return docs.served(services.contracts, services.contracts.echo, services.settings)


def get_librechat_openapi(services: Services) -> dict[str, Any]:
    """The document of LibreChat's API, with this server's own address first."""
    return docs.served(services.contracts, services.contracts.librechat, services.settings)


def get_docs(services: Services) -> tuple[str, int, dict[str, str]]:
    """The page that shows both documents."""
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": docs.content_security_policy(services.settings.domain_server),
    }
    return docs.page(), 200, headers


def get_docs_asset(*, asset: str) -> tuple[FileBody, int, dict[str, str]]:
    """A script, style sheet or picture of the page."""
    found = docs.find_asset(asset)
    body = FileBody(found.path, found.content_type, asset, inline=True)
    return body, 200, {"Cache-Control": ASSET_LIFETIME}
