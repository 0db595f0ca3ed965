"""How many tokens a text has, and who counts them."""

import threading
from typing import Any

import pytest
import toktok

from echo.conversations import token_count
from echo.conversations.token_count import count_tokens, load_vocabulary


class TestCount:
    @pytest.mark.parametrize(
        ("text", "tokens"), [("", 0), ("hello world", 2), ("Hello, how are you?", 6), (" \n\n", 1)]
    )
    def test_is_that_of_the_encoding(self, text: str, tokens: int) -> None:
        assert count_tokens(text) == tokens

    @pytest.mark.parametrize("text", ["日本語", "🙂🙃", "\x00\x01", "a\ud800b", "<|endoftext|>"])
    def test_takes_any_text(self, text: str) -> None:
        assert count_tokens(text) > 0

    def test_is_linear_in_long_texts(self) -> None:
        assert count_tokens("word " * 200_000) >= 200_000
        assert count_tokens("a" * 3_000_000) > 100_000

    def test_takes_half_a_character_for_its_replacement(self) -> None:
        assert count_tokens("a\ud800b") == count_tokens("a?b") == 3


class TestWhoCounts:
    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
        """How the library was asked, by which thread, and whether others have to wait."""
        asked: list[tuple[Any, ...]] = []

        def batch_count(texts: list[str], encoding: str, **more: Any) -> list[int]:
            name = threading.current_thread().name
            asked.append((texts, encoding, more, name, token_count._counting.locked()))
            return [7]

        monkeypatch.setattr(toktok, "batch_count", batch_count)
        return asked

    def test_is_whoever_asks_one_at_a_time_and_with_no_threads_besides(
        self, asked: list[tuple[Any, ...]]
    ) -> None:
        name = threading.current_thread().name
        assert [count_tokens(text) for text in ("a", "b")] == [7, 7]
        assert asked == [([text], "cl100k_base", {"threads": 1}, name, True) for text in ("a", "b")]
        assert not token_count._counting.locked()

    def test_the_next_one_may_after_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(toktok, "batch_count", None)
            with pytest.raises(TypeError):
                count_tokens("a")
        assert count_tokens("hello world") == 2

    def test_is_the_thread_in_which_processes_are_to_share_the_vocabulary(
        self, asked: list[tuple[Any, ...]]
    ) -> None:
        load_vocabulary()
        assert [each[:4] for each in asked] == [
            ([""], "cl100k_base", {"threads": 1}, threading.current_thread().name)
        ]
