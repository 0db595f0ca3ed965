"""Starting runs: once for each request, and only what may be."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.request import Asked
from echo.chat.starting import Starting
from echo.errors import Conflict as Refused
from echo.errors import Forbidden, TooManyRequests, Unprocessable
from echo.handling.pending import Pending
from storage.core.errors import Conflict

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
RUN = {"conversationId": "c", "createdAt": BEGAN}
STARTED = {
    "streamId": "c",
    "conversationId": "c",
    "generationCreatedAt": 1_767_225_600_000,
    "generationProtocolVersion": 1,
}
CLIENT: Any = SimpleNamespace(address="192.0.2.1")


class Scene:
    """Everything that starting asks, in one; `done` notes what was done, in its order."""

    def __init__(self, *, checked: bool = False) -> None:
        self.enabled = checked
        self.done: list[tuple[Any, ...]] = []
        self.known: dict[tuple[str, str], Any] = {}
        self.error: BaseException | None = None
        self.forbidden = self.flagged = self.taken = False
        self.file_ids: list[str] = []
        self.request_id: str | None = None
        everything: Any = self
        stores: Any = SimpleNamespace(runs=self, steers=self)
        self._starting = Starting(
            everything,
            everything,
            stores,
            everything,
            everything,
            violation=lambda *violation: self.done.append(("violation", *violation)),
            check=self.check_role,
        )

    def check_role(self, owner: str, needs: Any) -> None:
        self.done.append(("role", owner, needs))
        if self.forbidden:
            raise Forbidden

    def prepare(self, owner: str, endpoint: str, asked: Asked) -> Any:
        self.done.append(("prepared", owner, endpoint, asked))
        requests = [SimpleNamespace(request=SimpleNamespace(system=each)) for each in (None, "Be.", "So.")]
        return SimpleNamespace(
            owner=owner,
            conversation_id="c",
            run_id="run",
            question={"text": "Hello"},
            askings=requests,
            client_request_id=self.request_id,
            begun=SimpleNamespace(file_ids=self.file_ids),
        )

    async def check(self, *texts: str) -> None:
        self.done.append(("checked", *texts))
        if self.flagged:
            raise Unprocessable

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    def start(self, _prepared: Any) -> Any:
        self.done.append(("started",))
        if self.error is not None:
            raise self.error
        return RUN

    def of_request(self, owner: str, request_id: str) -> Any:
        return self.known.get((owner, request_id))

    def use(self, owner: str, file_ids: list[str]) -> None:
        self.done.append(("kept", owner, file_ids))

    def take(self, *place: str) -> bool:
        self.done.append(("taken", *place))
        return not self.taken

    def give_back(self, *place: str) -> None:
        self.done.append(("given back", *place))

    def begin(self, **asked: Any) -> Any:
        found = self._starting.begin("ada", "openAI", Asked(**asked), CLIENT)
        return asyncio.run(found.make()) if isinstance(found, Pending) else found

    @property
    def steps(self) -> list[str]:
        return [step for step, *_ in self.done]


@pytest.mark.parametrize("checked", [False, True])
class TestBegin:
    def test_prepares_and_starts(self, checked: bool) -> None:
        scene = Scene(checked=checked)
        assert scene.begin(text="Hello") == {**STARTED, "status": "started"}
        assert scene.begin(text="Hello", protocol=2)["generationProtocolVersion"] == 2
        assert scene.done[0] == ("prepared", "ada", "openAI", Asked(text="Hello"))
        once = ["prepared", "checked", "started"] if checked else ["prepared", "started"]
        assert scene.steps == [*once, *once]

    def test_does_nothing_that_the_role_does_not_allow(self, checked: bool) -> None:
        scene = Scene(checked=checked)
        scene.forbidden = True
        with pytest.raises(Forbidden):
            scene.begin(is_temporary=True)
        assert scene.done == [("role", "ada", {"TEMPORARY_CHAT": ("USE",)})]

    def test_is_done_once_for_each_request_of_an_owner(self, checked: bool) -> None:
        scene = Scene(checked=checked)
        scene.known = {("ada", "r"): RUN, ("bob", "s"): RUN, ("ada", ""): RUN}
        assert scene.begin(client_request_id="r", protocol=2) == {
            **STARTED,
            "generationProtocolVersion": 2,
            "status": "resumed",
        }
        assert scene.done == []
        for request_id in ("s", "", None):
            assert scene.begin(client_request_id=request_id)["status"] == "started"

    def test_of_two_at_once_the_second_finds_the_first(self, checked: bool) -> None:
        scene = Scene(checked=checked)
        scene.error = Conflict("clientRequestId")

        def start(_prepared: Any) -> Any:
            scene.known = {("ada", "r"): RUN}
            raise Conflict("clientRequestId")

        scene.start = start  # type: ignore[method-assign]
        assert scene.begin(client_request_id="r")["status"] == "resumed"
        with pytest.raises(Conflict):
            scene.begin(client_request_id="other")

    def test_keeps_its_files_before_it_starts(self, checked: bool) -> None:
        scene = Scene(checked=checked)
        scene.file_ids = ["f"]
        scene.begin()
        assert scene.done[-2:] == [("kept", "ada", ["f"]), ("started",)]

    def test_notes_who_wants_too_many_at_once(self, checked: bool) -> None:
        scene = Scene(checked=checked)
        scene.error = TooManyRequests(5)
        with pytest.raises(TooManyRequests):
            scene.begin()
        assert scene.done[-1] == ("violation", "concurrent", "ada", "192.0.2.1")
        scene.error, scene.done = Refused(), []
        with pytest.raises(Refused):
            scene.begin()
        assert scene.steps[-1] == "started"


class TestWhatWaited:
    """A message that came during another run, sent as a turn of its own."""

    def test_is_started_by_one_request_only(self) -> None:
        scene = Scene()
        scene.request_id = "r"
        assert scene.begin(recovers="s")["status"] == "started"
        assert ("taken", "ada", "c", "s", "r") in scene.done
        scene.taken, scene.done, scene.request_id = True, [], None
        assert scene.begin(recovers="s", protocol=2) == {
            "conversationId": "c",
            "status": "settled",
            "generationProtocolVersion": 2,
        }
        # A request without an id is as good as its run.
        assert scene.done[1:] == [("taken", "ada", "c", "s", "run")]

    def test_is_given_back_where_nothing_starts(self) -> None:
        scene = Scene()
        scene.error = Refused()
        with pytest.raises(Refused):
            scene.begin(recovers="s")
        assert scene.done[-1] == ("given back", "ada", "c", "s", "run")

    def test_is_nothing_to_give_back_where_nothing_waited(self) -> None:
        scene = Scene()
        scene.error = Refused()
        with pytest.raises(Refused):
            scene.begin()
        assert scene.steps == ["prepared", "started"]


class TestWhatIsChecked:
    def test_is_what_the_user_says_and_what_the_models_are_told(self) -> None:
        scene = Scene(checked=True)
        scene.begin()
        assert scene.done[1] == ("checked", "Hello", "Be.\nSo.")

    def test_begins_nothing_where_it_is_flagged(self) -> None:
        scene = Scene(checked=True)
        scene.flagged, scene.file_ids = True, ["f"]
        with pytest.raises(Unprocessable):
            scene.begin(recovers="s")
        assert scene.steps == ["prepared", "checked"]
