"""What the fixtures of the plugin tell when Echo does not do what they need; `tests/test_install.py` runs them."""

import pytest
import requests

from echo.testing.plugin import granted


def answer(status: int) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    made._content = b'{"code": "registration_closed"}'
    return made


def test_a_refusal_is_told_as_the_server_says_it() -> None:
    with pytest.raises(pytest.fail.Exception) as failed:
        granted(answer(403), "to register a user")
    assert str(failed.value) == 'Echo refuses to register a user: 403 {"code": "registration_closed"}'


def test_what_is_granted_is_passed_on() -> None:
    assert granted(answer(201), "to make a key").status_code == 201
