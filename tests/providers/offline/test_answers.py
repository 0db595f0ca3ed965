"""What the offline model says to each request, word for word."""

import json
from typing import Any

import pytest

from echo.providers.offline.answers import Said, answer_to, asked_words, words_of

INTRODUCTION = "I am Echo's offline model; no real model answers here."


def body(*messages: Any, model: str = "echo", **more: Any) -> dict[str, Any]:
    told = [{"role": "user", "content": each} if isinstance(each, str) else each for each in messages]
    return {"model": model, "messages": told, **more}


def tool(name: str, **parameters: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


class TestText:
    @pytest.mark.parametrize("opening", range(4))
    def test_begins_as_the_seed_says(self, opening: int) -> None:
        openings = ("You said:", "I was told:", "What came in was:", "I heard:")
        said = answer_to(body("Hello", seed=SEEDS[opening]))
        assert said == Said(f"{INTRODUCTION} {openings[opening]} Hello")

    @pytest.mark.parametrize(
        ("messages", "told"),
        [
            (["one", "two"], "two"),
            (["one", {"role": "assistant", "content": "two"}], "one"),
            (["one", {"role": "tool", "content": "two"}], "two"),
            ([{"role": "system", "content": "one"}], "nothing"),
            ([" "], "nothing"),
            ([], "nothing"),
            (["x" * 4001], "x" * 4000),
            ([{"role": "user", "content": None}], "nothing"),
            ([7, "a"], "a"),
        ],
    )
    def test_repeats_the_last_thing_that_was_said(self, messages: Any, told: str) -> None:
        assert (
            answer_to({"model": "echo", "messages": body(*messages)["messages"]}).text.split(": ", 1)[1]
            == told
        )

    def test_has_what_stands_beside_text_by_its_kind(self) -> None:
        parts = [
            {"type": "text", "text": "See"},
            {"type": "image_url"},
            {"odd": 1},
            "x",
            {"text": 7, "type": "a"},
        ]
        said = answer_to(body({"role": "user", "content": parts}))
        assert said.text.endswith(": See [image_url] [part] [a]")

    def test_may_be_long(self) -> None:
        said = answer_to(body("one two", model="echo-long"))
        assert said.text == f"{INTRODUCTION} " + " ".join(["one", "two"] * 1000)
        assert answer_to({"model": "echo-long"}).text.endswith(" nothing nothing")

    def test_may_be_thought_over_or_refused(self) -> None:
        thought = "No thought of a real model: I look at what I was told, and then repeat it."
        said = answer_to(body("Hello", model="echo-reasoning"))
        assert (said.reasoning, said.text.startswith(INTRODUCTION)) == (thought, True)
        refusal = "I am Echo's offline model, and I was asked to refuse: this I do not answer."
        assert answer_to(body("Hello", model="echo-refusal")) == Said(refusal=refusal)


def seed_of(opening: str) -> int:
    return next(seed for seed in range(100) if f"{opening} Hello" in answer_to(body("Hello", seed=seed)).text)


SEEDS = [seed_of(each) for each in ("You said:", "I was told:", "What came in was:", "I heard:")]


class TestLimit:
    @pytest.mark.parametrize(
        ("more", "text", "finish"),
        [
            ({"max_tokens": 3}, "I am Echo's ", "length"),
            ({"max_completion_tokens": 2, "max_tokens": 3}, "I am ", "length"),
            ({"max_tokens": "3"}, None, "stop"),
            ({"model": "echo-cut"}, f"{INTRODUCTION} ", "length"),
            ({"model": "echo-cut", "max_tokens": 2}, "I am ", "length"),
            ({"model": "echo-cut", "max_tokens": 99}, f"{INTRODUCTION} ", "length"),
        ],
    )
    def test_is_in_words(self, more: Any, text: str | None, finish: str) -> None:
        said = answer_to(body("Hello you", seed=SEEDS[2], **more))
        assert said.finish == finish
        whole = f"{INTRODUCTION} What came in was: Hello you"
        wanted = whole if text is None else text
        assert said.text == (wanted if len(words_of(wanted)) != 10 else f"{INTRODUCTION} What came ")

    def test_is_not_of_what_is_thought(self) -> None:
        said = answer_to(body("Hello", model="echo-reasoning", max_tokens=2))
        assert (said.text, said.finish) == ("I am ", "length")
        assert said.reasoning == answer_to(body("Hello", model="echo-reasoning")).reasoning != ""

    def test_is_not_reached_by_as_many_words(self) -> None:
        whole = answer_to(body("Hello"))
        assert answer_to(body("Hello", max_tokens=len(words_of(whole.text)))) == whole


class TestCalls:
    TOOLS = (tool("first", type="object", properties={"a": {"const": 1}}), tool("second"))

    def called(self, *messages: Any, **more: Any) -> Said:
        return answer_to(body(*(messages or ("Hello",)), model="echo-tools", tools=self.TOOLS, **more))

    @pytest.mark.parametrize(
        ("choice", "calls"),
        [
            (None, (("first", '{"a":1}'),)),
            ("auto", (("first", '{"a":1}'),)),
            ("required", (("first", '{"a":1}'),)),
            ({"function": {"name": "second"}}, (("second", "{}"),)),
            ({"function": {"name": "third"}}, ()),
            ("none", ()),
        ],
    )
    def test_are_of_the_tool_that_was_chosen(self, choice: Any, calls: Any) -> None:
        said = self.called(tool_choice=choice)
        assert (said.calls, said.finish) == (calls, "tool_calls" if calls else "stop")
        assert bool(said.text) is not bool(calls)

    def test_are_none_once_a_tool_has_answered(self) -> None:
        answered = {"role": "tool", "content": "Storm"}
        assert self.called("Hello", answered).text.endswith(" Storm")
        assert self.called(answered, "Hello").calls != ()

    def test_are_none_of_other_models_and_without_tools(self) -> None:
        assert answer_to(body("Hello", tools=self.TOOLS)).calls == ()
        assert answer_to(body("Hello", model="echo-tools")).calls == ()


class TestJson:
    def test_is_by_the_schema(self) -> None:
        wanted = {"type": "json_schema", "json_schema": {"schema": {"const": {"a": 1}}}}
        assert answer_to(body("Hello", response_format=wanted)).text == '{"a":1}'
        assert answer_to(body("Hello", response_format={"type": "json_schema"})).text == '"offline"'

    @pytest.mark.parametrize(
        "more", [{"model": "echo-json"}, {"response_format": {"type": "json_object"}}], ids=str
    )
    def test_is_any_object_otherwise(self, more: Any) -> None:
        said = json.loads(answer_to(body("Hello", **more)).text)
        assert said == {"offline": INTRODUCTION, "told": "Hello"}

    def test_is_not_what_a_text_is(self) -> None:
        assert answer_to(body("Hello", response_format={"type": "text"})).text.startswith(INTRODUCTION)


def test_words_are_counted() -> None:
    assert words_of(" a  b\nc ") == [" a  ", "b\n", "c "]
    assert words_of("") == []
    assert Said("a b", "c", "d e f", (("f", '{"a": 1}'), ("g", "{}"))).words == 3 + 3 + 5
    parts = [{"text": "d e"}, {"type": "image_url"}]
    assert asked_words(body("a b", {"role": "system", "content": "c"}, {"content": parts}, 7)) == 6
    assert asked_words({"messages": "a b"}) == 0
