import pytest

from echo.conversations.token_count import count_tokens


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
