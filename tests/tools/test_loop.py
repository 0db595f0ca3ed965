"""The loop of a model and its tools: with every kind of provider, and to every bound."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from echo.providers.chat import Attachment, Finished, Text, TextDelta, Tool, Turn, Usage
from echo.tools.limits import LoopLimits, result_chars_of, steps_of
from echo.tools.loop import Looped, ToolLoop
from echo.tools.loop_events import CallBegun, CallDone, CallPiece, RoundEnded, Stopped
from echo.tools.tool import Called, RunTool, ToolFailure, ToolOutput
from tests.support.providers import SERVERS, Behaviour, Reply, openai_server
from tests.support.providers.anthropic import SIGNATURE
from tests.support.providers.asking import ask, request, settings_of
from tests.support.providers.replies import Called as Call

MODELS = {"anthropic": "claude-haiku-4-5", "google": "gemini-2.5-pro"}
NO_OBJECT = "Error: The arguments are not a JSON object; the tool was not called."
Work = Callable[[Called], Awaitable[ToolOutput]]


class Host:
    """Counts a token for each character, and notes what the loop asks."""

    def __init__(self, *meanwhile: Turn) -> None:
        self.asked: list[int] = []
        self.meanwhile = list(meanwhile)
        self.left_out: list[tuple[list[str], int]] = []
        self.summary: Turn | None = None

    async def count(self, text: str) -> int:
        return len(text)

    async def before_round(self, tokens: int) -> Sequence[Turn]:
        self.asked.append(tokens)
        said, self.meanwhile = self.meanwhile, []
        return said

    async def summarise(self, turns: Sequence[Turn], used: int) -> Turn | None:
        self.left_out.append(([turn.text for turn in turns], used))
        return self.summary


class Run:
    """What a loop told, and the turns at its end."""

    def __init__(self, events: list[Any], turns: list[Turn]) -> None:
        self.events, self.turns = events, turns

    def of(self, kind: Any) -> list[Any]:
        return [each for each in self.events if isinstance(each, kind)]

    @property
    def text(self) -> str:
        return "".join(each.text for each in self.of(TextDelta))

    @property
    def outputs(self) -> list[str]:
        return [each.text for each in self.of(CallDone)]


def tool(name: str, work: Work, seconds: float | None = None) -> RunTool:
    return RunTool(Tool(name, f"Does {name}."), work, seconds)


async def weather(called: Called) -> ToolOutput:
    return ToolOutput.of_text(f"rain in {called.arguments.get('place')}")


async def clock(_called: Called) -> ToolOutput:
    return ToolOutput.of_text("noon")


TOOLS = (tool("weather", weather), tool("time", clock))


def run(
    *behaviours: Behaviour,
    kind: str = "openai",
    tools: Sequence[RunTool] = TOOLS,
    limits: LoopLimits | None = None,
    host: Host | None = None,
    **looped: Any,
) -> tuple[Run, list[Any]]:
    """A loop to its end before a provider that answers so; what the provider was sent."""

    async def use(provider: Any) -> Run:
        asked = request(model=MODELS.get(kind, "gpt-4o"))
        loop = ToolLoop(
            Looped(provider, replace(asked, **looped.pop("request", {})), None, tools, **looped),
            limits or LoopLimits(),
            host or Host(),
        )
        events = [event async for event in loop.events()]
        return Run(events, loop.turns)

    with SERVERS[kind](*behaviours) as server:
        return ask(settings_of(kind, server.url), use), server.requests


TWO = Reply(
    ["See. "],
    reasoning=["Hm."],
    calls=(Call("weather", ('{"place"', ': "Kyïv"}'), "call_a"), Call("time", ("{}",), "call_b")),
)
AGAIN = Reply([], calls=(Call("weather", ('{"place": "Rome"}',), "call_a"),))


class TestEveryKind:
    @pytest.mark.parametrize("kind", SERVERS)
    def test_of_provider_uses_two_tools(self, kind: str) -> None:
        said, asked = run(TWO, Reply(["It rains."], usage=(20, 3)), kind=kind)
        assert said.text == "See. It rains."
        assert sorted(said.outputs) == ["noon", "rain in Kyïv"]
        assert [(each.id, each.name) for each in said.of(CallBegun)] == [
            ("call_a", "weather"),
            ("call_b", "time"),
        ]
        assert "".join(each.arguments for each in said.of(CallPiece)).count("Kyïv") == 1
        ended = said.of(RoundEnded)
        assert [(each.number, each.calls, each.usage) for each in ended] == [
            (1, 2, Usage(11, 7)),
            (2, 0, Usage(20, 3)),
        ]
        assert [turn.role for turn in said.turns] == ["user", "assistant", "tool", "assistant"]
        # In the order of the calls, whichever came first.
        assert [(each.call_id, each.name, each.text) for each in said.turns[2].results] == [
            ("call_a", "weather", "rain in Kyïv"),
            ("call_b", "time", "noon"),
        ]
        assert len(asked) == 2
        assert "rain in Kyïv" in asked[1].body.decode()
        assert said.events[-2] == Finished("stop")
        # What proves the reasoning goes back with it.
        assert (SIGNATURE in asked[1].body.decode()) == (kind == "anthropic")


def test_without_tools_is_one_round() -> None:
    said, asked = run(Reply(["Hello."]), tools=())
    assert (said.text, len(asked), "tools" in asked[0].json) == ("Hello.", 1, False)


def test_no_two_calls_share_an_id() -> None:
    said, _ = run(AGAIN, AGAIN, Reply(["Done."]))
    ids = [each.id for each in said.of(CallBegun)]
    assert ids[0] == "call_a"
    assert len(set(ids)) == 2
    assert [turn.results[0].call_id for turn in said.turns if turn.role == "tool"] == ids


class TestWhatGoesWrong:
    """Becomes a result, and the model is asked again."""

    @pytest.mark.parametrize(
        ("call", "output"),
        [
            (Call("nothing"), 'Error: There is no tool "nothing".'),
            (
                Call("weather", ('{"place": ',)),
                "Error: The arguments are not a JSON object; the tool was not called.",
            ),
            (
                Call("weather", ("[1]",)),
                "Error: The arguments are not a JSON object; the tool was not called.",
            ),
            (Call("fails"), "Error: no such city"),
            (Call("breaks"), "Error: The tool failed."),
            (Call("hangs"), "Error: The tool did not answer within 0.01 seconds."),
            (Call("is_ended"), "Error: The tool was ended."),
            (Call("is_empty"), "The tool has no output."),
            (Call("half"), "a?b"),
        ],
    )
    def test(self, call: Call, output: str) -> None:
        async def fails(_called: Called) -> ToolOutput:
            raise ToolFailure("no such city")

        async def breaks(_called: Called) -> ToolOutput:
            raise ValueError("a secret of the server")

        async def hangs(_called: Called) -> ToolOutput:
            await asyncio.Event().wait()
            raise AssertionError

        async def is_ended(_called: Called) -> ToolOutput:
            raise asyncio.CancelledError

        async def is_empty(_called: Called) -> ToolOutput:
            return ToolOutput()

        async def half(_called: Called) -> ToolOutput:
            return ToolOutput.of_text("a\ud800b")

        tools = [tool(work.__name__, work) for work in (fails, breaks, is_ended, is_empty, half)]
        said, asked = run(
            Reply([], calls=(call,)),
            Reply(["Then not."]),
            tools=(*TOOLS, *tools, tool("hangs", hangs, seconds=0.01)),
        )
        assert (said.outputs, said.text) == ([output], "Then not.")
        assert said.of(CallDone)[0].output.is_error == output.startswith("Error")
        assert asked[1].json["messages"][-1]["content"] == output
        assert "secret" not in asked[1].body.decode()


class TestBounds:
    @pytest.mark.parametrize(("steps", "asked"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
    def test_steps_are_requests_and_rounds_of_tools(self, steps: int, asked: int) -> None:
        calls = [Reply([], calls=(Call("weather", (f'{{"place": "{place}"}}',)),)) for place in range(9)]
        said, requests = run(*calls, limits=LoopLimits(steps=steps))
        assert len(requests) == asked
        assert said.events[-1] == Stopped(
            "steps", f"The limit of {steps} steps is reached, and the model had not ended."
        )
        # With an odd number the last calls are not made.
        assert ("was not called" in said.outputs[-1]) == bool(steps % 2)
        assert [turn.role for turn in said.turns[1:]] == ["assistant", "tool"] * asked

    def test_the_same_call_with_the_same_result_is_made_three_times(self) -> None:
        made = []

        async def count(called: Called) -> ToolOutput:
            made.append(called.id)
            return ToolOutput.of_text("the same")

        said, requests = run(Reply([], calls=(Call("count"),)), tools=[tool("count", count)])
        assert len(made) == 3
        assert said.outputs[3].startswith("Error: The tool was called like this before")
        assert said.of(Stopped)[0].reason == "repeats"
        assert len(requests) == 6

    def test_a_call_that_gives_something_else_may_be_repeated(self) -> None:
        made = iter(range(100))

        async def poll(_called: Called) -> ToolOutput:
            return ToolOutput.of_text(str(next(made)))

        said, _ = run(
            Reply([], calls=(Call("poll"),)), tools=[tool("poll", poll)], limits=LoopLimits(steps=20)
        )
        assert said.of(Stopped)[0].reason == "steps"
        assert said.outputs == [str(number) for number in range(10)]

    def test_of_calls_in_a_round_and_in_all(self) -> None:
        many = tuple(Call("weather", (f'{{"place": {number}}}',), f"c{number}") for number in range(4))
        said, _ = run(
            Reply([], calls=many), AGAIN, Reply(["End."]), limits=LoopLimits(calls_at_once=3, calls=3)
        )
        refused = sorted(each for each in said.outputs if each.startswith("Error"))
        assert refused == [
            "Error: No more than 3 tools can be called at once.",
            "Error: No more than 3 tools can be called in one answer.",
        ]

    def test_of_results(self) -> None:
        async def long(_called: Called) -> ToolOutput:
            picture = Attachment("a.png", "image/png", b"x" * 2000)
            return ToolOutput((Text("a" * 600 + "z" * 600), picture), attachments=({"type": "x"},) * 40)

        limits = LoopLimits(result_chars=1000, result_bytes=1500, picture_bytes=1000)
        said, _ = run(
            Reply([], calls=(Call("long", id="a"), Call("long", id="b"))),
            Reply(["End."]),
            tools=[tool("long", long)],
            limits=limits,
        )
        first, second = said.turns[2].results
        assert len(first.content[0].text) == 1000
        assert "[Cut: the result has 1200 characters, 1000 are shown.]" in first.content[0].text
        assert first.content[0].text.startswith("aaa")
        assert first.content[0].text.endswith("zzz")
        assert first.content[1].text == "A file is left out: the files of this answer are too large together."
        assert second.content[0].text.startswith("The result is left out")
        assert [len(each.output.attachments) for each in said.of(CallDone)] == [32, 32]

    @pytest.mark.parametrize(
        ("limits", "stopped"),
        [
            (LoopLimits(call_bytes=8), "The arguments of a call have become too large"),
            (LoopLimits(call_bytes=0), None),
            (LoopLimits(call_bytes=8, call_bytes_of={"weather": 100}), None),
            (LoopLimits(call_bytes_of={"weather": 8}), "The arguments of a call have become too large"),
            (LoopLimits(events=3), "The answer has come in too many pieces"),
        ],
    )
    def test_of_arguments_and_pieces(self, limits: LoopLimits, stopped: str | None) -> None:
        long = Reply(["One. "], calls=(Call("weather", ('{"place"', ': "Rome', '"}'), "call_a"),))
        said, requests = run(long, Reply(["End."]), limits=limits)
        if stopped is None:
            assert (said.of(Stopped), len(requests)) == ([], 2)
        else:
            [told] = said.of(Stopped)
            assert (told.reason, told.sentence) == ("size", f"{stopped}, and the model was stopped.")
            assert len(requests) == 1
            assert all(each.startswith("Error: ") for each in said.outputs)

    def test_of_pieces_hold_for_an_answer_without_calls(self) -> None:
        said, _ = run(Reply(["One. ", "Two. ", "Three."]), limits=LoopLimits(events=1))
        assert [each.reason for each in said.of(Stopped)] == ["size"]
        assert "Three" not in said.text

    def test_of_all_that_is_said(self) -> None:
        said, requests = run(Reply(["long " * 100], calls=AGAIN.calls), limits=LoopLimits(said_bytes=300))
        assert (said.of(Stopped)[0].reason, len(requests)) == ("size", 1)

    @pytest.mark.parametrize(
        ("default", "most", "own", "steps"),
        [
            (None, None, None, 50),
            (10, None, None, 10),
            (10, 30, 25, 25),
            (10, 30, 99, 30),
            (None, 20, None, 20),
        ],
    )
    def test_of_steps_are_librechats(
        self, default: int | None, most: int | None, own: int | None, steps: int
    ) -> None:
        assert steps_of(default, most, own) == steps

    def test_of_a_result_follow_the_window(self) -> None:
        assert [result_chars_of(8000), result_chars_of(1_000_000), result_chars_of(8000, 500)] == [
            9600,
            400_000,
            500,
        ]


class TestRoom:
    def test_is_made_from_the_oldest(self) -> None:
        """The provider says how many tokens a request had; the next one is to have no more than there is room for."""
        turns = (
            Turn.of_text("user", "old " * 100),
            Turn.of_text("assistant", "older " * 100),
            Turn.of_text("user", "The question"),
        )
        said, requests = run(
            Reply([], calls=AGAIN.calls, usage=(300, 20)),
            Reply(["End."]),
            request={"turns": turns},
            room=320,
        )
        assert requests[1].json["messages"][0]["content"] == "The question"
        assert said.text == "End."

    def test_is_made_by_a_summary_once(self) -> None:
        turns = (
            Turn.of_text("user", "old"),
            Turn.of_text("assistant", "older"),
            Turn.of_text("user", "The question"),
        )
        host = Host()
        host.summary = Turn.of_text("user", "They spoke.")
        said, requests = run(
            Reply([], calls=AGAIN.calls, usage=(300, 20)),
            Reply([], calls=(Call("time", id="b"),), usage=(300, 20)),
            Reply(["End."]),
            request={"turns": turns},
            room=320,
            host=host,
        )
        # 332 with the result of the first call, "rain in Rome".
        assert host.left_out == [(["old", "older"], 332)]
        assert [turn.text for turn in said.turns[:2]] == ["They spoke.", "The question"]
        assert requests[1].json["messages"][0]["content"] == "They spoke."

    def test_is_made_in_results_where_nothing_is_older(self) -> None:
        async def long(_called: Called) -> ToolOutput:
            return ToolOutput.of_text("word " * 1000)

        host = Host()
        _, requests = run(
            Reply([], calls=(Call("long", id="a"),)),
            Reply([], calls=(Call("long", ('{"page": 2}',), "b"),)),
            Reply(["End."]),
            tools=[tool("long", long)],
            room=2000,
            host=host,
        )
        first, second = (each["content"] for each in requests[2].json["messages"] if each["role"] == "tool")
        assert first == "The result is left out: the chat has become too long."
        assert "[Cut: the result has 5000 characters" in second
        assert host.asked == [2000, 2000]


@pytest.mark.parametrize("kind", SERVERS)
def test_what_is_said_meanwhile_is_put_before_the_model(kind: str) -> None:
    host = Host(Turn.of_text("user", "And in Rome?"))
    said, requests = run(AGAIN, Reply(["End."]), host=host, kind=kind)
    assert said.text == "End."
    assert "And in Rome?" in requests[1].body.decode()
    assert [turn.role for turn in said.turns] == ["user", "assistant", "tool", "user", "assistant"]


def test_a_tool_may_end_the_loop() -> None:
    over = threading.Event()

    async def end(_called: Called) -> ToolOutput:
        over.set()
        return ToolOutput.of_text("ended")

    said, requests = run(Reply([], calls=(Call("end"),)), tools=[tool("end", end)], halted=over.is_set)
    assert (said.outputs, len(requests)) == (["ended"], 1)


def test_calls_work_at_the_same_time_and_end_with_the_loop() -> None:
    """Two calls wait for each other; a third is cancelled when who reads leaves."""
    cancelled = threading.Event()

    async def use(provider: Any) -> list[str]:
        met = asyncio.Barrier(2)

        async def meet(_called: Called) -> ToolOutput:
            await met.wait()
            return ToolOutput.of_text("met")

        async def hang(_called: Called) -> ToolOutput:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise
            raise AssertionError

        tools = [tool("meet", meet), tool("hang", hang)]
        loop = ToolLoop(Looped(provider, request(model="gpt-4o"), None, tools), LoopLimits(), Host())
        done = []
        async with aclosing(loop.events()) as events:
            async for event in events:
                if isinstance(event, CallDone):
                    done.append(event.text)
                if len(done) == 2:
                    break
        return done

    calls = (Call("meet", id="a"), Call("meet", ('{"x": 1}',), "b"), Call("hang", id="c"))
    with openai_server(Reply([], calls=calls)) as server:
        assert ask(settings_of("openai", server.url), use) == ["met", "met"]
    assert cancelled.is_set()


def test_many_loops_at_once_hold_no_thread() -> None:
    """A hundred loops with three calls each, all of them waiting for tools at the same time."""
    threads: list[int] = []

    async def use(provider: Any) -> int:
        all_there = asyncio.Barrier(300)

        async def wait(_called: Called) -> ToolOutput:
            await all_there.wait()
            threads.append(threading.active_count())
            return ToolOutput.of_text("there")

        async def one() -> str:
            looped = Looped(provider, request(model="gpt-4o"), None, [tool("wait", wait)])
            loop = ToolLoop(looped, LoopLimits(), Host())
            return "".join([each.text async for each in loop.events() if isinstance(each, TextDelta)])

        before = threading.active_count()
        said = await asyncio.gather(*(one() for _ in range(100)))
        assert set(said) == {"End."}
        return max(threads) - before

    calls = tuple(Call("wait", (f'{{"n": {number}}}',), f"c{number}") for number in range(3))

    def answer(received: Any) -> Reply:
        return Reply(["End."]) if received.json["messages"][-1]["role"] == "tool" else Reply([], calls=calls)

    with openai_server(answer) as server:
        assert ask(settings_of("openai", server.url), use) <= 0
