"""How many runs an owner has at the same time."""

from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.run_places import RunPlaces
from echo.errors import TooManyRequests
from storage.core.database import Database
from storage.core.errors import Conflict
from storage.runs.runs import PLACE, RunEnd, RunRepository
from tests.support.chats import new_id

GONE = "gone"
ABOUT = {"worker": "here"}


def alive(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [run for run in runs if run["worker"] != GONE]


class Scene:
    """Runs that begin at places of a database."""

    def __init__(self, database: Database, most: int | None) -> None:
        self.runs = RunRepository(database)
        self.places = RunPlaces(self.runs, alive, most)

    def begin(
        self, owner: str = "ada", *, worker: str = "here", request_id: str | None = None
    ) -> dict[str, Any]:
        prepared: Any = SimpleNamespace(
            owner=owner, conversation_id="c", run_id=new_id(), client_request_id=request_id
        )
        return dict(self.places.insert(prepared, {**ABOUT, "worker": worker}))

    def taken(self, owner: str = "ada") -> list[int | None]:
        return [run.get(PLACE) for run in self.runs.running(owner)]


def test_each_has_a_place_of_its_own_up_to_the_limit(database: Database) -> None:
    scene = Scene(database, 3)
    assert [scene.begin()[PLACE] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(TooManyRequests) as refused:
        scene.begin()
    assert (refused.value.code, refused.value.headers) == ("too_many_runs", {"Retry-After": "5"})
    assert refused.value.message == "So many answers at the same time are not allowed."
    assert scene.taken() == [0, 1, 2]


def test_others_have_theirs(database: Database) -> None:
    scene = Scene(database, 1)
    assert [scene.begin(owner)[PLACE] for owner in ("ada", "bob")] == [0, 0]


def test_a_run_that_has_ended_leaves_its_place_to_the_next(database: Database) -> None:
    scene = Scene(database, 3)
    runs = [scene.begin() for _ in range(3)]
    scene.runs.end_all([RunEnd("ada", runs[1]["_id"], "complete", b"")])
    assert scene.begin()[PLACE] == 1


def test_a_run_whose_process_is_gone_keeps_none_from_beginning(database: Database) -> None:
    scene = Scene(database, 2)
    gone = scene.begin(worker=GONE)
    assert [scene.begin()[PLACE] for _ in range(2)] == [0, 1]
    with pytest.raises(TooManyRequests):
        scene.begin()
    # It goes on as far as it has said, at no place.
    assert (scene.runs.get("ada", gone["_id"]) or {}).get(PLACE) is None


def test_a_request_that_has_a_run_is_told_so_at_whatever_place(database: Database) -> None:
    scene = Scene(database, 1)
    scene.begin(request_id="r")
    with pytest.raises(Conflict):
        scene.begin(request_id="r")
    # Another request of the same owner's is one run too many, and so is one without an id.
    for request_id in ("s", None):
        with pytest.raises(TooManyRequests):
            scene.begin(request_id=request_id)


def test_a_request_of_another_owners_is_another(database: Database) -> None:
    scene = Scene(database, 1)
    scene.begin("bob", request_id="r")
    assert scene.begin(request_id="r")[PLACE] == 0


def test_what_is_stored_is_of_the_owner_the_conversation_and_the_request(database: Database) -> None:
    scene = Scene(database, 1)
    run = scene.runs.get("ada", scene.begin(request_id="r")["_id"])
    assert run is not None
    names = ("user", "conversationId", "clientRequestId", "worker", "status", PLACE)
    assert [run[name] for name in names] == ["ada", "c", "r", "here", "running", 0]


def test_without_a_limit_runs_have_no_places(database: Database) -> None:
    scene = Scene(database, None)
    assert [PLACE in scene.begin(request_id=each) for each in ("r", None, None)] == [False] * 3
    with pytest.raises(Conflict):
        scene.begin(request_id="r")


def test_who_never_finds_a_place_is_refused(database: Database) -> None:
    """Others take each place that seems free, at the same moment."""
    scene = Scene(database, 2)
    scene.begin()
    free: list[int] = []

    def first(owner: str, most: int) -> int:
        free.append(most)
        return 0

    scene.places._free = first  # type: ignore[method-assign]
    with pytest.raises(TooManyRequests):
        scene.begin()
    assert free == [2] * 10
