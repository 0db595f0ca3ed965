"""What a model is sent of a conversation. Whole requests are in `test_summaries.py` and `test_asking.py`."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.context import Weighed
from echo.chat.contexts import Context, Contexts
from echo.chat.place import Place
from echo.chat.prepared import Asking
from echo.chat.request import settle
from echo.chat.summaries import Boundary, Summarising
from echo.providers.chat import Attachment, ChatRequest, Turn
from echo.settings.agents import PruningSettings, SummarySettings
from echo.tools.tool import Wanted

CONTINUE = "Continue your last answer exactly where it ends. Repeat nothing, and add no introduction."


def contexts(**settings: Any) -> Contexts:
    nothing: Any = None
    return Contexts(nothing, nothing, len, SummarySettings(**settings))


def question(name: str, length: int = 10) -> dict[str, Any]:
    return {"messageId": name, "text": "x" * length, "isCreatedByUser": True}


def answer(name: str, length: int = 10) -> dict[str, Any]:
    return {"messageId": name, "text": "x" * length, "isCreatedByUser": False}


# Three turns; each message costs its ten characters, and three for being one.
TALK = [question("q1"), answer("a1"), question("q2"), answer("a2"), question("q3"), answer("a3")]


class TestWhatStays:
    @staticmethod
    def kept(is_new: bool = True, talk: list[dict[str, Any]] | None = None, **settings: Any) -> list[str]:
        found = contexts(**settings)._retained(TALK if talk is None else talk, is_new=is_new)
        return [each["messageId"] for each in found]

    def test_is_everything_where_the_operator_says_nothing(self) -> None:
        assert self.kept() == ["q1", "a1", "q2", "a2", "q3", "a3"]

    @pytest.mark.parametrize(
        ("turns", "kept"),
        [
            # The question itself is one of them.
            (1, []),
            (2, ["q3", "a3"]),
            (3, ["q2", "a2", "q3", "a3"]),
            (9, ["q1", "a1", "q2", "a2", "q3", "a3"]),
        ],
    )
    def test_is_so_many_turns(self, turns: int, kept: list[str]) -> None:
        assert self.kept(retained_turns=turns) == kept

    @pytest.mark.parametrize(
        ("tokens", "kept"),
        [
            (25, []),
            (26, ["q3", "a3"]),
            (51, ["q3", "a3"]),
            (52, ["q2", "a2", "q3", "a3"]),
        ],
    )
    def test_is_whole_turns_of_so_many_tokens(self, tokens: int, kept: list[str]) -> None:
        assert self.kept(retained_tokens=tokens) == kept

    def test_is_what_both_allow(self) -> None:
        assert self.kept(retained_turns=3, retained_tokens=30) == ["q3", "a3"]
        assert self.kept(retained_turns=2, retained_tokens=1000) == ["q3", "a3"]

    def test_has_the_question_where_that_is_asked_again(self) -> None:
        asked_again = TALK[:-1]
        assert self.kept(False, asked_again, retained_turns=1) == ["q3"]
        assert self.kept(False, asked_again, retained_tokens=0) == ["q3"]
        assert self.kept(False, asked_again, retained_tokens=26) == ["q2", "a2", "q3"]
        assert self.kept(False, asked_again, retained_tokens=25) == ["q3"]


class TestWhatIsSaidLast:
    @staticmethod
    def last(**place: Any) -> tuple[Weighed | None, list[Any]]:
        usual = {"branch": [], "question": {}, "answer_id": "a", "is_new_question": False}
        return contexts()._last(Place(**{**usual, **place}))

    def test_is_the_new_question(self) -> None:
        asked = {"messageId": "q", "text": "Why?", "tokenCount": 7}
        assert self.last(question=asked, is_new_question=True) == (Weighed("q", 7, True), [asked])

    def test_is_nothing_where_a_question_is_asked_again(self) -> None:
        assert self.last() == (None, [])

    def test_is_the_order_to_go_on(self) -> None:
        weighed, said = self.last(before=[])
        assert weighed == Weighed("", len(CONTINUE), True)
        assert said == [{"messageId": "", "text": CONTINUE, "isCreatedByUser": True}]

    def test_is_the_edited_answer_and_the_order_to_go_on(self) -> None:
        parts = [{"type": "text", "text": "Edited"}]
        weighed, said = self.last(before=parts, is_edited=True)
        assert weighed == Weighed("", len(CONTINUE) + 6, True)
        assert said == [
            {"messageId": "", "content": parts, "isCreatedByUser": False},
            {"messageId": "", "text": CONTINUE, "isCreatedByUser": True},
        ]


class TestSumming:
    @staticmethod
    def summing(
        boundary: Boundary | None, before: list[Any] | None = None, update: str | None = "Update."
    ) -> Any:
        nothing: Any = None
        asking = Asking(nothing, ChatRequest("m", (), system="Sum up."), None, {}, "a", "openAI")
        how = Summarising(asking, "q", update_prompt=update)
        messages = [question("q1"), answer("a1")] if before is None else before
        return contexts()._summing(how, messages, "q2", boundary)

    def test_is_of_what_is_left_out(self) -> None:
        made = self.summing(None)
        assert made.asking.request.turns == (Turn.of_text("user", f"User: {'x' * 10}\n\nModel: {'x' * 10}"),)
        assert (made.asking.request.system, made.asking.request.model) == ("Sum up.", "m")
        assert (made.retained_from, made.messages, made.has_older, made.before) == ("q2", 2, False, None)

    def test_takes_up_an_older_one(self) -> None:
        made = self.summing(Boundary("So far.", 0, "a1", True))
        assert (made.asking.request.system, made.has_older, made.before) == ("Update.", True, "So far.")
        # Of these, `q1` is in it already.
        assert made.messages == 1
        assert (
            self.summing(Boundary("So far.", 0, "a1", True), update=None).asking.request.system == "Sum up."
        )

    def test_of_nothing_is_none(self) -> None:
        assert self.summing(None, []) is None


class TestWhatIsSent:
    """Of a conversation whose messages cost thirteen each, for a model of a hundred tokens."""

    @staticmethod
    def of(
        *settings: Any,
        window: int = 100,
        max_tokens: int | None = None,
        tools: tuple[str, ...] = (),
        resend: bool = True,
        talk: list[dict[str, Any]] | None = None,
        count: Callable[[str], int] = len,
        how: Summarising | None = None,
        **place: Any,
    ) -> tuple[Context, list[Any]]:
        rows = [
            {**each, "tokenCount": 10, "files": [{"file_id": f"of {each['messageId']}"}]}
            for each in talk or TALK
        ]
        chats: Any = SimpleNamespace(
            contents=lambda owner, conversation_id, ids: {
                each["messageId"]: each for each in rows if each["messageId"] in ids and owner == "ada"
            }
        )
        loaded: list[Any] = []

        def load(message: Any) -> tuple[Attachment, ...]:
            loaded.append(message["messageId"])
            return ()

        files = SimpleNamespace(
            again=lambda: SimpleNamespace(load_earlier=load), for_code=lambda messages: [{"file_id": "code"}]
        )
        picture = Attachment("a.png", "image/png", b"x")
        about: Any = SimpleNamespace(owner="ada", files=files, loaded=(picture,), variables=None)
        system = {"promptPrefix": "four", "max_tokens": max_tokens, "resendFiles": resend}
        side: Any = SimpleNamespace(settled=settle(system, []), window=window, wanted=Wanted(names=tools))
        sides: Any = None
        rules = settings[0] if settings else SummarySettings(reserve=0.1)
        question = {"messageId": "q4", "text": "New?", "tokenCount": 4, "isCreatedByUser": True}
        where = {"branch": rows, "question": question, "answer_id": "a", "is_new_question": True, **place}
        made = Contexts(chats, sides, count, rules)
        asked_for = ("ada", side, None, "q4")
        summarisers: Any = SimpleNamespace(of=lambda *asked: how if asked == asked_for else None)
        made._summarisers = summarisers
        return made.of(about, side, Place(**where), "c"), loaded

    def test_is_what_there_is_room_for_with_its_figures(self) -> None:
        context, loaded = self.of()
        # Of the 90 that are used: 4 for the instructions, 3 for the request, and whole turns.
        assert context.counts == {
            "window": 100,
            "budget": 90,
            "system": 4,
            "messages": 2 * 26 + 7 + 3,
            "before": 4 + 6 * 13,
            "count": 5,
        }
        assert [(turn.role, len(turn.text)) for turn in context.turns] == [
            ("user", 10),
            ("assistant", 10),
            ("user", 10),
            ("assistant", 10),
            ("user", 4),
        ]
        assert context.turns[-1].attachments == (Attachment("a.png", "image/png", b"x"),)
        assert loaded == ["a3", "q3", "a2", "q2"]
        assert [each["file_id"] for each in context.files] == ["of q2", "of a2", "of q3", "of a3"]
        assert (context.summing, context.summarising) == (None, None)

    @pytest.mark.parametrize(
        ("window", "max_tokens", "count"), [(71, None, 5), (71, 1, 3), (81, 10, 5), (81, 11, 3)]
    )
    def test_leaves_room_for_the_answer(self, window: int, max_tokens: int | None, count: int) -> None:
        # Two turns and the question read 66 tokens with the instructions: 94 % of 71.
        context, _ = self.of(SummarySettings(reserve=0.06), max_tokens=max_tokens, window=window)
        assert context.counts["count"] == count

    def test_has_files_of_earlier_messages_where_they_are_wanted(self) -> None:
        assert self.of(resend=False)[1] == []
        assert len(self.of(resend=False, is_new_question=False)[1]) == 6
        context, _ = self.of(tools=("execute_code",))
        assert context.files[-1] == {"file_id": "code"}

    def test_is_shorter_by_old_results_and_never_less_than_nothing(self) -> None:
        call = {"id": "c", "name": "look", "args": "{}", "output": "y" * 4000}
        told = {**answer("a1"), "content": [{"type": "tool_call", "tool_call": call}]}
        talk = [question("q1"), told, question("q2"), answer("a2")]
        pruning = PruningSettings(kept_answers=1, trimmed_from=0.0, cleared_from=2.0, least_chars=100)
        rules = SummarySettings(reserve=0.1, pruning=pruning)
        for counted, messages in ((len, 4055 - 250), (lambda _text: 0, 0)):
            context, _ = self.of(rules, talk=talk, tools=("look",), window=10_000, count=counted)
            assert context.counts["messages"] == messages
            assert [len(result.text) for turn in context.turns for result in turn.results] == [3000]


SUMMARISER: Any = Asking(None, ChatRequest("s", (), system="Sum up."), None, {}, "a", "openAI")  # type: ignore[arg-type]
HOW = Summarising(SUMMARISER, "q4", update_prompt="Update.")


def summed_up(message: dict[str, Any], retained: str) -> dict[str, Any]:
    """The message with a summary that covers what is before another one."""
    said = {"type": "summary", "text": "So far.", "coverage": {"retainedFromMessageId": retained}}
    return {**message, "content": [said]}


class TestWhatIsSummarised:
    """Of the three turns one has no room beside the new question; see `TestWhatIsSent`."""

    @staticmethod
    def of(*settings: Any, **more: Any) -> Context:
        return TestWhatIsSent.of(*settings, how=HOW, **more)[0]

    def test_is_all_that_does_not_fit_into_half_of_the_window(self) -> None:
        context = self.of()
        assert context.summarising is HOW
        summing = context.summing
        assert summing is not None
        assert (summing.retained_from, summing.messages, summing.before) == ("q3", 4, None)
        [told] = summing.asking.request.turns
        assert told.text == "\n\n".join([f"User: {'x' * 10}", f"Model: {'x' * 10}"] * 2)
        assert summing.asking.request.system == "Sum up."
        assert [len(turn.text) for turn in context.turns] == [10, 10, 4]
        assert context.counts == {
            "window": 100,
            "budget": 90,
            "system": 4,
            "messages": 26 + 7 + 3,
            "before": 4 + 6 * 13,
            "count": 3,
        }
        # Tools read the files of what is sent.
        assert [each["file_id"] for each in context.files] == ["of q3", "of a3"]

    def test_is_more_where_the_operator_wants_less_to_stay(self) -> None:
        talk = [each for turn in range(6) for each in (question(f"Q{turn}"), answer(f"A{turn}"))]
        both = self.of(talk=talk, window=160)
        assert (both.counts["messages"], both.counts["count"]) == (2 * 26 + 7 + 3, 5)
        one = self.of(SummarySettings(reserve=0.1, retained_turns=2), talk=talk, window=160)
        assert (one.counts["messages"], one.counts["count"]) == (26 + 7 + 3, 3)
        assert [len(turn.text) for turn in one.turns] == [10, 10, 4]
        assert one.summing is not None
        assert (one.summing.retained_from, one.summing.messages) == ("Q5", 10)

    def test_is_everything_before_the_question_where_nothing_stays(self) -> None:
        context = self.of(SummarySettings(reserve=0.1, retained_turns=1))
        assert context.summing is not None
        assert (context.summing.retained_from, context.summing.messages) == ("q4", 6)
        assert [turn.text for turn in context.turns] == ["New?"]

    @pytest.mark.parametrize(
        ("trigger", "wanted"),
        [
            # The instructions, six messages and the question have 86 tokens; two messages have no room.
            (("remaining_tokens", 14), True),
            (("remaining_tokens", 13), False),
            (("token_ratio", 0.86), True),
            (("token_ratio", 0.87), False),
            (("messages_to_refine", 2), True),
            (("messages_to_refine", 3), False),
        ],
    )
    def test_is_nothing_before_the_operator_wants_it(self, trigger: Any, wanted: bool) -> None:
        context = self.of(SummarySettings(reserve=0.1, trigger=trigger))
        assert (context.summing is not None) is wanted
        assert context.counts["count"] == (3 if wanted else 5)
        assert context.summarising is HOW

    def test_is_nothing_where_all_fits_or_nobody_can(self) -> None:
        assert self.of(window=200).summing is None
        assert TestWhatIsSent.of()[0].summing is None

    def test_goes_on_from_an_older_summary_that_lacks_something(self) -> None:
        context = self.of(talk=[*TALK[:5], summed_up(TALK[5], "gone")])
        summing = context.summing
        assert summing is not None
        assert (summing.messages, summing.before, summing.has_older) == (4, "So far.", True)
        [told] = summing.asking.request.turns
        assert told.text.startswith(
            f"A summary of the chat before this message:\nSo far.\n\nUser: {'x' * 10}\n\n"
        )
        assert summing.asking.request.system == "Update."
        # What is told of it is up to who makes the new one.
        assert [len(turn.text) for turn in context.turns] == [10, 10, 4]

    def test_is_nothing_where_an_older_summary_covers_the_rest(self) -> None:
        context = self.of(talk=[*TALK[:5], summed_up(TALK[5], "q3")])
        assert context.summing is None
        assert [turn.text for turn in context.turns] == [
            "A summary of the chat before this message:\n\nSo far.",
            "x" * 10,
            "x" * 10,
            "New?",
        ]
