"""Code is run by the operator's service, for who may, and nothing of it is trusted."""

import asyncio
from typing import Any

import pytest

from echo.settings.model import AgentSettings
from echo.settings.tools import CodeSettings
from echo.tools.code.source import CodeRunner
from echo.tools.outbound import Outbound
from echo.tools.tool import Called, Offer, RunPlace, ToolFailure, ToolOutput, Wanted
from tests.files import samples
from tests.support.routes import Answer, Service

PNG = samples.picture("PNG", (1, 1))


class Shelf:
    """Keeps nothing, and says what it was given."""

    async def keep(self, _place: RunPlace, name: str, content: bytes) -> dict[str, Any]:
        return {"filename": name, "bytes": len(content)}


def runner(service: Service | None, *, may: bool = True) -> CodeRunner:
    settings = CodeSettings(service.url, "k") if service else None
    shelf: Any = Shelf()
    return CodeRunner(settings, AgentSettings(), may=lambda *_: may, outbound=Outbound(), shelf=shelf)


def offered(source: CodeRunner, place: RunPlace) -> Offer:
    return asyncio.run(source.offer(Wanted(("execute_code",)), place))


def called(source: CodeRunner, place: RunPlace, **arguments: Any) -> ToolOutput:
    async def call() -> ToolOutput:
        offer = await source.offer(Wanted(("execute_code",)), place)
        return await offer.tools[0].call(Called("c", arguments))

    return asyncio.run(call())


def test_is_for_who_may_where_there_is_a_service(place: RunPlace, asked_service: Service) -> None:
    assert offered(runner(asked_service), place).tools
    assert offered(runner(asked_service, may=False), place) == Offer()
    assert offered(runner(None), place) == Offer()


def test_gives_what_is_printed_and_shows_pictures(place: RunPlace, asked_service: Service) -> None:
    files = [
        {"id": "f1", "name": "plot.png"},
        {"id": "f2", "name": "data.csv"},
        {"id": "../x", "name": "evil.png"},
    ]
    asked_service.routes["/exec"] = Answer({"session_id": "s", "stdout": "42", "stderr": "w", "files": files})
    asked_service.routes["/download/s/f1"] = Answer(PNG)
    output = called(runner(asked_service), place, lang="py", code="print(6 * 7) # {{x}} ${Y}")
    assert "stdout:\n42\nstderr:\nw\nFiles: plot.png, data.csv, evil.png" in str(output.content[0].text)  # type: ignore[union-attr]
    assert output.attachments == ({"filename": "plot.png", "bytes": len(PNG)},)
    assert [each.path for each in asked_service.asked] == ["/exec", "/download/s/f1"]
    assert asked_service.asked[0].json == {"lang": "py", "code": "print(6 * 7) # {{x}} ${Y}"}
    assert {each.headers["X-API-Key"] for each in asked_service.asked} == {"k"}


def test_that_fails_says_so(place: RunPlace, asked_service: Service) -> None:
    asked_service.routes["/exec"] = Answer({"message": "busy"}, 503)
    with pytest.raises(ToolFailure, match="status 503"):
        called(runner(asked_service), place, lang="py", code="1")
    with pytest.raises(ToolFailure, match="lang"):
        called(runner(asked_service), place, lang="cobol", code="1")
