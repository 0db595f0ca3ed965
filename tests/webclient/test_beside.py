"""The web client beside the contracts, in the whole application."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Client
from tests.support.web_client import build_client

HTML = {"Accept": "text/html"}


@pytest.mark.parametrize(("root", "base"), [("echo", "/chat"), ("librechat", "")])
def test_a_browser_gets_the_client_and_programs_the_contracts(
    make_application: Callable[..., Client], tmp_path: Path, root: str, base: str
) -> None:
    directory = build_client(tmp_path / "dist")
    server = make_application(ECHO_ROOT=root, ECHO_WEB_CLIENT=str(directory))._http
    page = server.get(f"{base}/c/new", headers=HTML)
    assert page.status_code == 200
    assert f'<base href="{base}/"' in page.text
    assert server.get(f"{base}/robots.txt").text.startswith("User-agent")
    assert server.get(f"{base}/api/config").json()["appTitle"] == "Echo"
    missing = server.get(f"{base}/api/nothing", headers=HTML)
    assert (missing.status_code, missing.json()["code"]) == (404, "no_such_path")
    assert server.post(f"{base}/c/new").status_code == 404
    # In the whole application too: headers of a 304 replace those that a browser has stored.
    again = server.get(f"{base}/c/new", headers={**HTML, "If-None-Match": page.headers["etag"]})
    policies = [each.headers["content-security-policy"] for each in (page, again)]
    assert again.status_code == 304
    assert policies[0] == policies[1]
    for path in ("/health", "/docs", "/openapi.json"):
        assert "<base" not in server.get(path, headers=HTML).text


def test_the_path_without_its_slash_leads_there(
    make_application: Callable[..., Client], tmp_path: Path
) -> None:
    directory = build_client(tmp_path / "dist")
    server = make_application(ECHO_WEB_CLIENT=str(directory))._http
    moved = server.get("/chat", follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (307, "/chat/")
    assert server.get("/c/new", headers=HTML).status_code == 404


def test_a_browser_that_opens_the_root_is_sent_to_the_client(
    make_application: Callable[..., Client], tmp_path: Path
) -> None:
    directory = build_client(tmp_path / "dist")
    server = make_application(ECHO_WEB_CLIENT=str(directory))._http
    moved = server.get("/", headers=HTML, follow_redirects=False)
    assert (moved.status_code, moved.headers["location"]) == (307, "/chat/")
    assert server.get("/", headers=HTML).text.count('<base href="/chat/"') == 1
    for answer in (server.get("/"), server.post("/", headers=HTML)):
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_path")


def test_the_operators_bundlers_are_told_to_the_client_and_allowed_by_its_policy(
    make_application: Callable[..., Client], tmp_path: Path
) -> None:
    settings = {
        "SANDPACK_BUNDLER_URL": "https://b.example/x",
        "SANDPACK_STATIC_BUNDLER_URL": "https://b.example/y",
    }
    client = make_application(ECHO_WEB_CLIENT=str(build_client(tmp_path / "dist")), **settings)
    policy = client._http.get("/chat/", headers=HTML).headers["content-security-policy"]
    assert "frame-src 'self' blob: https://*.codesandbox.io https://b.example;" in policy
