"""What runs cost, however they end."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from echo.chat.spending import Used, context_of
from echo.providers.chat import Usage
from storage.core.database import Database
from tests.chat.conftest import Chat
from tests.support.providers import RENDER, Answer, Received, Reply, event_stream, json_answer
from tests.support.streams import spoken
from tests.support.waiting import until

MakeChat = Callable[..., Chat]
WORDS = tuple(f"w{number} " for number in range(40))


def halved(gate: threading.Event) -> Callable[[Received], Answer]:
    """Half of an answer; the rest when the gate opens."""

    def answer(received: Received) -> Answer:
        pieces = RENDER["openai"](Reply(WORDS), received).pieces
        return event_stream(*pieces[: len(pieces) // 2], gate, *pieces[len(pieces) // 2 :])

    return answer


@pytest.fixture
def rows(app_database: Database) -> Callable[[str], list[dict[str, Any]]]:
    """What is written down of a conversation."""
    transactions = app_database.collection("transactions")
    return lambda conversation_id: list(transactions.find({"conversationId": conversation_id}).sort("_id"))


def test_titles_are_written_down_too(chat: MakeChat, rows: Any) -> None:
    one = chat(Reply(("Hello",)))
    final = one.user.ask("Hello")[-1].data
    found = rows(final["conversation"]["conversationId"])
    assert [(row["context"], row["tokenType"], row["rawAmount"]) for row in found] == [
        ("message", "prompt", -11),
        ("message", "completion", -7),
        ("title", "prompt", -11),
        ("title", "completion", -7),
    ]
    assert {row["messageId"] for row in found} == {final["responseMessage"]["messageId"]}


def test_an_answer_that_its_reader_stops_costs_what_came_and_a_part_more(chat: MakeChat, rows: Any) -> None:
    gate = threading.Event()
    one = chat(halved(gate), TITLE_CONVO="false")
    started = one.user.start("Hello", model="gpt-4")["streamId"]
    stream: Any = one.user.follow(started)
    seen: list[Any] = []
    while not spoken(seen):
        seen.append(next(stream))
    one.user.abort(started)
    gate.set()
    found = until(lambda: rows(started))
    stream.close()
    prompt, completion = found
    assert (prompt["context"], completion["context"]) == ("incomplete", "incomplete")
    assert prompt["rawAmount"] < 0
    assert completion["rawAmount"] < 0
    # OpenAI's `gpt-4` costs 30 and 60.
    assert (prompt["rate"], completion["rate"]) == (30, pytest.approx(69))


def test_an_answer_that_fails_before_a_word_costs_nothing(chat: MakeChat, rows: Any) -> None:
    one = chat(json_answer({"error": {"message": "no"}}, 400))
    started = one.user.start("Hello")["streamId"]
    assert list(one.user.follow(started))[-1].kind == "error"
    assert rows(started) == []


@pytest.mark.parametrize(
    ("spoke", "ended", "stopped", "context"),
    [
        (True, True, False, "message"),
        (False, True, False, "message"),
        (True, False, False, "message"),
        (False, False, False, None),
        (True, False, True, "incomplete"),
        (False, False, True, "incomplete"),
        (True, True, True, "abort"),
    ],
)
def test_librechats_word_for_it(spoke: bool, ended: bool, stopped: bool, context: str | None) -> None:
    asking: Any = None
    assert context_of(Used(asking, Usage(1, 1), spoke, ended), stopped=stopped) == context
