"""The one page of the client: `index.html` with the address that it is served under, and what it may load."""

import base64
import gzip
import hashlib
import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser

from echo.webclient.files import ClientFile, NotAClient

MAX_PAGE_BYTES = 1024 * 1024
MAX_SCRIPT_BYTES = 32 * 1024 * 1024
# The editor of artifacts is loaded from there by the client's own build, in one version.
EDITOR = re.compile(rb"https://cdn\.jsdelivr\.net/npm/monaco-editor@[0-9A-Za-z.-]{1,40}/")
# Where Sandpack shows artifacts, unless the operator has a bundler of his own.
SANDPACK = "https://*.codesandbox.io"
_BASE = re.compile(r"<base\b[^>]*>", re.IGNORECASE)
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
# What browsers run; every other type is data.
_SCRIPT_TYPES = frozenset({"", "module", "importmap", "text/javascript", "application/javascript"})


@dataclass(frozen=True)
class Page:
    """The page as it is sent, plain and compressed, and its inline scripts as a policy names them."""

    body: bytes
    gzipped: bytes
    etag: str
    script_hashes: tuple[str, ...]


def read_page(file: ClientFile, base: str) -> Page:
    """The page of a client that is served under this path, which ends with "/".

    All addresses in the client are relative to its `<base>`. Raises `NotAClient` for a page that cannot be used.
    """
    try:
        with file.path.open("rb") as stream:
            content = stream.read(MAX_PAGE_BYTES + 1)
        text = content.decode()
    except (OSError, UnicodeError) as error:
        raise NotAClient("has an index.html that cannot be read") from error
    if len(content) > MAX_PAGE_BYTES:
        raise NotAClient("has an index.html that is too large")
    # As browsers read it, before they hash a script.
    text = _with_base(text.replace("\r\n", "\n").replace("\r", "\n"), base)
    body = text.encode()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return Page(body, gzip.compress(body, mtime=0), etag, tuple(_script_hashes(text)))


def _with_base(text: str, base: str) -> str:
    tag = f'<base href="{html.escape(base)}" />'
    if _BASE.search(text):
        return _BASE.sub(lambda _: tag, text, count=1)
    head = _HEAD.search(text)
    if head is None:
        raise NotAClient("has an index.html that is no page of a client")
    return f"{text[: head.end()]}{tag}{text[head.end() :]}"


def _script_hashes(text: str) -> Iterable[str]:
    scripts = _InlineScripts()
    scripts.feed(text)
    scripts.close()
    for script in scripts.found:
        digest = hashlib.sha256(script.encode()).digest()
        yield f"'sha256-{base64.b64encode(digest).decode()}'"


class _InlineScripts(HTMLParser):
    """Collects the texts of the scripts that stand in a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[str] = []
        self._is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script" and "src" not in given and (given.get("type") or "").lower() in _SCRIPT_TYPES:
            self._is_inside = True
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._is_inside = False

    def handle_data(self, data: str) -> None:
        if self._is_inside:
            self.found[-1] += data


def content_security_policy(
    page: Page, files: Mapping[str, ClientFile], frame_sources: Iterable[str] = ()
) -> str:
    """What the client may load and run (CSP level 3): itself, and what its features are known to need.

    Scripts are its own files and the inline ones of its page, by their hashes. Styles stand in its elements.
    Messages may show any picture over HTTPS. Workers, previews, speech and downloads are blobs. Artifacts run in
    frames of another origin. It goes with every file: a worker obeys the policy of its own script.
    """
    editor = sorted(_editor_addresses(files))
    directives = {
        "default-src": ["'self'"],
        "script-src": ["'self'", *page.script_hashes, *editor],
        "style-src": ["'self'", "'unsafe-inline'", *editor],
        "img-src": ["'self'", "data:", "blob:", "https:"],
        "font-src": ["'self'", "data:", *editor],
        "connect-src": ["'self'", "blob:", "data:"],
        "media-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "frame-src": ["'self'", "blob:", SANDPACK, *frame_sources],
        # A browser's own viewer of PDFs, in a preview.
        "object-src": ["blob:"],
        "manifest-src": ["'self'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())


def _editor_addresses(files: Mapping[str, ClientFile]) -> set[str]:
    found: set[str] = set()
    for file in files.values():
        if file.media_type == "text/javascript":
            try:
                with file.path.open("rb") as stream:
                    script = stream.read(MAX_SCRIPT_BYTES)
                # Thirty times as fast as to look for the whole.
                if b"/monaco-editor@" in script:
                    found |= {match.decode() for match in EDITOR.findall(script)}
            except OSError as error:
                raise NotAClient("has files that cannot be read") from error
    return found
