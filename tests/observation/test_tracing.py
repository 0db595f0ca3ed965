"""Traces, received by a real OTLP receiver on loopback and decoded."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from echo.observation import tracing
from tests.conftest import PASSWORD, Client
from tests.support.loopback import Provider, answer_with, provider

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
CANARY = "canary0815"


@pytest.fixture
def receiver() -> Iterator[Provider]:
    with provider(answer_with({})) as running:
        yield running


@pytest.fixture
def environment() -> Iterator[None]:
    """What the variables put into the environment goes again.

    In the same object: OpenTelemetry keeps the one that was there when it was first imported, by whomever.
    """
    with patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith("OTEL_")]:
            del os.environ[name]
        yield


@pytest.fixture
def traced(
    make_application: Callable[..., Client], receiver: Provider, environment: None
) -> Iterator[tuple[Client, Callable[[], list[Span]]]]:
    """An application that traces, and what the receiver has got once the application's spans are sent."""
    client = make_application(
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        OTEL_EXPORTER_OTLP_HEADERS="x-key=receivers-key",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test",
    )
    running = tracing.switch_on({})
    assert running is not None

    def spans() -> list[Span]:
        running.flush()
        return [
            span
            for request in receiver.requests
            for resource in ExportTraceServiceRequest.FromString(request.body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    yield client, spans
    running.close()


def attributes(span: Span) -> dict[str, Any]:
    return {
        item.key: item.value.string_value or item.value.int_value or item.value.bool_value
        for item in span.attributes
    }


def sign_up(client: Client, name: str) -> None:
    email = f"{name}@example.com"
    body = {"name": "t", "email": email, "password": PASSWORD, "confirm_password": PASSWORD}
    assert client.post("/api/auth/register", json=body).is_success
    login = client.post("/api/auth/login", json={"email": email, "password": PASSWORD}).json()
    client.headers = {"Authorization": f"Bearer {login['token']}"}


class TestRequests:
    def test_are_named_by_their_operation_within_the_callers_trace(self, traced: Any) -> None:
        client, spans = traced
        client.get("/health", headers={"traceparent": TRACEPARENT})
        [span] = spans()
        assert (span.name, span.kind) == ("get_health", Span.SPAN_KIND_SERVER)
        assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
        assert attributes(span) == {
            "http.request.method": "GET",
            "url.scheme": "http",
            "http.route": "/health",
            "http.response.status_code": 200,
        }

    def test_of_unknown_paths_and_methods_show_neither(self, traced: Any) -> None:
        client, spans = traced
        client.request("CANARY0815", f"/{CANARY}?{CANARY}={CANARY}", headers={"traceparent": CANARY})
        [span] = spans()
        assert span.name == "_OTHER"
        assert CANARY not in str(span).lower()
        assert attributes(span)["http.response.status_code"] == 404

    def test_only_a_failure_of_the_server_is_one_of_the_span(self, traced: Any, tmp_path: Path) -> None:
        client, spans = traced
        assert client.get("/api/user").status_code == 401
        tmp_path.rename(tmp_path.with_name("gone"))
        # A directory would be made anew.
        tmp_path.touch()
        assert client.get("/ready").status_code == 503
        tmp_path.unlink()
        tmp_path.with_name("gone").rename(tmp_path)
        refused, failed = [span for span in spans() if span.kind == Span.SPAN_KIND_SERVER]
        assert refused.status.code == Status.STATUS_CODE_UNSET
        assert failed.status.code == Status.STATUS_CODE_ERROR
        assert attributes(failed)["error.type"] == "503"

    def test_the_receiver_gets_the_operators_headers_and_resource(
        self, traced: Any, receiver: Provider
    ) -> None:
        client, spans = traced
        client.get("/health")
        assert spans()
        [request] = receiver.requests
        assert (request.path, request.headers["x-key"]) == ("/v1/traces", "receivers-key")
        resource = ExportTraceServiceRequest.FromString(request.body).resource_spans[0].resource
        named = {item.key: item.value.string_value for item in resource.attributes}
        assert named["service.name"] == "echo-api"
        assert named["deployment.environment.name"] == "test"


class TestDatabase:
    def test_commands_are_parts_of_their_request_without_values(self, traced: Any) -> None:
        client, spans = traced
        sign_up(client, CANARY)
        client.get("/api/messages", params={"search": CANARY}, headers={"traceparent": TRACEPARENT})
        found = spans()
        [request] = [
            span for span in found if span.trace_id.hex() == TRACE and span.kind == Span.SPAN_KIND_SERVER
        ]
        parts = [span for span in found if span.parent_span_id == request.span_id]
        assert "find" in {attributes(span)["db.operation.name"] for span in parts}
        assert all(attributes(span)["db.system.name"] == "mongodb" for span in parts)
        assert CANARY not in str(found)
        assert PASSWORD not in str(found)


class TestProviders:
    def test_a_call_is_a_span_and_carries_it_on(
        self, make_application: Callable[..., Client], receiver: Provider, environment: None
    ) -> None:
        answer = {"choices": [{"message": {"content": CANARY}}]}
        with provider(answer_with(answer)) as openai:
            client = make_application(
                OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{receiver.url}/v1/traces",
                OPENAI_API_KEY=f"sk-{CANARY}",
                OPENAI_REVERSE_PROXY=openai.url,
                TITLE_CONVO="true",
            )
            running = tracing.switch_on({})
            assert running is not None
            sign_up(client, "traced-title")
            posted = client.post("/api/messages/new", json={"text": CANARY, "sender": "user"}).json()
            body = {"conversationId": posted["conversationId"]}
            title = client.post("/api/convos/gen_title", json=body, headers={"traceparent": TRACEPARENT})
            assert title.json()["title"] == CANARY
            running.close()
            [asked] = openai.requests
        assert asked.headers["traceparent"].split("-")[1] == TRACE
        text = "".join(str(ExportTraceServiceRequest.FromString(each.body)) for each in receiver.requests)
        assert "title openAI" in text
        assert CANARY not in text


class TestSwitch:
    @pytest.mark.parametrize(
        "variables",
        [
            {},
            {"OTEL_SERVICE_NAME": "x"},
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
        ],
    )
    def test_is_off_unless_the_variables_ask_for_it(self, variables: dict[str, str]) -> None:
        assert tracing.switch_on(variables) is None
        assert tracing.outgoing_headers() == {}
        with tracing.span("nothing"):
            pass

    def test_costs_no_import_when_off(self, tmp_path: Path) -> None:
        program = (
            "import sys; from echo.app import assemble; from echo.settings import load_settings\n"
            "assemble(load_settings({'MONGO_URI': 'mongodb://127.0.0.1:1/x', 'ECHO_DATA_DIR': sys.argv[1],"
            " 'JWT_SECRET': 'k1Qw9xZe' * 5, 'JWT_REFRESH_SECRET': 'p7Lm3vTr' * 5}))\n"
            "print([name for name in sys.modules if name.startswith(('opentelemetry', 'prometheus_client'))])"
        )
        run = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
        )
        assert run.stdout.strip() == "[]"

    def test_without_the_extra_says_so_and_goes_on(self, tmp_path: Path) -> None:
        program = (
            "import sys; sys.modules['opentelemetry'] = None\n"
            "from echo.observation import tracing\n"
            "assert tracing.switch_on({'OTEL_EXPORTER_OTLP_ENDPOINT': 'http://127.0.0.1:1'}) is None"
        )
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert "echo-api[otel]" in run.stdout + run.stderr
