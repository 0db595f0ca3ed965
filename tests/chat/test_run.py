"""One run, with everything around it in the test's hands: how it ends, what it tells, and what it takes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from echo.chat.finishing import Tools
from echo.chat.prepared import Asking, Prepared
from echo.chat.run import Run
from echo.chat.transcript import BEGINNING
from echo.credits import OutOfCredits
from echo.errors import BadGateway, ProviderLimited
from echo.providers.chat import ChatRequest, Event, Finished, TextDelta, Turn, Usage
from echo.tools.sources import Sources
from echo.tools.tool import Wanted
from storage.conversations.chat_shapes import Begun
from storage.core.errors import NotFound, Unavailable
from tests.support.streams import played
from tests.support.waiting import soon

COUNTS = {"window": 100, "budget": 90, "system": 5, "messages": 7, "before": 12, "count": 2}
SAID = (TextDelta("So "), TextDelta("it is."), Usage(9, 3), Finished("stop"))
NOBODY: Any = None


class Provider:
    """Says its events; it waits where one of them is an `asyncio.Event`."""

    def __init__(self, *events: Any) -> None:
        self.events = events
        self.asked: list[ChatRequest] = []

    async def stream(self, request: ChatRequest, _credentials: Any) -> AsyncIterator[Event]:
        self.asked.append(request)
        async for event in played(self.events):
            yield event


class Scene:
    """A run, and all that it works with, in one; `errors` are what these raise, by their names."""

    def __init__(self, *events: Any, second: Sequence[Any] | None = None, **prepared: Any) -> None:
        self.errors: dict[str, Exception] = {}
        self.stored: list[Any] = []
        self.settled: list[Any] = []
        self.reserved: list[Any] = []
        self.ended: list[Any] = []
        self.waiting: list[Any] = []
        self.title: str | None = "A title"
        self.remembering: Any = None
        self.note_memory: Any = None
        self.limits = self.counts = True
        self.prices: Any = None
        self.paused = 0
        self.providers = [Provider(*(events or SAID))]
        if second is not None:
            self.providers.append(Provider(*second))
        group = None if second is None else 1
        askings = tuple(
            Asking(
                provider,  # type: ignore[arg-type]
                ChatRequest(f"m{number}", (Turn.of_text("user", "?"),)),
                None,
                COUNTS,
                f"a{number}",
                "openAI",
                group=group,
            )
            for number, provider in enumerate(self.providers)
        )
        self.run = Run(made(askings, **prepared), datetime.now(UTC), self.tools())

    def tools(self) -> Tools:
        everything: Any = self
        return Tools(
            everything,
            everything,
            everything,
            everything,
            everything,
            len,
            self.in_thread,
            lambda _run, _making: None,
            self.pause,
            Sources(()),
            everything,
            everything,
        )

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    async def pause(self) -> None:
        assert self.run.finishing
        self.paused += 1

    def _check(self, name: str) -> None:
        if (error := self.errors.get(name)) is not None:
            raise error

    # Of memories, credits, messages that come, chats, runs and titles.
    def begin(self, prepared: Prepared, note: Any) -> Any:
        self.note_memory = note
        return None if self.remembering is None else asyncio.ensure_future(self.remembering())

    def reserve(self, *wanted: Any) -> None:
        self._check("reserve")
        self.reserved.append(wanted)

    def settle(self, _owner: str, _run_id: str, spent: Any) -> None:
        self.settled.append([(each.purchase.model, each.purchase.context, each.usage) for each in spent])

    async def take(self, *_: Any) -> list[Any]:
        return []

    def finish(self, owner: str, conversation_id: str, message_id: str, answer: Any) -> Any:
        self._check("finish")
        assert (owner, conversation_id, message_id) == ("ada", "c", "answer")
        self.stored.append(answer)
        return {"conversationId": "c", "title": "New Chat"}

    def end_unless_waiting(
        self, _owner: str, _run_id: str, status: str, _frames: bytes, *, titling: bool
    ) -> bool:
        self.ended.append((status, titling))
        return not self.waiting

    def close(self, *_: Any) -> list[Any]:
        return self.waiting

    async def title_for(self, question: str, answer: str, **_: Any) -> str:
        self.answered = answer
        return self.title or ""

    def give_title(self, *_: Any) -> bool:
        return self.title is not None

    def execute(self) -> Any:
        """Plays it; the last event."""
        return self.stop("aborted", when=None)

    def stop(self, why: Any, when: Callable[[], Any] | None) -> Any:
        """Plays it, and stops it as soon as that is so, if ever; the last event."""

        async def go() -> None:
            playing = asyncio.create_task(self.run.execute())
            if when is not None:
                await soon(when)
                self.run.stop(why)
            await soon(playing.done)
            await playing

        asyncio.run(go())
        return self.last

    @property
    def events(self) -> list[tuple[str, Any]]:
        return [(each.name, each.payload) for each in self.run.transcript.since(BEGINNING)[0]]

    @property
    def kinds(self) -> list[str]:
        keys = ("created", "final", "error")
        return [
            payload.get("event") or next(key for key in keys if key in payload) for _, payload in self.events
        ]

    @property
    def last(self) -> Any:
        assert self.run.over.is_set()
        assert self.run.transcript.ended
        return self.events[-1][1]

    @property
    def content(self) -> list[Any]:
        content: list[Any] = self.stored[-1]["content"]
        return content

    @property
    def has_spoken(self) -> bool:
        return bool(self.run.transcript.content())


def made(askings: tuple[Asking, ...], **more: Any) -> Prepared:
    about = {
        "responseMessageId": "answer",
        "conversationId": "c",
        "endpoint": "openAI",
        "sender": "GPT",
        "model": "m0",
        "iconURL": None,
        **more.pop("about", {}),
    }
    question = {"messageId": "q", "parentMessageId": "p", "text": "?"}
    usual = {"titling": False, "begun": Begun(question, {}, {}), "askings": askings, "about": about}
    ids = {"run_id": "r", "owner": "ada", "conversation_id": "c", "question": question}
    return Prepared(**{**ids, **usual, **more})


class TestAnAnswer:
    def test_is_told_stored_and_paid_for(self) -> None:
        scene = Scene()
        last = scene.execute()
        assert scene.kinds == [
            "created",
            "on_context_usage",
            "on_run_step",
            "on_message_delta",
            "on_token_usage",
            "on_run_step_closed",
            "final",
        ]
        assert (last["responseMessage"]["content"], "aborted" in last) == (
            [{"type": "text", "text": "So it is."}],
            False,
        )
        assert (scene.content, scene.stored[-1]["unfinished"]) == (
            [{"type": "text", "text": "So it is."}],
            False,
        )
        assert (scene.stored[-1]["finish_reason"], scene.stored[-1]["tokenCount"]) == ("stop", 3)
        assert scene.settled == [[("m0", "message", Usage(9, 3))]]
        assert len(scene.reserved) == 1
        assert (scene.ended, scene.paused) == ([("complete", False)], 1)
        assert (scene.run.ending, scene.run.is_written_down, scene.run.is_closing) == ("complete", True, True)

    def test_tells_what_each_request_used_in_its_order(self) -> None:
        scene = Scene(second=(TextDelta("No."), Usage(8, 1), Finished("stop")))
        scene.execute()
        told = [
            payload["data"]
            for kind, (_, payload) in zip(scene.kinds, scene.events, strict=True)
            if kind == "on_token_usage"
        ]
        assert [
            (each["model"], each["input_tokens"], each["output_tokens"], each["seq"]) for each in told
        ] == [
            ("m0", 9, 3, 1),
            ("m1", 8, 1, 2),
        ]
        assert scene.settled == [[("m0", "message", Usage(9, 3)), ("m1", "message", Usage(8, 1))]]
        usage = scene.stored[-1]["metadata"]["usage"]
        assert (usage["input"], usage["output"], scene.stored[-1]["tokenCount"]) == (17, 4, 4)
        closed = [
            payload["data"]["status"] for _, payload in scene.events if "closed" in str(payload.get("event"))
        ]
        assert closed == ["completed", "completed"]

    def test_that_goes_on_is_counted_as_a_whole(self) -> None:
        scene = Scene(about={"before": [{"type": "text", "text": "Well. "}]})
        scene.execute()
        assert scene.content == [{"type": "text", "text": "Well. So it is."}]
        assert scene.stored[-1]["tokenCount"] == len("Well. So it is.")

    def test_with_tools_tells_its_context_once_they_are_known(self) -> None:
        scene = Scene()
        wanted = replace(scene.run.prepared.first, wanted=Wanted(names=("look",)))
        scene.run = Run(made((wanted,)), datetime.now(UTC), scene.tools())
        scene.execute()
        assert scene.kinds.count("on_context_usage") == 1

    def test_hands_back_what_has_come_meanwhile(self) -> None:
        scene = Scene()
        scene.waiting = [{"text": "Wait"}]
        assert scene.execute()["pendingSteers"] == [{"text": "Wait"}]
        assert not scene.run.is_written_down


class TestATitle:
    def test_is_made_of_the_first_ones_answer(self) -> None:
        scene = Scene(second=(TextDelta("No."), Finished("stop")), titling=True)
        last = scene.execute()
        assert (scene.answered, last["title"], last["conversation"]["title"]) == (
            "So it is.",
            "A title",
            "A title",
        )
        assert scene.kinds[-2:] == ["title", "final"]
        assert scene.ended == [("complete", True)]

    def test_is_not_made_where_none_is_wanted_or_nothing_came(self) -> None:
        scene = Scene()
        assert scene.execute()["title"] == "New Chat"
        scene = Scene(BadGateway(), titling=True)
        scene.execute()
        assert ("title" in scene.kinds, scene.ended, scene.run.titling) == (False, [("error", False)], False)


class TestFailing:
    def test_before_a_word_is_an_error_and_the_text_of_the_message(self) -> None:
        scene = Scene(BadGateway("No answer."))
        last = scene.execute()
        assert (last["error"], last["code"], scene.events[-1][0]) == (
            "No answer.",
            "provider_failed",
            "error",
        )
        assert (scene.stored[-1]["text"], scene.stored[-1]["error"]) == ("No answer.", True)
        assert (scene.settled, scene.run.ending, scene.ended) == ([[]], "error", [("error", False)])
        assert "on_token_usage" not in scene.kinds

    def test_half_way_keeps_what_came_and_costs_that(self) -> None:
        scene = Scene(TextDelta("four"), BadGateway("Gone."))
        assert scene.execute()["code"] == "provider_failed"
        assert (scene.content, scene.stored[-1]["unfinished"]) == ([{"type": "text", "text": "four"}], True)
        assert scene.settled == [[("m0", "message", Usage(12, 4))]]

    def test_of_a_limit_tells_when_to_ask_again(self) -> None:
        assert Scene(ProviderLimited(77)).execute()["retryAfter"] == 77

    def test_of_one_of_two_leaves_the_others_answer(self) -> None:
        scene = Scene(second=(BadGateway("Gone."),))
        last = scene.execute()
        assert (last["final"], scene.run.ending, scene.stored[-1]["unfinished"]) == (True, "complete", False)
        text, error = scene.content
        assert (text["text"], text["agentId"]) == ("So it is.", "a0")
        assert (error["type"], error["error"], error["agentId"]) == ("error", "Gone.", "a1")
        # What failed before a word costs nothing.
        assert scene.settled == [[("m0", "message", Usage(9, 3))]]

    def test_of_both_is_the_first_ones(self) -> None:
        scene = Scene(BadGateway("First."), second=(BadGateway("Second."),))
        assert scene.execute()["error"] == "First."

    def test_by_a_fault_of_ours_says_no_more_than_that(self) -> None:
        scene = Scene(ValueError("secret"))
        last = scene.execute()
        assert (last["code"], "secret" in str(scene.events)) == ("internal_error", False)

    def test_for_want_of_credits_asks_nobody(self) -> None:
        scene = Scene()
        scene.errors["reserve"] = OutOfCredits(1.0, 2.0, 3, 60)
        assert scene.execute()["code"] == "token_balance"
        assert (scene.providers[0].asked, scene.settled) == ([], [])

    @pytest.mark.parametrize(("error", "code"), [(NotFound(), "not_found"), (ValueError(), "internal_error")])
    def test_of_storing_is_told(self, error: Exception, code: str) -> None:
        scene = Scene()
        scene.errors["finish"] = error
        assert scene.execute()["code"] == code
        assert (scene.run.ending, scene.ended, scene.run.titling) == ("error", [], False)
        # The tokens are used all the same.
        assert scene.settled == [[("m0", "message", Usage(9, 3))]]


class TestStopping:
    def test_by_its_reader_keeps_what_came(self) -> None:
        scene = Scene(TextDelta("four"), asyncio.Event(), titling=True)
        last = scene.stop("aborted", lambda: scene.has_spoken)
        assert (last["aborted"], scene.run.ending, scene.ended) == (True, "aborted", [("aborted", True)])
        assert (scene.content, scene.stored[-1]["unfinished"]) == ([{"type": "text", "text": "four"}], True)
        assert (scene.stored[-1]["text"], scene.settled) == ("four", [[("m0", "incomplete", Usage(12, 4))]])
        closed = [
            payload["data"]["status"] for _, payload in scene.events if "closed" in str(payload.get("event"))
        ]
        assert closed == ["cancelled"]

    def test_by_the_servers_end_is_told_as_that(self) -> None:
        scene = Scene(TextDelta("four"), asyncio.Event(), titling=True)
        last = scene.stop("interrupted", lambda: scene.has_spoken)
        assert (last["error"], last["code"]) == ("The server is stopping.", "interrupted")
        assert (scene.run.ending, scene.ended, scene.run.titling) == (
            "interrupted",
            [("interrupted", False)],
            False,
        )
        # Nobody has stopped it who would pay more for that.
        assert scene.settled == [[("m0", "message", Usage(12, 4))]]

    def test_the_first_reason_holds(self) -> None:
        scene = Scene(TextDelta("four"), asyncio.Event())
        scene.run.stop("aborted")
        scene.run.stop("interrupted")
        assert scene.execute()["aborted"] is True
        # Before anybody was asked nothing is paid for.
        assert (scene.providers[0].asked, scene.settled) == ([], [[]])

    def test_does_not_wait_for_a_database_that_is_away(self) -> None:
        scene = Scene(TextDelta("four"), asyncio.Event())
        scene.errors["finish"] = Unavailable()
        assert scene.stop("interrupted", lambda: scene.has_spoken)["code"] == "storage_unavailable"


class TestMemories:
    def test_are_shown_until_the_answer_is_stored(self) -> None:
        scene = Scene()

        async def remember() -> None:
            scene.note_memory("call", {"type": "memory"})

        scene.remembering = remember
        scene.execute()
        [attached] = scene.stored[-1]["attachments"]
        assert (attached["type"], attached["toolCallId"], attached["messageId"]) == (
            "memory",
            "call",
            "answer",
        )
        scene.note_memory("call", {"type": "memory"})
        assert [name for name, _ in scene.events].count("attachment") == 1


class TestBetweenRequests:
    def test_everything_that_is_asked_is_held(self) -> None:
        scene = Scene()
        run, first = scene.run, scene.run.prepared.first
        other = replace(first, agent_id="subagent")

        async def go() -> list[Any]:
            held = []
            for asking in (first, other):
                await run._before_round(asking, 50)
                held.append([(each.purchase.model, each.tokens) for each in scene.reserved[-1][-1]])
            run._task_ended(other)
            await run._before_round(first, 50)
            held.append([(each.purchase.model, each.tokens) for each in scene.reserved[-1][-1]])
            return held

        # What the present request reads, and the subagent's while that goes on.
        assert asyncio.run(go()) == [[("m0", 12)], [("m0", 12), ("m0", 50)], [("m0", 12)]]

    def test_what_was_said_meanwhile_is_told_to_the_one_who_leads(self) -> None:
        scene = Scene()
        run, first = scene.run, scene.run.prepared.first
        row = {"steerId": "s", "text": "Wait", "createdAt": 1}
        turn = Turn.of_text("user", "Wait")
        taken: list[Any] = []

        async def take(*place: Any) -> list[Any]:
            taken.append(place)
            return [(row, turn)]

        scene.take = take  # type: ignore[method-assign]
        run._tools.injecting.take = take  # type: ignore[method-assign]
        assert asyncio.run(run._before_round(first, 5)) == ()
        run._voices[0].speakers[0].is_working = True
        assert asyncio.run(run._before_round(first, 5)) == [turn]
        assert taken == [("ada", "r")]
        [(name, payload)] = scene.events
        data = payload["data"]
        assert (name, payload["event"], data["index"], data["steerId"]) == (
            "message",
            "on_steer_applied",
            0,
            "s",
        )
        assert (data["part"]["steer"], data["responseMessageId"], data["conversationId"]) == (
            "Wait",
            "answer",
            "c",
        )
