"""How long a message may be."""

import pytest

from echo.conversations.message_size import check_size
from echo.errors import PayloadTooLarge


@pytest.mark.parametrize("text", ["", "abcd", "ää", "🙂"])
def test_may_have_so_many_bytes(text: str) -> None:
    check_size(text, 4)


@pytest.mark.parametrize("text", ["abcde", "aää", "🙂a"])
def test_may_not_have_one_more(text: str) -> None:
    with pytest.raises(PayloadTooLarge) as refused:
        check_size(text, 4)
    assert (refused.value.code, refused.value.message) == (
        "message_too_long",
        "A message may have at most 4 bytes.",
    )
