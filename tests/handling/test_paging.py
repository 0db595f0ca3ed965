"""Pages by number of what is left out before."""

import pytest

from echo.handling.paging import Window


@pytest.mark.parametrize(
    ("asked", "limit"), [(-1, 1), (0, 1), (1, 1), (7, 7), (200, 200), (201, 200), (10**9, 200)]
)
def test_a_page_has_the_nearest_size_that_there_may_be(asked: int, limit: int) -> None:
    assert Window.within(3, asked) == Window(offset=3, limit=limit)


def test_the_largest_size_may_be_said() -> None:
    assert Window.within(0, 30, most=25) == Window(0, 25)
    assert Window.within(0, 300, most=250) == Window(0, 250)
