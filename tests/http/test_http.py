"""What HTTP promises, on the assembled application."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from tests.conftest import Client, UserClient


class TestRequestId:
    def test_is_made_when_none_is_given(self, api: Client) -> None:
        first, second = (api.get("/health").headers["x-request-id"] for _ in range(2))
        assert re.fullmatch("[0-9a-f]{32}", first)
        assert first != second

    def test_is_taken_over_and_stands_in_errors(self, api: Client) -> None:
        response = api.get("/api/user", headers={"X-Request-Id": "trace-1"})
        assert response.headers["x-request-id"] == response.json()["requestId"] == "trace-1"

    @pytest.mark.parametrize("given", ["a b", "x" * 65, "id\x1b[31m", ""])
    def test_is_replaced_when_it_could_do_harm(self, api: Client, given: str) -> None:
        assert api.get("/health", headers={"X-Request-Id": given}).headers["x-request-id"] != given


class TestMethods:
    def test_head_is_get_without_the_body(self, ada: UserClient) -> None:
        got, head = ada.get("/api/convos"), ada.request("HEAD", "/api/convos")
        assert head.status_code == 200
        assert head.content == b""
        assert head.headers["content-length"] == str(len(got.content))

    def test_options_names_the_methods(self, api: Client) -> None:
        response = api.request("OPTIONS", "/api/messages/some-id/other-id")
        assert response.status_code == 204
        assert response.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PUT"

    def test_an_unknown_method_names_the_others(self, api: Client) -> None:
        response = api.request("TRACE", "/api/presets")
        assert response.status_code == 405
        assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"
        assert response.json()["code"] == "method_not_allowed"

    def test_a_static_path_is_no_template(self, api: Client) -> None:
        # `/api/convos/update` could also be a `/api/convos/{conversationId}`.
        response = api.request("GET", "/api/convos/update")
        assert response.status_code == 405
        assert response.headers["allow"] == "OPTIONS, POST"

    @pytest.mark.parametrize(
        "path", ["/", "/api", "/api/convos/", "//health", "/api/convos/a/b", "/static/x"]
    )
    def test_an_unknown_path_is_404(self, api: Client, path: str) -> None:
        response = api.get(path)
        assert response.status_code == 404
        assert response.json()["code"] == "no_such_path"


class TestHeaders:
    def test_stand_on_every_response(self, api: Client, ada: UserClient) -> None:
        for response in (
            api.get("/health"),
            api.get("/nowhere"),
            api.get("/api/user"),
            ada.get("/api/convos"),
        ):
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["x-frame-options"] == "DENY"
            assert response.headers["referrer-policy"] == "no-referrer"
            assert response.headers["cache-control"] == "no-store"
            assert "default-src 'none'" in response.headers["content-security-policy"]
            assert "server" not in response.headers

    def test_hsts_only_over_tls(self, api: Client, make_application: Callable[..., Client]) -> None:
        assert "strict-transport-security" not in api.get("/health").headers
        behind_proxy = make_application(TRUST_PROXY="1")
        response = behind_proxy.get("/health", headers={"X-Forwarded-Proto": "https"})
        assert "max-age" in response.headers["strict-transport-security"]


ORIGIN = {"Origin": "https://chat.example"}
PREFLIGHT = {
    **ORIGIN,
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "authorization",
}


class TestCors:
    def test_any_origin_by_default_without_credentials(self, api: Client) -> None:
        response = api.get("/api/user", headers=ORIGIN)
        assert response.status_code == 401
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers

    def test_preflight(self, api: Client) -> None:
        response = api.request("OPTIONS", "/api/assistants", headers=PREFLIGHT)
        assert response.status_code == 204
        allowed = response.headers["access-control-allow-methods"]
        assert sorted(allowed.split(", ")) == ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
        assert response.headers["access-control-max-age"] == "600"
        # RFC 9110, section 8.6.
        assert "content-length" not in response.headers
        shown = api.get("/health", headers=ORIGIN).headers["access-control-expose-headers"]
        assert sorted(shown.split(", ")) == ["Content-Disposition", "Retry-After", "X-Request-Id"]

    def test_named_origins_only(self, make_application: Callable[..., Client]) -> None:
        named = make_application(ECHO_CORS_ORIGINS="https://chat.example")
        allowed = named.request("OPTIONS", "/api/user", headers=PREFLIGHT)
        assert allowed.headers["access-control-allow-origin"] == "https://chat.example"
        assert allowed.headers["access-control-allow-credentials"] == "true"
        other = {**PREFLIGHT, "Origin": "https://evil.example"}
        refused = named.request("OPTIONS", "/api/user", headers=other)
        assert refused.status_code == 400
        assert refused.json()["code"] == "cors_refused"
        assert refused.json()["message"] == "This origin or method is not allowed."
        assert refused.headers["content-type"] == "application/json"
        assert int(refused.headers["content-length"]) == len(refused.content)
        assert "access-control-allow-origin" not in refused.headers

    def test_a_page_that_may_may_from_a_public_network_too(
        self, make_application: Callable[..., Client]
    ) -> None:
        named = make_application(ECHO_CORS_ORIGINS="https://chat.example")
        asked = {**PREFLIGHT, "Access-Control-Request-Private-Network": "true"}
        allowed = named.request("OPTIONS", "/api/user", headers=asked)
        assert allowed.status_code == 204
        assert allowed.headers["access-control-allow-private-network"] == "true"
        assert allowed.headers["access-control-allow-origin"] == "https://chat.example"
        assert "Access-Control-Request-Private-Network" in allowed.headers["vary"]
        refused = named.request("OPTIONS", "/api/user", headers={**asked, "Origin": "https://evil.example"})
        assert refused.status_code == 400
        assert refused.json()["code"] == "cors_refused"
        assert "access-control-allow-private-network" not in refused.headers

    def test_where_any_page_may_none_reaches_into_a_private_network(self, api: Client) -> None:
        asked = {**PREFLIGHT, "Access-Control-Request-Private-Network": "true"}
        response = api.request("OPTIONS", "/api/user", headers=asked)
        assert response.status_code == 204
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-private-network" not in response.headers

    def test_who_asks_for_no_private_network_is_told_of_none(
        self, make_application: Callable[..., Client]
    ) -> None:
        named = make_application(ECHO_CORS_ORIGINS="https://chat.example")
        response = named.request("OPTIONS", "/api/user", headers=PREFLIGHT)
        assert "access-control-allow-private-network" not in response.headers


class TestBodies:
    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"{", "malformed_json"),
            (b"\xff\xfe", "malformed_json"),
            (b'{"email": NaN}', "malformed_json"),
            (b'{"email": "\\ud800", "password": "x"}', "malformed_json"),
            (b"[" * 100_000, "malformed_json"),
            (b"", "validation_failed"),
            (b"[]", "validation_failed"),
        ],
    )
    def test_that_cannot_be_read_are_400(self, api: Client, content: bytes, code: str) -> None:
        headers = {"Content-Type": "application/json"}
        response = api.post("/api/auth/login", content=content, headers=headers)
        assert response.status_code == 400
        assert response.json()["code"] == code

    def test_of_another_type_are_415(self, api: Client) -> None:
        response = api.post("/api/auth/login", content=b"a=b", headers={"Content-Type": "text/csv"})
        assert response.status_code == 415

    def test_in_another_charset_are_415(self, api: Client) -> None:
        headers = {"Content-Type": "application/json; charset=utf-16"}
        assert api.post("/api/auth/login", content=b"{}", headers=headers).status_code == 415

    def test_name_each_field_that_is_wrong(self, api: Client) -> None:
        response = api.post("/api/auth/login", json={"email": 1})
        assert response.status_code == 400
        assert {"email", "password"} <= {error["field"] for error in response.json()["errors"]}

    def test_over_the_limit_are_413(self, make_application: Callable[..., Client]) -> None:
        small = make_application(ECHO_MAX_BODY_BYTES="1000")
        body = json.dumps({"email": "a@example.com", "password": "x" * 1000}).encode()
        headers = {"Content-Type": "application/json"}
        assert small.post("/api/auth/login", content=body, headers=headers).status_code == 413

        def chunks() -> Iterator[bytes]:
            yield from (body[start : start + 100] for start in range(0, len(body), 100))

        assert small.post("/api/auth/login", content=chunks(), headers=headers).status_code == 413

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_where_none_belongs_are_thrown_away(
        self, make_application: Callable[..., Client], method: str
    ) -> None:
        small = make_application(ECHO_MAX_BODY_BYTES="1000")
        for content in (b"x" * 2000, iter([b"x" * 500] * 4)):
            assert small.request(method, "/health", content=content).status_code == 200

    def test_chunked_within_the_limit_are_read(self, api: Client) -> None:
        response = api.post(
            "/api/auth/login",
            content=iter([b'{"email": "nobody@example.com",', b'"password": "not this one"}']),
            headers={"Content-Type": "application/json"},
        )
        assert response.status_code == 401

    @pytest.mark.parametrize(
        ("content_type", "content"),
        [
            ("multipart/form-data", b"x"),
            ("multipart/form-data; boundary=", b"x"),
            ("multipart/form-data; boundary=b", b""),
            ("multipart/form-data; boundary=b", b"--b\r\nno headers"),
            ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"),
        ],
    )
    def test_broken_forms_are_400(self, ada: UserClient, content_type: str, content: bytes) -> None:
        response = ada.post("/api/files", content=content, headers={"Content-Type": content_type})
        assert response.status_code == 400


class TestFaults:
    def test_are_answered_with_nothing_but_a_500(
        self, ada: UserClient, services: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: Any, **__: Any) -> Any:
            raise RuntimeError("canary-in-the-exception")

        monkeypatch.setattr(type(services.library.presets), "list", fail)
        response = ada.get("/api/presets")
        assert response.status_code == 500
        assert response.json()["code"] == "internal_error"
        assert "canary" not in response.text

    def test_an_answer_that_breaks_the_contract_is_a_500_and_logged_in_full(
        self, ada: UserClient, services: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(type(services.providers.catalog), "models", lambda *_: {"openAI": "canary"})
        with structlog.testing.capture_logs() as logged:
            response = ada.get("/api/models")
        assert response.status_code == 500
        assert response.json()["code"] == "internal_error"
        assert "canary" not in response.text
        [line] = [line for line in logged if line["log_level"] == "error"]
        assert (line["event"], line["status"]) == ("response breaks the contract", 200)
        assert b"canary" in line["answer"]
