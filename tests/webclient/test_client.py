"""The web client as browsers get it: types, caching, compressed variants, ranges, deep links, its policy."""

import asyncio
import base64
import gzip
import hashlib
import os
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from echo.http.edge import Edge
from echo.webclient.client import WebClient
from echo.webclient.files import NotAClient
from tests.support.web_client import INDEX, INLINE, SCRIPT, build_client

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HASHED = "assets/index.Dq3_x-9Z.js"


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("client")
    (place / "secret.txt").write_text("canary")
    return build_client(place / "dist")


def browser(client: WebClient, base: str = "/") -> TestClient:
    """A browser of a server that has nothing but this client."""
    http = TestClient(Edge(client, trusted_proxies=0), base_url=f"http://testserver{base}")
    http.headers["Accept-Encoding"] = "identity"
    return http


@pytest.fixture(scope="module")
def served(dist: Path) -> TestClient:
    return browser(WebClient(dist, "/"))


@pytest.fixture(scope="module")
def below(dist: Path) -> TestClient:
    return browser(WebClient(dist, "/chat/"), "/chat/")


class TestFiles:
    @pytest.mark.parametrize(
        ("path", "media_type", "cache"),
        [
            (HASHED, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
            ("assets/index.Bm2_aQ1c.css", "text/css; charset=utf-8", "public, max-age=31536000, immutable"),
            ("assets/favicon-32x32.png", "image/png", "public, max-age=86400"),
            ("assets/fonts/Inter-Regular.woff2", "font/woff2", "public, max-age=86400"),
            ("assets/with%20space%20%C3%A4.svg", "image/svg+xml", "public, max-age=86400"),
            ("sw.js", "text/javascript; charset=utf-8", "no-cache"),
            ("registerSW.js", "text/javascript; charset=utf-8", "no-cache"),
            ("manifest.webmanifest", "application/manifest+json", "no-cache"),
            ("robots.txt", "text/plain; charset=utf-8", "no-cache"),
        ],
    )
    def test_have_their_type_and_are_kept_as_long_as_they_last(
        self, served: TestClient, path: str, media_type: str, cache: str
    ) -> None:
        response = served.get(path)
        assert response.status_code == 200
        assert response.headers["content-type"] == media_type
        assert response.headers["cache-control"] == cache
        assert response.headers["x-content-type-options"] == "nosniff"

    def test_are_sent_as_they_are(self, served: TestClient) -> None:
        response = served.get(HASHED)
        assert response.content == SCRIPT
        assert response.headers["content-length"] == str(len(SCRIPT))
        assert response.headers["vary"] == "Accept-Encoding"

    def test_head_has_the_headers_alone(self, served: TestClient) -> None:
        get, head = served.get(HASHED), served.head(HASHED)
        assert (head.status_code, head.content) == (200, b"")
        assert {**head.headers, "x-request-id": ""} == {**get.headers, "x-request-id": ""}

    @pytest.mark.parametrize(
        ("accepted", "encoding", "etag_ends"),
        [
            ("gzip, deflate, br", "br", '-br"'),
            ("gzip", "gzip", '-gzip"'),
            ("br;q=0, gzip;q=0.5", "gzip", '-gzip"'),
            ("*", "br", '-br"'),
            ("deflate", None, ""),
            ("gzip;q=0, br;q=0", None, ""),
        ],
    )
    def test_compressed_variants_go_to_those_who_take_them(
        self, served: TestClient, accepted: str, encoding: str | None, etag_ends: str
    ) -> None:
        with served.stream("GET", HASHED, headers={"Accept-Encoding": accepted}) as response:
            body = b"".join(response.iter_raw())
        assert response.headers.get("content-encoding") == encoding
        assert response.headers["content-type"] == "text/javascript; charset=utf-8"
        assert response.headers["etag"].endswith(etag_ends)
        wanted = {"br": b"brotli's bytes", "gzip": gzip.compress(SCRIPT, mtime=0), None: SCRIPT}
        assert body == wanted[encoding]

    def test_variants_are_no_files_of_their_own(self, served: TestClient) -> None:
        assert served.get(f"{HASHED}.br", headers={"Accept": "*/*"}).status_code == 404

    def test_known_ones_are_not_sent_again(self, served: TestClient) -> None:
        first = served.get(HASHED)
        for headers in (
            {"If-None-Match": first.headers["etag"]},
            {"If-None-Match": f'"other", W/{first.headers["etag"]}'},
            {"If-Modified-Since": first.headers["last-modified"]},
        ):
            again = served.get(HASHED, headers=headers)
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == first.headers["etag"]
            assert again.headers["cache-control"] == "public, max-age=31536000, immutable"
        other = served.get(HASHED, headers={"If-None-Match": '"other"', "Accept-Encoding": "gzip"})
        assert other.status_code == 200

    @pytest.mark.parametrize(
        ("asked", "status", "body", "range_"),
        [
            ("bytes=0-3", 206, SCRIPT[:4], f"bytes 0-3/{len(SCRIPT)}"),
            ("bytes=-5", 206, SCRIPT[-5:], f"bytes {len(SCRIPT) - 5}-{len(SCRIPT) - 1}/{len(SCRIPT)}"),
            (f"bytes={len(SCRIPT)}-", 416, b"", f"bytes */{len(SCRIPT)}"),
            ("bytes=4-2", 200, SCRIPT, None),
            ("bytes=0-1,4-5", 200, SCRIPT, None),
            ("lines=1-2", 200, SCRIPT, None),
            ("bytes=x", 200, SCRIPT, None),
            ("bytes=" + "9" * 5000 + "-", 200, SCRIPT, None),
        ],
    )
    def test_one_range_is_sent_and_what_is_none_is_ignored(
        self, served: TestClient, asked: str, status: int, body: bytes, range_: str | None
    ) -> None:
        response = served.get(HASHED, headers={"Range": asked})
        assert (response.status_code, response.content) == (status, body)
        assert response.headers.get("content-range") == range_

    def test_a_range_of_another_version_is_answered_whole(self, served: TestClient) -> None:
        etag = served.get(HASHED).headers["etag"]
        for condition, status in ((etag, 206), ('"other"', 200)):
            headers = {"Range": "bytes=0-3", "If-Range": condition}
            assert served.get(HASHED, headers=headers).status_code == status


class TestPage:
    def test_has_the_base_that_it_is_served_under_and_is_asked_for_each_time(
        self, served: TestClient, below: TestClient
    ) -> None:
        for http, base in ((served, "/"), (below, "/chat/")):
            response = http.get("", headers=HTML)
            assert response.status_code == 200
            assert response.text == INDEX.replace('<base href="/" />', f'<base href="{base}" />')
            assert 'lang="en-US"' in response.text
            assert response.headers["content-type"] == "text/html; charset=utf-8"
            assert response.headers["cache-control"] == "no-cache"
            again = http.get("index.html", headers={"If-None-Match": response.headers["etag"]})
            assert again.status_code == 304
            assert again.headers["content-security-policy"] == response.headers["content-security-policy"]

    def test_is_compressed_for_those_who_take_it(self, served: TestClient) -> None:
        with served.stream("GET", "", headers={"Accept-Encoding": "gzip"}) as response:
            assert gzip.decompress(b"".join(response.iter_raw())) == INDEX.encode()
        assert response.headers["content-encoding"] == "gzip"
        assert response.headers["vary"] == "Accept, Accept-Encoding"

    @pytest.mark.parametrize(
        "path", ["c/new", "c/0a8c-uuid", "login", "share/x", "search", "d/prompts/1", "c/%F0%9F%98%80"]
    )
    def test_answers_browsers_for_every_page_of_the_client(
        self, served: TestClient, below: TestClient, path: str
    ) -> None:
        for http in (served, below):
            assert "<title>LibreChat" in http.get(path, headers=HTML).text
            # What asks for anything is a script.
            refused = http.get(path, headers={"Accept": "*/*"})
            assert (refused.status_code, refused.json()["code"]) == (404, "no_such_path")
            assert refused.headers["cache-control"] == "no-store"

    @pytest.mark.parametrize(
        "path",
        ["api", "api/x", "images/a", "oauth/google", "ap%69/x", "assets/gone.Dq3_x-9Z.js", "gone.png", "%FF"],
    )
    def test_answers_for_nothing_of_the_servers_and_no_file(self, served: TestClient, path: str) -> None:
        response = served.get(path, headers=HTML)
        assert (response.status_code, response.json()["code"]) == (404, "no_such_path")

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
    def test_answers_to_reading_only(self, served: TestClient, method: str) -> None:
        assert served.request(method, "c/new", headers=HTML).status_code == 404

    def test_without_its_slash_leads_to_the_base(self, dist: Path) -> None:
        response = browser(WebClient(dist, "/chat/")).get("/chat", headers=HTML, follow_redirects=False)
        assert (response.status_code, response.headers["location"]) == (307, "/chat/")

    def test_outside_of_its_base_is_not_the_clients(self, dist: Path) -> None:
        http = browser(WebClient(dist, "/chat/"))
        for path in ("/login", "/chats/", "/assets/favicon-32x32.png"):
            assert http.get(path, headers=HTML).status_code == 404

    def test_without_a_base_gets_one(self, tmp_path: Path) -> None:
        build_client(tmp_path)
        (tmp_path / "index.html").write_text("<html><head><title>x</title></head></html>")
        page = browser(WebClient(tmp_path, "/chat/"), "/chat/").get("", headers=HTML)
        assert page.text == '<html><head><base href="/chat/" /><title>x</title></head></html>'


class TestClaims:
    def test_what_it_would_answer(self, dist: Path) -> None:
        client = WebClient(dist, "/chat/")
        claimed = ["", "index.html", HASHED, "assets/with%20space%20%C3%A4.svg", "c/new", "login"]
        assert [client.claims("GET", path) for path in claimed] == [True] * 6
        assert client.claims("HEAD", HASHED)
        unclaimed = ["api/x", "api", "images/u/x.png", "oauth/openid", "assets/gone.js", "%ff", "x.png"]
        assert [client.claims("GET", path) for path in unclaimed] == [False] * 7
        assert not client.claims("POST", "login")
        assert not client.claims("OPTIONS", "")


class TestTheDirectory:
    @pytest.mark.parametrize(
        "path",
        [
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/..%2fsecret.txt",
            "/assets/..%2f..%2fsecret.txt",
            "/assets/%2e%2e%2f%2e%2e%2fsecret.txt",
            "/%252e%252e/secret.txt",
            "//etc/passwd",
            "/%2fetc%2fpasswd",
            "/..%5csecret.txt",
            "/%00",
            "/index.html%00.js",
        ],
    )
    def test_is_not_left_by_a_path(self, dist: Path, path: str) -> None:
        sent: list[dict[str, object]] = []

        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        async def receive() -> dict[str, object]:
            await asyncio.Event().wait()
            return {}

        scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "headers": []}
        asyncio.run(WebClient(dist, "/")(scope, receive, send))  # type: ignore[arg-type]
        assert sent[0]["status"] == 404
        assert b"canary" not in b"".join(each.get("body", b"") for each in sent)  # type: ignore[misc]

    def test_is_not_left_by_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "secret.txt").write_text("canary")
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "x.txt").write_text("canary")
        dist = build_client(tmp_path / "dist")
        (dist / "linked.txt").symlink_to(tmp_path / "secret.txt")
        (dist / "assets" / "linked").symlink_to(tmp_path / "outside")
        (dist / "assets" / "fifo.js").parent.mkdir(exist_ok=True)
        os.mkfifo(dist / "assets" / "fifo.js")
        (dist / "inside.txt").symlink_to("robots.txt")
        http = browser(WebClient(dist, "/"))
        for path in ("linked.txt", "assets/linked/x.txt", "assets/fifo.js"):
            assert http.get(path).status_code == 404
        assert http.get("inside.txt").text.startswith("User-agent")

    def test_shows_nothing_hidden(self, tmp_path: Path) -> None:
        dist = build_client(tmp_path)
        build_client(dist, {".env": b"canary", ".git/config.txt": b"canary"})
        http = browser(WebClient(dist, "/"))
        assert "canary" not in http.get(".env", headers=HTML).text
        assert http.get(".git/config.txt", headers=HTML).status_code == 404

    def test_that_is_built_anew_breaks_no_answer(self, tmp_path: Path) -> None:
        dist = build_client(tmp_path)
        http = browser(WebClient(dist, "/"))
        etag = http.get("robots.txt").headers["etag"]
        (dist / "robots.txt").write_bytes(b"longer than it was, by far and away: " * 20)
        changed = http.get("robots.txt", headers={"If-None-Match": etag})
        assert changed.content == b"longer than it was, by far and away: " * 20
        (dist / "robots.txt").unlink()
        assert http.get("robots.txt").status_code == 404
        (dist / "robots.txt").symlink_to("/etc/hostname")
        assert http.get("robots.txt").status_code == 404

    @pytest.mark.parametrize(
        ("files", "why"),
        [
            ({}, "has no index.html"),
            ({"index.html": b"<head>"}, "has no assets (was the client built?)"),
            ({"index.html": b"\xff", "assets/a.js": b""}, "has an index.html that cannot be read"),
            ({"index.html": b"text", "assets/a.js": b""}, "has an index.html that is no page of a client"),
            (
                {"index.html": b"<head>" + b" " * 2**20, "assets/a.js": b""},
                "has an index.html that is too large",
            ),
        ],
    )
    def test_without_a_built_client_is_refused(
        self, tmp_path: Path, files: dict[str, bytes], why: str
    ) -> None:
        with pytest.raises(NotAClient) as refused:
            WebClient(build_client(tmp_path, files), "/")
        assert str(refused.value) == why

    def test_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(NotAClient, match=r"^is not a directory$"):
            WebClient(tmp_path / "nowhere", "/")


class TestPolicy:
    def test_lets_the_client_run_and_nothing_else(self, served: TestClient) -> None:
        digest = base64.b64encode(hashlib.sha256(INLINE.encode()).digest()).decode()
        expected = {
            "default-src": "'self'",
            "script-src": f"'self' 'sha256-{digest}'",
            "style-src": "'self' 'unsafe-inline'",
            "img-src": "'self' data: blob: https:",
            "font-src": "'self' data:",
            "connect-src": "'self' blob: data:",
            "media-src": "'self' blob: data:",
            "worker-src": "'self' blob:",
            "frame-src": "'self' blob: https://*.codesandbox.io",
            "object-src": "blob:",
            "manifest-src": "'self'",
            "base-uri": "'self'",
            "form-action": "'self'",
        }
        # A worker obeys the policy that comes with its own script.
        for path, ancestors in (("", "'none'"), ("c/new", "'none'"), ("sw.js", "'self'"), (HASHED, "'self'")):
            policy = served.get(path, headers=HTML).headers["content-security-policy"]
            given = dict(each.split(" ", 1) for each in policy.split("; "))
            assert given == {**expected, "frame-ancestors": ancestors}

    def test_lets_the_client_frame_its_own_files_and_nobody_its_page(self, served: TestClient) -> None:
        assert served.get("", headers=HTML).headers["x-frame-options"] == "DENY"
        # It plays a silence in a frame.
        assert served.get("assets/favicon-32x32.png").headers["x-frame-options"] == "SAMEORIGIN"

    def test_lets_logins_open_windows(self, served: TestClient) -> None:
        headers = served.get("", headers=HTML).headers
        assert headers["cross-origin-opener-policy"] == "same-origin-allow-popups"

    def test_names_the_one_version_of_the_editor_that_the_build_loads(self, tmp_path: Path) -> None:
        dist = build_client(tmp_path)
        address = "https://cdn.jsdelivr.net/npm/monaco-editor@0.55.1/"
        (dist / "assets" / "editor.Aa1Bb2Cc.js").write_text(f'const o={{paths:{{vs:"{address}min/vs"}}}};')
        policy = browser(WebClient(dist, "/")).get("").headers["content-security-policy"]
        directives = dict(each.split(" ", 1) for each in policy.split("; "))
        named = [name for name, sources in directives.items() if address in sources.split()]
        assert named == ["script-src", "style-src", "font-src"]

    def test_has_the_operators_bundlers(self, dist: Path) -> None:
        client = WebClient(dist, "/", frame_sources=["https://bundler.example"])
        policy = browser(client).get("").headers["content-security-policy"]
        assert "frame-src 'self' blob: https://*.codesandbox.io https://bundler.example;" in policy
