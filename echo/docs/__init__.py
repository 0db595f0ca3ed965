"""The page at `/docs`: Swagger UI from the files of an installed package, and a page and script of our own.

Nothing is fetched from elsewhere, and no script is inline, so the page runs under a strict content policy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from echo.contract.compiled import ECHO
from echo.contract.document import Contract
from echo.contract.routes import API, Contracts
from echo.docs.examples import only_model, with_model
from echo.errors import NotFound
from echo.settings import Settings

_OWN_FILES = Path(__file__).parent
_JAVASCRIPT = "text/javascript; charset=utf-8"
_CSS = "text/css; charset=utf-8"

OWN_ASSETS = {"echo.js": _JAVASCRIPT}
SWAGGER_UI_ASSETS = {
    "favicon-32x32.png": "image/png",
    "index.css": _CSS,
    "swagger-ui-bundle.js": _JAVASCRIPT,
    "swagger-ui-standalone-preset.js": _JAVASCRIPT,
    "swagger-ui.css": _CSS,
}


@dataclass(frozen=True)
class Asset:
    """A file of the page."""

    path: Path
    content_type: str


def find_asset(name: str) -> Asset:
    """The asset of that name. Raises `NotFound` for any name that is not one of the few."""
    if content_type := OWN_ASSETS.get(name):
        return Asset(_OWN_FILES / name, content_type)
    if content_type := SWAGGER_UI_ASSETS.get(name):
        return Asset(_swagger_ui_files() / name, content_type)
    raise NotFound


@cache
def page() -> str:
    """The HTML page."""
    return (_OWN_FILES / "page.html").read_text(encoding="utf-8")


def content_security_policy(server: str) -> str:
    """What the page may load and call: this server, by the address that it is reached at or calls its own."""
    address = urlsplit(server)
    return (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        f"connect-src 'self' {address.scheme}://{address.netloc}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def served(contracts: Contracts, contract: Contract, settings: Settings) -> dict[str, Any]:
    """A contract's document as this server serves it: below its path, all but what is at the root in any case.

    Where only the offline model answers, the examples of chats are with it, so that they can be tried.
    """
    server = settings.domain_server
    document = with_server(contract.document, server + contracts.bases[contract.name])
    if model := only_model(settings.providers):
        document = with_model(document, *model)
    if contract.name == ECHO and contracts.bases[ECHO]:
        root = [{"url": server, "description": "This server"}]
        document["paths"] = {
            path: item if path.startswith(API) else {**item, "servers": root}
            for path, item in document["paths"].items()
        }
    return document


def with_server(document: Mapping[str, Any], server: str) -> dict[str, Any]:
    """A copy of the document with the server first among its `servers`, and listed once.

    It takes the place of addresses without a host, which say the same as long as the document is read where it is
    served.
    """
    others = [
        entry
        for entry in document.get("servers", [])
        if not entry["url"].startswith("/") and entry["url"] != server
    ]
    return {**document, "servers": [{"url": server, "description": "This server"}, *others]}


@cache
def _swagger_ui_files() -> Path:
    # The package is looked up, not imported: only its files are wanted, not its adapters for web frameworks.
    spec = find_spec("swagger_ui")
    if spec is None or spec.origin is None:
        raise NotFound("The files of the documentation page are not installed.")
    return Path(spec.origin).parent / "static"
