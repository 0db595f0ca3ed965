"""Large JSON answers, made in portions and held against the contract item by item."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from echo.contract import streaming
from echo.contract.compiled import Response
from echo.contract.document import load_contract
from echo.contract.responses import ContractBreach
from echo.contract.streaming import begun, check_whole, json_pieces, sliced
from echo.handling.large_answers import LargeAnswers
from echo.handling.stream_body import JsonItems

OPERATIONS = {operation.id: operation for operation in load_contract().operations}
RESPONSES = {name: operation.responses for name, operation in OPERATIONS.items()}
ARRAY = RESPONSES["list_conversation_messages"][200]
FORK = RESPONSES["fork_conversation"][201]


def message(text: str) -> dict[str, Any]:
    return {"messageId": "m", "conversationId": "c", "sender": "user", "text": text}


class TestArray:
    @pytest.mark.parametrize(
        "portions", [[], [[]], [["a"]], [["a", "b"], ["c"]], [[], ["a"], [], ["b"], []], [["a,]"], ['"']]]
    )
    def test_is_the_json_of_all_items(self, portions: list[list[str]]) -> None:
        items = [[message(text) for text in portion] for portion in portions]
        sent = b"".join(json_pieces(JsonItems(items, 1), ARRAY))
        assert orjson.loads(sent) == [each for portion in items for each in portion]

    def test_is_made_portion_by_portion(self) -> None:
        taken: list[str] = []

        def portions() -> Iterator[list[dict[str, Any]]]:
            for text in "abc":
                taken.append(text)
                yield [message(text)]

        pieces = json_pieces(JsonItems(portions(), 1), ARRAY)
        next(pieces)
        assert taken == ["a"]

    def test_an_item_that_breaks_the_contract_ends_it(self) -> None:
        items = [[message("a")], [message("b"), {**message("c"), "sender": "nobody"}]]
        pieces = json_pieces(JsonItems(items, 1), ARRAY)
        assert orjson.loads(next(pieces) + b"]") == [message("a")]
        with pytest.raises(ContractBreach, match="nobody"):
            next(pieces)

    def test_all_that_is_wrong_with_an_item_is_told(self) -> None:
        wrong = {**message("c"), "sender": "nobody", "text": 7}
        with pytest.raises(ContractBreach) as raised:
            next(json_pieces(JsonItems([[wrong]], 1), ARRAY))
        said = sorted(ARRAY.items[None].details(wrong))
        assert len(said) == 2
        assert sorted(str(raised.value).split("; ")) == said


class TestObject:
    @pytest.mark.parametrize("texts", [[], ["a", "b"]])
    def test_has_the_others_beside_the_items(self, texts: list[str]) -> None:
        conversation = {"conversationId": "c", "title": 'T "0}', "isArchived": False, "tags": [], "user": "u"}
        items = [[message(text)] for text in texts]
        body = JsonItems(items, 1, "messages", {"conversation": conversation})
        assert orjson.loads(b"".join(json_pieces(body, FORK))) == {
            "conversation": conversation,
            "messages": [message(text) for text in texts],
        }

    def test_others_that_break_the_contract_are_not_sent(self) -> None:
        body = JsonItems([[message("a")]], 1, "messages", {"conversation": {"title": 5}})
        with pytest.raises(ContractBreach, match='5 is not of type "string"'):
            next(json_pieces(body, FORK))


class TestWhole:
    """A large answer whose body is there already."""

    def check(self, status: int, body: Any) -> None:
        check_whole(OPERATIONS["list_conversation_messages"], status, body)

    def test_passes_where_it_is_as_promised(self) -> None:
        self.check(200, [message("a")])
        # Of a status that is not declared the head says so.
        self.check(299, {"any": "thing"})

    def test_that_is_not_is_told_of_in_full(self) -> None:
        wrong = [{**message("c"), "sender": "nobody", "text": 7}]
        with pytest.raises(ContractBreach) as raised:
            self.check(200, wrong)
        first, second = str(raised.value).split("; ")
        assert {"nobody" in first, "nobody" in second} == {True, False}
        assert "7 is not of type" in str(raised.value)

    def test_of_another_type_than_json_is_not_looked_into(self) -> None:
        streaming.check(Response({"text/plain": None}, (), {}), {"any": "thing"})


class TestShares:
    @pytest.fixture
    def answers(self) -> LargeAnswers:
        return LargeAnswers(most=10, most_of_one=10)

    def test_are_held_to_the_last_piece(self, answers: LargeAnswers) -> None:
        pieces = begun(iter([b"a", b"b"]), answers.take("ada", 5))
        assert (next(pieces), answers.total) == (b"a", 5)
        assert (next(pieces), answers.total) == (b"b", 5)
        assert (next(pieces, b""), answers.total) == (b"", 0)

    def test_of_nothing_are_given_back_with_the_end(self, answers: LargeAnswers) -> None:
        pieces = begun(iter([]), answers.take("ada", 5))
        assert b"".join(pieces) == b""
        assert answers.total == 0

    def test_are_given_back_when_nobody_wants_the_pieces(self, answers: LargeAnswers) -> None:
        begun(iter([b"a"]), answers.take("ada", 5)).close()
        assert answers.total == 0
        begun(iter([b"a"]), answers.take("ada", 5))
        assert answers.total == 0

    def test_are_given_back_after_an_error(self, answers: LargeAnswers) -> None:
        def broken(first: bool) -> Iterator[bytes]:
            if not first:
                yield b"a"
            raise ValueError("broken")

        with pytest.raises(ValueError, match="broken"):
            begun(broken(first=True), answers.take("ada", 5))
        assert answers.total == 0
        pieces = begun(broken(first=False), answers.take("ada", 5))
        with pytest.raises(ValueError, match="broken"):
            list(pieces)
        assert answers.total == 0


def test_slices_are_all_of_the_content() -> None:
    content = bytes(range(256)) * 3000
    pieces = list(sliced(content))
    assert b"".join(pieces) == content
    assert [len(piece) for piece in pieces] == [262144, 262144, 243712]
