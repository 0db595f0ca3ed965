"""LibreChat's web client, served as it was built."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from starlette.datastructures import Headers
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.staticfiles import NotModifiedResponse
from starlette.types import Receive, Scope, Send
from werkzeug.datastructures import Accept, MIMEAccept
from werkzeug.http import is_resource_modified, parse_accept_header

from echo.contract.responses import send_rendered
from echo.error_bodies import render
from echo.errors import NotFound
from echo.handling.conditions import etag, is_range
from echo.handling.scope import IS_HEAD, REQUEST_ID
from echo.webclient.files import ASK_FIRST, ClientFile, find_files, is_file_name, regular
from echo.webclient.page import Page, content_security_policy, read_page

# What the server answers itself, there or not: never a page of the client.
SERVERS_OWN = frozenset({"api", "images", "oauth"})


class WebClient:
    """An ASGI application that answers with the files of a built client, below the path `base`.

    Files are known by their names from the start, so no path leads out of the directory. Every other path that is
    not the server's own is a page of the client: it answers browsers with `index.html`, and the client finds out
    which page was meant. Browsers that open the root of the server are sent to the base: LibreChat's client itself
    goes there after a second factor. Raises `NotAClient` for a directory without a built client.
    """

    def __init__(self, directory: Path, base: str, *, frame_sources: Iterable[str] = ()) -> None:
        if not (base.startswith("/") and base.endswith("/")):
            raise ValueError("the base begins and ends with a slash")
        self._base = base
        self._files = find_files(directory)
        self._page = read_page(self._files.pop("index.html"), base)
        policy = content_security_policy(self._page, self._files, frame_sources)
        self._page_headers = {
            "Content-Security-Policy": f"{policy}; frame-ancestors 'none'",
            # Providers of logins and tools open windows that report back.
            "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
        }
        # The client plays a silence in a frame, so that it may speak later.
        self._file_headers = {
            "Content-Security-Policy": f"{policy}; frame-ancestors 'self'",
            "X-Frame-Options": "SAMEORIGIN",
        }

    def claims(self, method: str, path: str) -> bool:
        """Whether this is for the client: a path below the base, without its slash, percent-encoded as sent."""
        return method in ("GET", "HEAD") and self._find(path) is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what is not for the client has the contract's answer for a path that it lacks."""
        if scope.get(IS_HEAD):
            # The file is then not read at all.
            scope = {**scope, "method": "HEAD"}
        response = self._response(scope)
        if response is None:
            error = NotFound(code="no_such_path")
            rendered = render(error, request_id=scope.get(REQUEST_ID), path=scope["path"])
            await send_rendered(send, rendered)
            return
        await response(_with_one_range(scope), receive, send)

    def _response(self, scope: Scope) -> Response | None:
        if scope["method"] not in ("GET", "HEAD"):
            return None
        path, headers = _sent_path(scope), Headers(scope=scope)
        if f"{path}/" == self._base or (path == "/" != self._base and _takes_html(headers)):
            return RedirectResponse(self._base, status_code=307, headers={"Cache-Control": ASK_FIRST})
        if not path.startswith(self._base):
            return None
        found = self._find(path.removeprefix(self._base))
        if isinstance(found, ClientFile):
            return self._file_response(found, headers)
        if isinstance(found, Page) or (found and _takes_html(headers)):
            return self._page_response(self._page, headers)
        return None

    def _find(self, path: str) -> ClientFile | Page | bool | None:
        """A file; the page, for its own addresses; True for what may be a page of the client; None."""
        try:
            name = unquote_to_bytes(path).decode()
        except UnicodeError:
            return None
        if name in ("", "index.html"):
            return self._page
        if file := self._files.get(name):
            return file
        # A file that is missing, and answered with a page, would break the script or the cache that asked for it.
        if name.partition("/")[0] in SERVERS_OWN or is_file_name(name):
            return None
        return True

    def _page_response(self, page: Page, headers: Headers) -> Response:
        zipped = _accepted(headers)["gzip"] > 0
        own = {
            **self._page_headers,
            "Cache-Control": ASK_FIRST,
            "ETag": f'{page.etag[:-1]}-gzip"' if zipped else page.etag,
            "Vary": "Accept, Accept-Encoding",
        }
        if zipped:
            own["Content-Encoding"] = "gzip"
        response = Response(page.gzipped if zipped else page.body, headers=own, media_type="text/html")
        return response if _is_modified(headers, own) else _not_modified(response)

    def _file_response(self, file: ClientFile, headers: Headers) -> Response | None:
        accepted = _accepted(headers)
        encoding = next((each for each in file.variants if accepted[each] > 0), None)
        path = file.variants[encoding] if encoding else file.path
        # Looked at each time: whoever builds the client anew in this directory must not break answers under way.
        found = regular(path)
        if found is None:
            return None
        own = {**self._file_headers, "Cache-Control": file.cache_control, "ETag": etag(found, encoding)}
        if file.variants:
            own["Vary"] = "Accept-Encoding"
        if encoding:
            own["Content-Encoding"] = encoding
        response = FileResponse(path, headers=own, media_type=file.media_type, stat_result=found)
        modified = _is_modified(headers, {**own, "Last-Modified": response.headers["last-modified"]})
        return response if modified else _not_modified(response)


def _not_modified(response: Response) -> Response:
    """The same without its body; a browser puts these headers in the place of those that it has stored."""
    kept = ("content-security-policy", "cross-origin-opener-policy", "x-frame-options")
    policies = {name: response.headers[name] for name in kept if name in response.headers}
    unchanged = NotModifiedResponse(response.headers)
    unchanged.headers.update(policies)
    return unchanged


def _sent_path(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return raw.decode("latin-1")


def _accepted(headers: Headers) -> Accept:
    return parse_accept_header(headers.get("accept-encoding", ""))


def _takes_html(headers: Headers) -> bool:
    """Whether a browser goes there: scripts ask for anything, and would take a page for their data."""
    accepted = parse_accept_header(headers.get("accept", ""), MIMEAccept)
    return any(quality > 0 and value.lower() == "text/html" for value, quality in accepted)


def _is_modified(headers: Headers, own: dict[str, str]) -> bool:
    environ: dict[str, Any] = {"REQUEST_METHOD": "GET"}
    for name in ("if-none-match", "if-modified-since"):
        if name in headers:
            environ[f"HTTP_{name.upper().replace('-', '_')}"] = headers[name]
    return is_resource_modified(environ, etag=own["ETag"], last_modified=own.get("Last-Modified"))


def _with_one_range(scope: Scope) -> Scope:
    """The request without a range that is none: it is answered whole."""
    given = Headers(scope=scope).get("range")
    if given is None:
        return scope
    if is_range(given):
        return scope
    return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"range"]}
