"""The sweeps find nothing at an Echo, by either document; and they do try it."""

from functools import partial

import pytest
from starlette.testclient import TestClient

from echo.testing.documents import load_document
from echo.testing.sweeps.catalogue import SWEEPS, run_sweeps
from echo.testing.sweeps.exchanges import Answer, Request
from echo.testing.sweeps.session import Session, lowered
from tests.conftest import MakeUser
from tests.support.operations import BASES


def sent(http: TestClient, base: str, request: Request) -> Answer:
    """As the transport of a session: the application in this process, with its document's place before the path."""
    http.cookies.clear()
    parts = (request.form or {}).items()
    response = http.request(
        request.method,
        base + request.target,
        headers=dict(request.headers),
        content=request.body,
        data={name: part for name, part in parts if isinstance(part, str)} or None,
        files={name: part for name, part in parts if not isinstance(part, str)} or None,
        follow_redirects=False,
    )
    return Answer(response.status_code, lowered(response.headers), response.content)


# What is refused is tried for every operation of both documents in tests of its own: here for one of them.
NAMES = {"echo": tuple(SWEEPS), "librechat": ("ownership", "streams", "paging", "idempotency")}
# At least so many requests, operations or lists were tried of each, where no model chats and nobody administers.
TRIED = {
    "echo": {"methods": 70, "errors": 180, "ownership": 25, "streams": 3, "paging": 2, "idempotency": 8},
    "librechat": {"ownership": 60, "streams": 1, "paging": 4, "idempotency": 20},
}


@pytest.mark.parametrize("contract", BASES)
def test_nothing_is_found_at_an_echo(contract: str, running: TestClient, make_user: MakeUser) -> None:
    tokens = {
        name: make_user(name).headers["Authorization"].removeprefix("Bearer ") for name in ("ada", "bob")
    }
    transport = partial(sent, running, BASES[contract])
    session = Session("", load_document(contract), tokens, transport=lambda _url, request: transport(request))
    report = run_sweeps(session, NAMES[contract])
    assert [(each.kind.name, each.operation, each.detail) for each in report.findings] == []
    for result in report.results:
        assert result.tried >= TRIED[contract][result.sweep], result
