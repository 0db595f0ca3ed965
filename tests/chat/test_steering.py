"""Messages that come while an answer is being made: what becomes of each."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId

from echo.chat.running import milliseconds
from echo.chat.steering import Said, Steering
from echo.errors import ApiError, Unprocessable
from storage.core.database import Database
from storage.library.files import FileRepository
from storage.runs.runs import RunEnd, RunRepository
from storage.runs.steers import SteerRepository
from tests.support.chats import new_id, new_owner

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class Scene:
    """One owner's run under way in the conversation `c`."""

    def __init__(self, database: Database) -> None:
        self.owner = new_owner()
        self.runs, self.steers = RunRepository(database), SteerRepository(database)
        self.run: dict[str, Any] | None = None
        self._files = database.collection("files")
        running: Any = self
        store: Any = None
        self.steering = Steering(self.steers, running, FileRepository(database), store)
        self.begin()

    def begin(self) -> None:
        run_id = new_id()
        self.runs.insert(self.owner, "c", run_id, {}, request_id=None)
        self.run = {"_id": run_id, "createdAt": BEGAN}

    def current(self, owner: str, conversation_id: str) -> dict[str, Any] | None:
        return self.run if (owner, conversation_id) == (self.owner, "c") else None

    def end(self) -> None:
        assert self.run is not None
        self.steers.close(self.owner, self.run["_id"])
        self.runs.end_all([RunEnd(self.owner, self.run["_id"], "complete", b"")])
        self.run = None

    def upload(self, name: str, owner: str | None = None) -> str:
        about = {"file_id": new_id(), "filename": name, "type": "text/plain", "usage": 0, "bytes": 5}
        self._files.insert_one({**about, "user": ObjectId(owner or self.owner), "expiresAt": BEGAN})
        return str(about["file_id"])

    def file(self, file_id: str) -> dict[str, Any]:
        return dict(self._files.find_one({"file_id": file_id}) or {})

    def say(self, text: str = "Wait", **more: Any) -> dict[str, Any]:
        return self.steering.steer(self.owner, Said(more.pop("conversation_id", "c"), text, **more))

    def refusal(self, text: str = "Wait", **more: Any) -> str:
        with pytest.raises(ApiError) as refused:
            self.say(text, **more)
        return refused.value.code

    def waiting(self) -> list[dict[str, Any]]:
        assert self.run is not None
        return self.steers.pending(self.owner, self.run["_id"])


@pytest.fixture
def scene(database: Database) -> Scene:
    return Scene(database)


class TestOneThatComes:
    def test_waits_and_is_told_its_place(self, scene: Scene) -> None:
        first, second = scene.say("One"), scene.say("Two", client_id="local")
        assert first == {
            "status": "queued",
            "steerId": first["steerId"],
            "position": 1,
            "conversationId": "c",
            "preempt": False,
        }
        assert second["position"] == 2
        assert second["steerId"] != first["steerId"]
        one, two = scene.waiting()
        assert (one["text"], one["steerId"], "clientSteerId" in one, "files" in one) == (
            "One",
            first["steerId"],
            False,
            False,
        )
        assert (two["text"], two["clientSteerId"]) == ("Two", "local")

    def test_has_a_time_in_milliseconds(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("echo.chat.steering.time.time", lambda: 1_767_225_600.5)
        scene.say()
        assert scene.waiting()[0]["createdAt"] == 1_767_225_600_500

    def test_may_name_the_run_that_it_is_for(self, scene: Scene) -> None:
        assert scene.say(created_at=milliseconds(BEGAN))["position"] == 1
        assert scene.refusal(created_at=milliseconds(BEGAN) + 1) == "run_replaced"
        assert len(scene.waiting()) == 1

    def test_without_a_run_is_refused(self, scene: Scene) -> None:
        assert scene.refusal(conversation_id="d") == "no_active_run"
        scene.end()
        assert scene.refusal() == "no_active_run"

    def test_when_the_run_has_just_closed_its_queue_is_refused(self, scene: Scene) -> None:
        assert scene.run is not None
        scene.steers.close(scene.owner, scene.run["_id"])
        assert scene.refusal() == "no_active_run"

    def test_behind_ten_others_is_refused(self, scene: Scene) -> None:
        for _ in range(10):
            scene.say()
        assert scene.refusal() == "steer_queue_full"


class TestOneThatComesAgain:
    def test_waits_once(self, scene: Scene) -> None:
        first = scene.say(client_id="local")
        scene.say("Another")
        again = scene.say(client_id="local")
        assert again == {**first, "replayed": True, "settled": False, "leftover": False}
        assert len(scene.waiting()) == 2

    def test_with_another_text_or_other_files_is_another(self, scene: Scene) -> None:
        file_id = scene.upload("a.txt")
        scene.say(client_id="local", files=(file_id,))
        assert scene.refusal("Go on", client_id="local", files=(file_id,)) == "steer_idempotency_conflict"
        assert scene.refusal(client_id="local") == "steer_idempotency_conflict"
        # The same file twice is the same file.
        assert scene.say(client_id="local", files=(file_id, file_id))["replayed"] is True

    def test_when_the_model_has_been_told_says_so(self, scene: Scene) -> None:
        assert scene.run is not None
        first = scene.say(client_id="local")
        scene.steers.apply(scene.owner, scene.run["_id"], [first["steerId"]])
        again = scene.say(client_id="local")
        assert again == {**first, "replayed": True, "settled": True, "leftover": False}

    def test_when_the_run_has_handed_it_back_says_so(self, scene: Scene) -> None:
        scene.say("Before")
        first = scene.say(client_id="local")
        scene.end()
        again = scene.say(client_id="local")
        assert again == {**first, "replayed": True, "settled": True, "leftover": True}
        assert again["position"] == 2
        # Another one, or one without an id, is not among what was handed back.
        assert [scene.refusal(client_id=each) for each in ("other", None)] == ["no_active_run"] * 2
        assert scene.refusal("Else", client_id="local") == "steer_idempotency_conflict"


class TestFiles:
    def test_are_shown_with_it_and_kept(self, scene: Scene) -> None:
        file_id = scene.upload("a.txt")
        scene.say(files=(file_id,))
        [row] = scene.waiting()
        assert row["files"] == [{"type": "text/plain", "file_id": file_id, "filename": "a.txt"}]
        stored = scene.file(file_id)
        assert (stored["usage"], "expiresAt" in stored) == (1, False)

    def test_of_others_are_not_there(self, scene: Scene) -> None:
        mine, theirs = scene.upload("mine.txt"), scene.upload("theirs.txt", new_owner())
        with pytest.raises(Unprocessable) as refused:
            scene.say(files=(mine, theirs))
        [error] = refused.value.errors
        assert (refused.value.code, error.field) == ("unknown_file", "files.1.file_id")
        assert scene.waiting() == []
        assert [scene.file(each)["usage"] for each in (mine, theirs)] == [0, 0]


class TestWhatIsLeft:
    def test_is_forgotten_once_it_was_shown_to_who_does_not_say_what_became_of_it(self, scene: Scene) -> None:
        scene.say("Later")
        scene.end()
        seen = [scene.steering.left(scene.owner, "c", once=once) for once in (False, True, False)]
        assert [[row["text"] for row in rows] for rows in seen] == [["Later"], ["Later"], []]

    def test_of_another_owner_or_conversation_stays(self, scene: Scene) -> None:
        scene.say("Later")
        scene.end()
        assert scene.steering.left(new_owner(), "c", once=True) == []
        assert scene.steering.left(scene.owner, "d", once=True) == []
        assert len(scene.steering.left(scene.owner, "c", once=False)) == 1

    def test_is_taken_back_by_its_owner_only(self, scene: Scene) -> None:
        steer_id = scene.say()["steerId"]
        assert not scene.steering.cancel(new_owner(), "c", steer_id)
        assert not scene.steering.cancel(scene.owner, "d", steer_id)
        assert scene.steering.cancel(scene.owner, "c", steer_id)
        assert scene.waiting() == []
