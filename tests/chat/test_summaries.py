"""Chats that have become too long for their model: what is left out is summarised, once."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from echo.chat import frames
from echo.chat.prepared import Asking
from echo.chat.pruning import pruned
from echo.chat.summaries import (
    HEADING,
    PROMPT,
    Boundary,
    Summarising,
    boundary_of,
    is_wanted,
    material_of,
    with_summary,
)
from echo.chat.transcript import Place, Transcript
from echo.providers.chat import ChatRequest, Text, Tool, ToolCall, ToolResult, Turn
from echo.settings.agents import PruningSettings
from echo.tools.tool import Called, Offer, RunPlace, RunTool, ToolOutput, Wanted
from tests.chat.conftest import Chat
from tests.chat.test_spending import halved
from tests.chat.test_transcript import ABOUT
from tests.support.providers import Answer, Received, Reply, json_answer
from tests.support.providers.replies import Called as Call
from tests.support.streams import librechats

MakeChat = Callable[..., Chat]
NOBODY: Any = None
SETTINGS = "version: 1.3.4\nsummarization:\n  model: gpt-4\n  maxSummaryTokens: 70\n"
LONG = "word " * 180
# As LibreChat stores it.
PART: dict[str, Any] = {"type": "summary", "content": [{"type": "text", "text": "So far."}]}
SMALL = {"maxContextTokens": 500}


def is_for_summary(received: Received) -> bool:
    return bool(received.json["messages"][0]["content"] == PROMPT)


def answer(received: Received) -> Reply | Answer:
    return (
        Reply(["They spoke of words."], usage=(9, 3)) if is_for_summary(received) else Reply(["Yes. ", LONG])
    )


def failing(received: Received) -> Reply | Answer:
    return (
        json_answer({"error": {"message": "no"}}, 400) if is_for_summary(received) else Reply(["Yes. ", LONG])
    )


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "librechat.yaml"
    path.write_text(SETTINGS)
    return str(path)


def test_is_done_once_for_what_there_is_no_room_for(chat: MakeChat, config: str) -> None:
    made = chat(answer, TITLE_CONVO="false", CONFIG_PATH=config)
    user, provider = librechats(made.user), made.provider
    conversation_id = user.ask(f"First {LONG}", **SMALL)[-1].data["conversation"]["conversationId"]
    here = {"conversationId": conversation_id, **SMALL}
    events = user.ask(f"Second {LONG}", **here)
    summing, question = provider.requests[-2:]
    assert (summing.json["model"], question.json["model"]) == ("gpt-4", "gpt-4o-mini")
    assert (
        summing.json["max_completion_tokens" if "max_completion_tokens" in summing.json else "max_tokens"]
        == 70
    )
    assert summing.json["messages"][1]["content"].startswith("User: First word")
    assert "Model: Yes. word" in summing.json["messages"][1]["content"]
    [told] = [each["content"] for each in question.json["messages"]]
    assert told.startswith(f"{HEADING}\n\nThey spoke of words.\n")
    assert "First" not in told
    content = events[-1].data["responseMessage"]["content"]
    question_id = events[-1].data["requestMessage"]["messageId"]
    step = next(each.data["data"] for each in events if each.kind == "on_run_step")
    assert content[0] == {
        "type": "summary",
        "content": [{"type": "text", "text": "They spoke of words."}],
        "tokenCount": content[0]["tokenCount"],
        "model": "gpt-4",
        "provider": "openAI",
        "summaryVersion": 1,
        "boundary": {"messageId": step["id"], "contentIndex": 0},
        "createdAt": content[0]["createdAt"],
        "coverage": {"retainedFromMessageId": question_id},
    }
    assert [each["type"] for each in content] == ["summary", "text"]
    assert [event.data["data"]["index"] for event in events if event.kind == "on_run_step"] == [0, 1]
    # The next turn needs no other one: it has the same.
    asked = len(provider.requests)
    user.ask("Third", **here)
    assert len(provider.requests) == asked + 1
    assert HEADING in provider.requests[-1].json["messages"][0]["content"]


class Page:
    """A tool with a long result."""

    async def offer(self, _wanted: Wanted, _place: RunPlace) -> Offer:
        async def read(_called: Called) -> ToolOutput:
            return ToolOutput.of_text("A page.")

        return Offer((RunTool(Tool("read", "Reads."), read),))


def test_is_done_in_the_middle_of_an_answer(
    chat: MakeChat, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("echo.services.tool_sources", lambda *_, **__: (Page(),))
    script: list[Any] = [
        Reply(["Yes."]),
        Reply(["Hm. "], calls=(Call("read", id="c"),), usage=(480, 20)),
        answer,
    ]
    script.append(Reply(["End."], usage=(50, 2)))

    def answered(received: Received) -> Any:
        following = script.pop(0)
        return following(received) if callable(following) else following

    made = chat(answered, TITLE_CONVO="false", CONFIG_PATH=config)
    user, provider = librechats(made.user), made.provider
    here = {**SMALL, "ephemeralAgent": {"mcp": ["kit"]}}
    conversation_id = user.ask("First", **here)[-1].data["conversation"]["conversationId"]
    events = user.ask("Second", conversationId=conversation_id, **here)
    _, _, summing, last = provider.requests
    assert summing.json["messages"][1]["content"] == "User: First\n\nModel: Yes."
    told = [each["content"] for each in last.json["messages"]]
    assert told[:2] == [f"{HEADING}\n\nThey spoke of words.", "Second"]
    answer_parts = events[-1].data["responseMessage"]["content"]
    assert [each["type"] for each in answer_parts] == ["text", "tool_call", "summary", "text"]
    question_id = events[-1].data["requestMessage"]["messageId"]
    assert answer_parts[2]["coverage"] == {"retainedFromMessageId": question_id}
    used = events[-1].data["responseMessage"]["metadata"]["usage"]
    assert used["input"] == 480 + 9 + 50
    # What is asked next has the summary in place of what it covers.
    script.append(Reply(["Third."]))
    user.ask("Third", conversationId=conversation_id, **here)
    told = str(provider.requests[-1].json["messages"])
    assert ("First" in told, "They spoke of words." in told, "Second" in told) == (False, True, True)


class TestWhatTheOperatorSays:
    @pytest.mark.parametrize(
        ("trigger", "wanted"),
        [
            (None, True),
            (("token_ratio", 0.9), True),
            (("token_ratio", 0.91), False),
            (("remaining_tokens", 10), True),
            (("remaining_tokens", 9), False),
            (("messages_to_refine", 4), True),
            (("messages_to_refine", 5), False),
        ],
    )
    def test_of_when(self, trigger: Any, wanted: bool) -> None:
        assert is_wanted(trigger, 90, 100, 4) is wanted

    def test_of_the_prompt_for_what_has_an_older_summary(self) -> None:
        asking = Asking(NOBODY, ChatRequest("m", (), "fresh"), None, {}, "a", "openAI")
        how = Summarising(asking, "q", update_prompt="again")
        turns = [Turn.of_text("user", "One"), Turn("tool", (ToolResult("c", (Text("x" * 20_000),)),))]
        fresh = how.of(turns, used=1, window=1)
        again = how.of(with_summary(turns, "Before."), used=1, window=1)
        assert fresh
        assert again
        assert (fresh.asking.request.system, again.asking.request.system) == ("fresh", "again")
        [told] = fresh.asking.request.turns
        assert told.text.startswith("User: One\n\nTool: xxx")
        assert len(told.text) < 10_100
        assert how.of([], used=1, window=1) is None

    def test_reaches_the_request(self, chat: MakeChat, tmp_path: Path) -> None:
        path = tmp_path / "librechat.yaml"
        more = (
            "  parameters: {temperature: 0.25, user: null}\n  retainRecent: {turns: 1}\n  reserveRatio: 0.5\n"
        )
        path.write_text(f"{SETTINGS}{more}  trigger: {{type: messages_to_refine, value: 2}}\n")
        made = chat(answer, TITLE_CONVO="false", CONFIG_PATH=str(path))
        user, provider = librechats(made.user), made.provider
        asked = f"First {LONG}"
        conversation_id = user.ask(asked, **SMALL)[-1].data["conversation"]["conversationId"]
        user.ask("Second", conversationId=conversation_id, **SMALL)
        summing, question = provider.requests[-2:]
        # Half of the window is too small for a question and an answer of 180 words each; the whole is not.
        assert is_for_summary(summing)
        assert summing.json["temperature"] == 0.25
        assert "First" not in str(question.json["messages"])

    def test_of_old_results(self) -> None:
        def tool_turns(name: str, text: str) -> list[Turn]:
            call = Turn("assistant", (ToolCall(name, "read", "{}"),))
            return [Turn.of_text("user", name), call, Turn("tool", (ToolResult(name, (Text(text),)),))]

        turns = [each for name in "abcd" for each in tool_turns(name, name * 5000)]
        rules = PruningSettings(kept_answers=1, trimmed_from=0.5, cleared_from=0.8, least_chars=4000)
        made, saved = pruned(turns, rules)
        texts = [result.text for turn in made for result in turn.results]
        # Of twelve turns the results are 10, 7, 4 and 1 from the end.
        assert texts[0] == "[An old result of a tool is left out.]"
        assert (len(texts[1]), "[Cut: the result has 5000 characters" in texts[1]) == (3000, True)
        assert texts[2:] == ["c" * 5000, "d" * 5000]
        assert saved == (5000 - len(texts[0]) + 2000) // 4
        assert pruned(turns, replace(rules, least_chars=6000)) == (turns, 0)


def test_fails_and_the_chat_goes_on(chat: MakeChat, config: str) -> None:
    made = chat(failing, TITLE_CONVO="false", CONFIG_PATH=config)
    user = librechats(made.user)
    conversation_id = user.ask(f"First {LONG}", **SMALL)[-1].data["conversation"]["conversationId"]
    events = user.ask(f"Second {LONG}", conversationId=conversation_id, **SMALL)
    assert [each["type"] for each in events[-1].data["responseMessage"]["content"]] == ["text"]
    _, _, begun, _, failed, closed, text = events[:7]
    step_id = begun.data["data"]["id"]
    told = {"id": step_id, "agentId": begun.data["data"].get("agentId", failed.data["data"]["agentId"])}
    assert failed.data["data"] == {**told, "error": "No summary could be made."}
    assert (closed.data["data"]["id"], closed.data["data"]["status"]) == (step_id, "failed")
    # Its place stays its own: who reads counts on from it.
    assert (text.kind, text.data["data"]["index"]) == ("on_run_step", 1)


class TestWhatReadersAreTold:
    MAKER: ClassVar = {"type": "summary", "model": "gpt-4", "provider": "openAI"}

    def transcript(self, *events: Any) -> Transcript:
        transcript = Transcript({**ABOUT, "before": [{"type": "think", "think": "Hm."}]})
        step = frames.step("s", "answer", 1, "text")
        transcript.add("message", {**step, "data": {**step["data"], "summary": self.MAKER}})
        for event, about in events:
            transcript.add("message", {"event": event, "data": about})
        return transcript

    def delta(self, text: str) -> Any:
        piece = {**self.MAKER, "content": [{"type": "text", "text": text}]}
        return ("on_summarize_delta", {"id": "s", "delta": {"summary": piece}})

    def test_comes_in_librechats_order(self, chat: MakeChat, config: str) -> None:
        user = librechats(chat(answer, TITLE_CONVO="false", CONFIG_PATH=config).user)
        conversation_id = user.ask(f"First {LONG}", **SMALL)[-1].data["conversation"]["conversationId"]
        events = user.ask(f"Second {LONG}", conversationId=conversation_id, **SMALL)
        told = [each.data for each in events[2:8] if each.kind != "on_token_usage"]
        begun, started, delta, complete, closed = told
        step_id, agent_id = begun["data"]["id"], started["data"]["agentId"]
        assert begun["data"]["summary"] == self.MAKER
        assert started == {
            "event": "on_summarize_start",
            "data": {
                "agentId": agent_id,
                "provider": "openAI",
                "model": "gpt-4",
                "messagesToRefineCount": 2,
                "summaryVersion": 1,
            },
        }
        said = [{"type": "text", "text": "They spoke of words."}]
        assert delta == {
            "event": "on_summarize_delta",
            "data": {"id": step_id, "delta": {"summary": {**self.MAKER, "content": said}}},
        }
        stored = events[-1].data["responseMessage"]["content"][0]
        assert complete["data"] == {"id": step_id, "agentId": agent_id, "summary": stored}
        assert (closed["event"], closed["data"]["status"]) == ("on_run_step_closed", "completed")

    def test_ends_with_who_stops_the_answer(self, chat: MakeChat, config: str) -> None:
        """What came of it is paid for, and is no part of the answer."""
        gate = threading.Event()
        half = halved(gate)
        made = chat(
            lambda received: half(received) if is_for_summary(received) else answer(received),
            TITLE_CONVO="false",
            CONFIG_PATH=config,
        )
        user = librechats(made.user)
        conversation_id = user.ask(f"First {LONG}", **SMALL)[-1].data["conversation"]["conversationId"]
        asked = {"conversationId": conversation_id, **SMALL}
        stream = user.follow(user.start(f"Second {LONG}", **asked)["streamId"])
        seen = [next(stream)]
        while seen[-1].kind != "on_summarize_delta":
            seen.append(next(stream))
        user.abort(conversation_id)
        rest = list(stream)
        gate.set()
        [closed] = [each.data["data"] for each in rest if each.kind == "on_run_step_closed"]
        assert (closed["id"], closed["status"]) == (seen[-1].data["data"]["id"], "cancelled")
        stopped = rest[-1].data["responseMessage"]
        assert (rest[-1].data["aborted"], stopped["content"]) == (True, [])
        assert stopped["metadata"]["usage"]["output"] > 0

    def test_is_what_there_is_for_who_comes_back_or_reads_elsewhere(self) -> None:
        transcript = self.transcript(self.delta("They "), self.delta("spoke."))
        elsewhere = Transcript(transcript.about)
        elsewhere.load(transcript.everything())
        for each in (transcript, elsewhere):
            told = each.state()["aggregatedContent"]
            said = [{"type": "text", "text": "They spoke."}]
            assert told[1:] == [{**self.MAKER, "content": said, "summarizing": True}]
            [_, piece] = each.since(Place(0))[0]
            assert piece.payload["data"]["delta"]["summary"] == {**self.MAKER, "content": said}

    @pytest.mark.parametrize(
        "end",
        [None, {"id": "s", "agentId": "a", "error": "No."}],
        ids=["stopped", "failed"],
    )
    def test_is_not_stored_by_half(self, end: Any) -> None:
        ended = [] if end is None else [("on_summarize_complete", end)]
        transcript = self.transcript(self.delta("They "), *ended)
        assert transcript.content() == [{"type": "think", "think": "Hm."}]


class TestStoredSummaries:
    def message(self, name: str, *parts: Any) -> dict[str, Any]:
        return {"messageId": name, "content": list(parts), "isCreatedByUser": False}

    def test_cover_what_is_before_the_message_that_they_name(self) -> None:
        covering = {**PART, "coverage": {"retainedFromMessageId": "b"}}
        branch = [self.message("a"), self.message("b"), self.message("c", covering)]
        assert boundary_of(branch) == Boundary("So far.", 1, "b", is_whole=True)
        # What it names is not among them: something between is missing.
        assert boundary_of(branch[2:]) == Boundary("So far.", 0, "b", is_whole=False)

    def test_of_older_versions_cover_what_is_before_their_own(self) -> None:
        branch = [self.message("a"), self.message("b", {"type": "summary", "text": "Old."})]
        assert boundary_of(branch) == Boundary("Old.", 1, None, is_whole=True)

    def test_may_be_anything(self) -> None:
        branch = [self.message("a", None, 1, {"type": "summary"}, {"type": "summary", "content": [1]})]
        assert boundary_of(branch) is None
        assert boundary_of([{"messageId": "a", "content": "text"}]) is None

    def test_are_part_of_the_next_one(self) -> None:
        branch = [self.message("a", PART, {"type": "text", "text": "Later."})]
        assert material_of(branch) == f"{HEADING}\nSo far.\n\nModel: Later."
