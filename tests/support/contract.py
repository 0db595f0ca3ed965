"""Holds a response against the document of its operation, by plain `jsonschema` and nothing of the product's own."""

import json
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from echo.testing.events import EVENT_STREAM, EventChecker, sent

ROOT = Path(__file__).parents[2]


class ProjectChecker:
    """Holds responses against both documents, wherever each of them is."""

    def __init__(self) -> None:
        self.echo = ContractChecker.of("openapi.json")
        self.librechat = ContractChecker.of("openapi.librechat.json")

    @property
    def document(self) -> dict[str, Any]:
        """The first contract's."""
        return self.echo.document

    def check(self, method: str, url: str, response: Any) -> None:
        """Assert that the contract which the path belongs to allows the response."""
        if url.startswith("/chat/"):
            self.librechat.check(method, url.removeprefix("/chat"), response)
        elif url.startswith("/echo/"):
            self.echo.check(method, url.removeprefix("/echo"), response)
        elif url.startswith(("/images/", "/oauth/")) or url == "/api/files/speech/tts":
            # Where records say that they are, and the client looks, whichever contract has the root.
            self.librechat.check(method, url, response)
        else:
            self.echo.check(method, url, response)


class LibreChatAtTheRoot(ProjectChecker):
    """The same where LibreChat's contract has the root."""

    def check(self, method: str, url: str, response: Any) -> None:
        """Assert that the contract which the path belongs to allows the response."""
        if url.startswith("/api/"):
            self.librechat.check(method, url, response)
        else:
            super().check(method, url, response)


def _pattern(path: str, item: dict[str, Any]) -> re.Pattern[str]:
    """What addresses of a path look like: only a parameter that says so has slashes."""
    any_text = ".+" if "x-echo-slashes" in json.dumps(item) else "[^/]+"
    return re.compile(re.sub(r"\\\{[^}]+\\\}", any_text, re.escape(path)))


class ContractChecker:
    """Finds the operation of a response and checks status, media type, headers and body."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._patterns = sorted(
            ((_pattern(path, item), path) for path, item in document["paths"].items()),
            key=lambda item: "{" in item[1],
        )
        # Few addresses are asked once only.
        self._path = lru_cache(4096)(self._find_path)
        self._validator = cache(self._make_validator)
        self._events = cache(self._make_event_checker)

    @classmethod
    def of(cls, name: str) -> "ContractChecker":
        return cls(json.loads((ROOT / name).read_text(encoding="utf-8")))

    def check(self, method: str, url: str, response: Any) -> None:
        """Assert that the contract allows the response."""
        if method == "HEAD":
            assert response.content == b""
            return
        path = url.partition("?")[0]
        template = self._template(path, method.lower())
        if response.status_code >= 400:
            self._check_error(response)
        if template is None:
            assert response.status_code in (204, 400, 404, 405), response.text
            return
        operation = self.document["paths"][template][method.lower()]
        status = str(response.status_code)
        assert status in operation["responses"], (
            f"{method} {template}: {status} is not declared: {response.text}"
        )
        self._check_response(template, method.lower(), status, response)

    def _template(self, path: str, method: str) -> str | None:
        template = self._path(path)
        return template if template and method in self.document["paths"][template] else None

    def _find_path(self, path: str) -> str | None:
        return next((template for pattern, template in self._patterns if pattern.fullmatch(path)), None)

    def _check_response(self, template: str, method: str, status: str, response: Any) -> None:
        declared = self._resolve(self.document["paths"][template][method]["responses"][status])
        for name, header in declared.get("headers", {}).items():
            assert name in response.headers or not self._resolve(header).get("required"), f"{name} is missing"
        media_type = response.headers.get("content-type", "").partition(";")[0]
        content = declared.get("content", {})
        if not content:
            assert response.content == b""
            return
        assert media_type in content or "*/*" in content, f"{method} {template}: {media_type} is not declared"
        if media_type == "application/json" and media_type in content:
            self._validator(template, method, status).validate(response.json())
        if media_type == EVENT_STREAM:
            checker = self._events(template, method, status)
            for name, data in sent(response.text.split("\n")):
                checker.check(name, data)

    def _check_error(self, response: Any) -> None:
        body = response.json()
        # What LibreChat's clients of chats compare is in capitals, and one of their statuses is a word.
        is_of_a_run = "generationProtocolVersion" in body
        assert body["status"] == response.status_code or is_of_a_run
        assert body["message"]
        assert re.fullmatch(r"[A-Z0-9_]+" if is_of_a_run else r"[a-z0-9_]+", body["code"])
        # The document says what else those have.
        assert is_of_a_run or set(body) <= {
            *("message", "code", "status", "errors", "requestId"),
            # Under `/v1`, the last two for Anthropic's clients.
            *("error", "type", "request_id"),
            # LibreChat's word, for its admin panel.
            "error_code",
        }
        if response.status_code == 401:
            assert response.headers["www-authenticate"].startswith("Bearer")
        if response.status_code in (429, 503):
            assert int(response.headers["retry-after"]) >= 1

    def _make_validator(self, template: str, method: str, status: str) -> Any:
        response = self._resolve(self.document["paths"][template][method]["responses"][status])
        schema = response["content"]["application/json"].get("schema", {})
        root = {**schema, "components": self.document["components"]}
        return validator_for(root, Draft202012Validator)(
            root, format_checker=Draft202012Validator.FORMAT_CHECKER
        )

    def _make_event_checker(self, template: str, method: str, status: str) -> EventChecker:
        response = self._resolve(self.document["paths"][template][method]["responses"][status])
        return EventChecker(response["content"][EVENT_STREAM], self.document)

    def _resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            target: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node
