"""How many tokens a text has, and who counts them."""

import threading
from typing import Any

import pytest
import toktok

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
        """How the library was asked, and by which thread."""
        asked: list[tuple[Any, ...]] = []

        def batch_count(texts: list[str], encoding: str, **more: Any) -> list[int]:
            asked.append((texts, encoding, more, threading.current_thread().name))
            return [7]

        monkeypatch.setattr(toktok, "batch_count", batch_count)
        return asked

    def test_is_one_thread_which_asks_for_no_others(self, asked: list[tuple[Any, ...]]) -> None:
        assert [count_tokens(text) for text in ("a", "b")] == [7, 7]
        assert asked == [([text], "cl100k_base", {"threads": 1}, "echo-tokens_0") for text in ("a", "b")]

    def test_is_not_that_thread_where_processes_are_to_share_the_vocabulary(
        self, asked: list[tuple[Any, ...]]
    ) -> None:
        load_vocabulary()
        assert asked == [([""], "cl100k_base", {"threads": 1}, threading.current_thread().name)]
