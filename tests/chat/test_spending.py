"""What runs cost, however they end."""

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.present import Present
from echo.chat.spending import RunSpending, Used, context_of, used_by
from echo.credits import OutOfCredits, Purchase, Spent
from echo.credits.prices import Prices
from echo.credits.service import Wanted
from echo.errors import PaymentRequired
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


class Ledger:
    """Notes what is asked of it; refuses where `refused` says with what."""

    # A million credits are a dollar.
    prices = Prices({"openAI": {"m": {"prompt": 2, "completion": 3}}, "azureOpenAI": {"n": {"prompt": 10}}})

    def __init__(self, *, limits: bool = True, counts: bool = True) -> None:
        self.limits, self.counts = limits, counts
        self.refused: OutOfCredits | None = None
        self.reserved: list[tuple[str, str, Sequence[Wanted]]] = []
        self.settled: list[tuple[str, str, Sequence[Spent]]] = []

    def reserve(self, owner: str, ticket: str, wanted: Sequence[Wanted]) -> None:
        if self.refused is not None:
            raise self.refused
        self.reserved.append((owner, ticket, wanted))

    def settle(self, owner: str, ticket: str, spent: Sequence[Spent]) -> None:
        self.settled.append((owner, ticket, spent))


def asking(model: str = "m", limit: int | None = None, endpoint: str | None = None) -> Any:
    """A request that a model reads 7 tokens of."""
    request = SimpleNamespace(model=model, max_tokens=limit)
    return SimpleNamespace(
        request=request, counts={"system": 2, "messages": 5, "before": 9}, endpoint=endpoint
    )


def spending(ledger: Any, *askings: Any, tells_cost: bool = True) -> RunSpending:
    async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    about = {"endpoint": "openAI", "responseMessageId": "answer"}
    prepared: Any = SimpleNamespace(
        owner="ada", run_id="run", conversation_id="c", about=about, askings=askings, tells_cost=tells_cost
    )
    return RunSpending(ledger, in_thread, prepared)


def bought(model: str = "m", endpoint: str = "openAI", context: str = "message") -> Purchase:
    return Purchase(endpoint, model, context, "c", "answer")


FIRST, SECOND = asking(limit=100), asking("n", endpoint="azureOpenAI")


class TestReserving:
    def test_holds_what_each_model_reads_and_may_write(self) -> None:
        ledger = Ledger()
        asyncio.run(spending(ledger, FIRST, SECOND).reserve())
        held = [Wanted(bought(), 7, 100), Wanted(bought("n", "azureOpenAI"), 7, None)]
        assert ledger.reserved == [("ada", "run", held)]

    def test_holds_nothing_where_nobody_has_a_balance(self) -> None:
        ledger = Ledger(limits=False)
        run = spending(ledger, FIRST)
        asyncio.run(run.reserve())
        asyncio.run(run.reserve_more([], [(FIRST, 1)]))
        assert ledger.reserved == []

    def test_tells_librechats_clients_what_is_missing(self) -> None:
        ledger = Ledger()
        ledger.refused = OutOfCredits(3.0, 14.5, 7, 60)
        run = spending(ledger, FIRST)
        with pytest.raises(PaymentRequired) as refused:
            asyncio.run(run.reserve())
        assert json.loads(refused.value.message) == {
            "type": "token_balance",
            "balance": 3,
            "tokenCost": 14.5,
            "promptTokens": 7,
        }
        # Nothing was held, and nothing asked.
        asyncio.run(run.settle([Used(FIRST, Usage(7, 1), spoke=True, ended=True)], stopped=False))
        assert ledger.settled == []

    def test_holds_what_was_used_beside_what_is_asked_next(self) -> None:
        ledger = Ledger()
        rounds = [(FIRST, Usage(20, 4)), (FIRST, Usage(30, 0))]
        asyncio.run(spending(ledger, FIRST).reserve_more(rounds, [(FIRST, 50), (SECOND, 60)]))
        assert ledger.reserved == [
            (
                "ada",
                "run",
                [
                    Wanted(bought(), 20, 4),
                    # None would be what answers usually come to.
                    Wanted(bought(), 30, 1),
                    Wanted(bought(), 50, 100),
                    Wanted(bought("n", "azureOpenAI"), 60, None),
                ],
            )
        ]

    def test_what_was_used_is_taken_though_there_is_no_more_to_go_on(self) -> None:
        ledger = Ledger()
        run = spending(ledger, FIRST)
        asyncio.run(run.reserve())
        ledger.refused = OutOfCredits(3.0, 14.0, 7, 60)
        with pytest.raises(PaymentRequired):
            asyncio.run(run.reserve_more([(FIRST, Usage(7, 4))], [(FIRST, 20)]))
        asyncio.run(run.settle([Used(FIRST, Usage(7, 4), spoke=True, ended=True)], stopped=False))
        assert ledger.settled == [("ada", "run", [Spent(bought(), Usage(7, 4))])]


class TestTaking:
    def test_is_done_once_of_all_that_is_charged(self) -> None:
        ledger = Ledger(limits=False)
        run = spending(ledger, FIRST, SECOND)
        used = [
            Used(FIRST, Usage(7, 4), spoke=True, ended=True),
            Used(FIRST, Usage(9, 0), spoke=False, ended=False),
            Used(SECOND, Usage(8, 1), spoke=True, ended=False),
        ]
        for _ in range(2):
            asyncio.run(run.settle(used, stopped=False))
        spent = [Spent(bought(), Usage(7, 4)), Spent(bought("n", "azureOpenAI"), Usage(8, 1))]
        assert ledger.settled == [("ada", "run", spent)]

    def test_says_what_its_reader_has_stopped(self) -> None:
        ledger = Ledger()
        used = [Used(FIRST, Usage(7, 4), spoke=True, ended=each) for each in (True, False)]
        asyncio.run(spending(ledger, FIRST).settle(used, stopped=True))
        [(_, _, spent)] = ledger.settled
        assert [each.purchase.context for each in spent] == ["abort", "incomplete"]

    def test_lets_go_what_was_held_for_nothing(self) -> None:
        ledger = Ledger()
        asyncio.run(spending(ledger, FIRST).settle([], stopped=False))
        assert ledger.settled == [("ada", "run", [])]

    def test_is_not_done_where_nothing_is_written_down(self) -> None:
        ledger = Ledger(counts=False)
        asyncio.run(spending(ledger, FIRST).settle([], stopped=False))
        assert ledger.settled == []


class TestCost:
    def test_is_in_dollars(self) -> None:
        usages = [(FIRST, Usage(1_000_000, 100_000)), (SECOND, Usage(10_000, 0))]
        # 2 and 0.3 by the conversation's endpoint, 0.1 by the request's own.
        assert spending(Ledger()).cost(usages) == pytest.approx(2.4)
        assert spending(Ledger()).cost([]) == 0

    def test_is_not_told_who_is_not_to_know(self) -> None:
        assert spending(Ledger(), tells_cost=False).cost([(FIRST, Usage(1, 1))]) is None


class TestUsed:
    """By a voice: its rounds, and what those who speak are asked now."""

    @staticmethod
    def used(rounds: list[tuple[Any, Usage]], *speakers: Any) -> list[Used]:
        async def count(text: str) -> int:
            return len(text)

        voice: Any = SimpleNamespace(rounds=rounds, speakers=speakers)
        return asyncio.run(used_by(voice, count))

    @staticmethod
    def speaker(said: str, *, is_asking: bool, ended: bool = False, spoke: bool = True) -> Any:
        present = Present(31, [said], is_asking=is_asking, has_ended=ended)
        return SimpleNamespace(present=present, asking=SECOND, has_spoken=spoke)

    def test_are_the_rounds_and_then_what_is_asked_now(self) -> None:
        found = self.used(
            [(FIRST, Usage(7, 4))],
            self.speaker("four", is_asking=True),
            self.speaker("noted", is_asking=False),
            self.speaker("", is_asking=True, ended=True, spoke=False),
        )
        assert found == [
            Used(FIRST, Usage(7, 4), spoke=True, ended=True),
            Used(SECOND, Usage(31, 4), spoke=True, ended=False),
            Used(SECOND, Usage(31, 0), spoke=False, ended=True),
        ]

    def test_is_what_would_have_been_read_where_nothing_was_asked(self) -> None:
        speakers = self.speaker("", is_asking=False), self.speaker("other", is_asking=False)
        assert self.used([], *speakers) == [Used(SECOND, Usage(31, 0), spoke=False, ended=False)]
