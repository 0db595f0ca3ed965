"""How many answers an account may have at once."""

from contextlib import ExitStack

import pytest

from echo.completions.under_way import OpenCompletions
from echo.errors import TooManyRequests


def test_so_many_of_each_account_and_no_more() -> None:
    known = OpenCompletions(2)
    with ExitStack() as open_now:
        for owner in ("ada", "ada", "bob"):
            open_now.enter_context(known.one(owner))
        with pytest.raises(TooManyRequests) as refused, known.one("ada"):
            pass
        assert refused.value.headers["Retry-After"] == "5"
        with known.one("bob"):
            pass
        with known.one("bob"):
            pass
    with known.one("ada"), known.one("ada"), pytest.raises(TooManyRequests), known.one("ada"):
        pass


def test_what_has_ended_is_forgotten_however_it_ended() -> None:
    known = OpenCompletions(2)
    with known.one("ada"):
        with pytest.raises(KeyError), known.one("ada"):
            raise KeyError
        assert dict(known._open) == {"ada": 1}
    assert dict(known._open) == {}
