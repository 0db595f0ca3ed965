"""Where OpenTelemetry is imported: the only module that needs the `[otel]` extra."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext

import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echo import __version__, trust
from echo.handling.scope import OPERATION
from storage.core.commands import Command, Ended

SERVICE_NAME, SERVICE = "OTEL_SERVICE_NAME", "echo-api"
# The two headers of W3C Trace Context; baggage, which is anybody's, is not taken.
CARRIED = (b"traceparent", b"tracestate")
UNKNOWN_METHOD = "_OTHER"
CERTIFICATES = ("OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_w3c = TraceContextTextMapPropagator()


def exporter() -> OTLPSpanExporter:
    """What sends spans; who is believed at the other end, OpenTelemetry's own variable may say in Echo's place."""
    named = any(os.environ.get(each) for each in CERTIFICATES)
    return OTLPSpanExporter() if named else OTLPSpanExporter(session=trust.session(from_environment=True))


class Tracing:
    """Makes spans and sends them in the background; sampler, receiver and resource come from the environment."""

    def __init__(self, *, on_close: Callable[[], None]) -> None:
        if "service.name=" not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
            os.environ.setdefault(SERVICE_NAME, SERVICE)
        resource = Resource.create({"service.version": __version__, "process.pid": os.getpid()})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter()))
        self.tracer = self._provider.get_tracer("echo", __version__)
        self._on_close = on_close

    def close(self) -> None:
        """Send what waits to be sent, and stop."""
        self._on_close()
        self._provider.shutdown()

    def flush(self) -> None:
        """Send what waits to be sent."""
        self._provider.force_flush()

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application with a span for each request."""
        return TraceRequests(app, self.tracer)

    def watch_command(self, command: Command) -> Ended:
        """A span for a command of MongoDB, where it belongs to one; see `storage.core.commands.Watcher`."""
        if not trace.get_current_span().get_span_context().is_valid:
            return _ignore
        attributes = {
            "db.system.name": "mongodb",
            "db.operation.name": command.name,
            "db.collection.name": command.collection,
        }
        name = f"{command.name} {command.collection}"
        span = self.tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)

        def ended(_seconds: float, error: str | None) -> None:
            if error:
                mark_failed(span, error)
            span.end()

        return ended

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, str], *, current: bool) -> Iterator[None]:
        """A span around a call; of an exception only its class is kept."""
        span = self.tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
        inside = trace.use_span(span, record_exception=False, set_status_on_exception=False)
        try:
            with inside if current else nullcontext():
                yield
        except Exception as error:
            mark_failed(span, type(error).__name__)
            raise
        finally:
            span.end()

    def outgoing_headers(self) -> dict[str, str]:
        """The current span as W3C headers."""
        headers: dict[str, str] = {}
        _w3c.inject(headers)
        return headers


def mark_failed(span: Span, error: str) -> None:
    """Say that something failed, and how it is called."""
    span.set_attribute("error.type", error)
    span.set_status(StatusCode.ERROR)


def _ignore(_seconds: float, _error: str | None) -> None:
    """Nothing to end."""


class TraceRequests:
    """Outermost middleware: a span for each request, named by its operation, within the caller's trace."""

    def __init__(self, app: ASGIApp, tracer: trace.Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; its log lines carry the trace's id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else UNKNOWN_METHOD
        carrier = {
            name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in CARRIED
        }
        with self._tracer.start_as_current_span(
            method,
            context=_w3c.extract(carrier),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "url.scheme": scope["scheme"]},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            trace_id = trace.format_trace_id(span.get_span_context().trace_id)
            with structlog.contextvars.bound_contextvars(trace_id=trace_id):
                await self._answer(span, scope, receive, send)

    async def _answer(self, span: Span, scope: Scope, receive: Receive, send: Send) -> None:
        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                span.set_attribute("http.response.status_code", message["status"])
                if message["status"] >= 500:
                    mark_failed(span, str(message["status"]))
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:
            mark_failed(span, type(error).__name__)
            raise
        finally:
            if operation := scope.get(OPERATION):
                span.update_name(operation.label)
                span.set_attribute("http.route", operation.path)
