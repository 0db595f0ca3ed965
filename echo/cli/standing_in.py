"""`echo-api contract document`, `stub` and `proxy`: what is in a server's place, or before it."""

import signal
import sys
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click

from echo.cli.common import EXIT_NO, EXIT_UNAVAILABLE, can_be_written, fail
from echo.cli.output import for_people

# sysexits.h: the data are at fault.
EXIT_DATA = 65


def address_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where a command listens."""
    command = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")(
        command
    )
    return click.option(
        "--port",
        type=click.IntRange(0, 65535),
        default=4010,
        show_default=True,
        help="Port; 0 takes a free one.",
    )(command)


def document_of(read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A document, or the end of the command."""
    from echo.testing.documents import DocumentUnreachable, DocumentUnusable  # noqa: PLC0415

    try:
        return read()
    except DocumentUnreachable as error:
        fail(for_people(str(error)), EXIT_UNAVAILABLE)
    except DocumentUnusable as error:
        fail(for_people(str(error)), EXIT_DATA)


def serve_until_interrupted(make: Callable[[], ThreadingHTTPServer], what: str) -> ThreadingHTTPServer:
    """Serve until Ctrl-C or SIGTERM; the server, which has ended."""
    try:
        server = make()
    except OSError as error:
        fail(f"The address cannot be listened on: {error.strerror}.", EXIT_UNAVAILABLE)
    host, port = server.server_address[:2]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    click.echo(f"{what} on http://{host!s}:{port}", err=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
    return server


@click.command()
@click.argument("document", default="echo")
@address_options
def stub(*, document: str, host: str, port: int) -> None:
    """Serve the examples of DOCUMENT (default: echo) as answers, without any state.

    For the first hour of work on a client. An operation answers with its first success; with the header
    `Prefer: code=404` it answers with that status.

    \b
    echo-api contract stub librechat --port 4010
    """
    from echo.testing.documents import load_document  # noqa: PLC0415
    from echo.testing.stub import StubServer  # noqa: PLC0415

    loaded = document_of(lambda: load_document(document))
    serve_until_interrupted(lambda: StubServer((host, port), loaded), "Examples are served")


@click.command()
@click.option("--to", required=True, metavar="URL", help="The server to pass on to.")
@click.option(
    "--document", metavar="DOCUMENT", help="The contract (default: URL/openapi.json, else librechat)."
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=can_be_written,
    help="File for the report at the end, in JSON.",
)
@address_options
def proxy(*, to: str, document: str | None, report: Path | None, host: str, port: int) -> None:
    """Stand between a client and the server at URL, and say which requests and answers depart from the document.

    Nothing is changed or refused, but answers are asked for uncompressed. Each departure is printed when it is
    found, and all of them with their counts at Ctrl-C. The command then ends with 1 if there were some.

    \b
    echo-api contract proxy --to http://127.0.0.1:3080 --port 4010
    """
    import json  # noqa: PLC0415

    from echo.testing.documents import claimed_document  # noqa: PLC0415
    from echo.testing.proxy import ProxyServer  # noqa: PLC0415

    def tell(operation: str, departure: str) -> None:
        click.echo(for_people(f"{operation}: {departure}"), err=True)

    loaded = document_held(to.rstrip("/"), document_of(lambda: claimed_document(to.rstrip("/"), document)))
    server = serve_until_interrupted(lambda: ProxyServer((host, port), to, loaded, tell), f"{to} is watched")
    assert isinstance(server, ProxyServer)  # noqa: S101 - for the type checker
    found = [
        {"operation": operation, "departure": what, "count": count}
        for (operation, what), count in sorted(server.found.items())
    ]
    click.echo(f"{server.requests} requests, {len(found)} departures")
    for each in found:
        click.echo(for_people(f"{each['count']:>6}  {each['operation']}: {each['departure']}"))
    if report:
        report.write_text(json.dumps({"requests": server.requests, "departures": found}, indent=2), "utf-8")
    sys.exit(EXIT_NO if found else 0)


def document_held(url: str, document: dict[str, Any]) -> dict[str, Any]:
    """What a server is held to: as `echo-api contract test` does it, a LibreChat not to the form of refusals."""
    from echo.testing.accounts import ServerUnusable  # noqa: PLC0415
    from echo.testing.refusals import WITH_ANY_BODY, are_let_pass, without_refusals  # noqa: PLC0415

    try:
        if not are_let_pass(url, document):
            return document
    except ServerUnusable as error:
        fail(for_people(str(error)), EXIT_UNAVAILABLE)
    click.echo("A LibreChat: any refusal is let pass.", err=True)
    return without_refusals(document, WITH_ANY_BODY)


@click.command("document")
@click.argument("document", default="echo")
def print_document(*, document: str) -> None:
    """Print DOCUMENT (default: echo) as generators of clients take it.

    Bodies of links that are no texts, and extensions that concern the server alone, are left out. Media types without
    a schema get one.

    \b
    echo-api contract document > openapi.json
    """
    import json  # noqa: PLC0415

    from echo.testing.documents import load_document  # noqa: PLC0415
    from echo.testing.generators import for_generators  # noqa: PLC0415

    loaded = document_of(lambda: load_document(document))
    click.echo(json.dumps(for_generators(loaded), indent=2))
