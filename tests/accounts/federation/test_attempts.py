"""What a browser keeps of a login that has begun, and what is made of it."""

import hashlib
from typing import Any, cast

import pytest

from echo.accounts.federation.attempts import Attempt, Attempts
from echo.accounts.federation.identity import Refused
from echo.handling.caller import ClientInfo
from storage.accounts.login_states import LoginStateRepository
from storage.core.database import Database

BROWSER = "b" * 43
PLAIN, TLS = ClientInfo("127.0.0.1", secure=False), ClientInfo("127.0.0.1", secure=True)


def cookie(secure: bool | None, client: ClientInfo, *, cross_site: bool = False) -> tuple[str, set[str]]:
    attempts = Attempts(cast("LoginStateRepository", None), secure=secure)
    value, *attributes = attempts.cookie(Attempt("s", BROWSER), client, cross_site=cross_site).split("; ")
    return value, set(attributes)


@pytest.mark.parametrize(
    ("secure", "client", "cross_site", "expected"),
    [
        (None, PLAIN, False, {"SameSite=Lax"}),
        (None, TLS, False, {"SameSite=Lax", "Secure"}),
        (True, PLAIN, False, {"SameSite=Lax", "Secure"}),
        (None, TLS, True, {"SameSite=None", "Secure"}),
        # Without TLS a browser takes none that goes with another site's form.
        (None, PLAIN, True, {"SameSite=Lax"}),
    ],
)
def test_the_cookie_is_for_ten_minutes_and_no_script(
    secure: bool | None, client: ClientInfo, cross_site: bool, expected: set[str]
) -> None:
    value, attributes = cookie(secure, client, cross_site=cross_site)
    assert value == f"echo_login={BROWSER}"
    assert {each for each in attributes if not each.startswith("Expires=")} == {
        *("HttpOnly", "Max-Age=600", "Path=/", *expected)
    }


def test_secrets_are_made_of_both_halves() -> None:
    attempt = Attempt("state", BROWSER)
    made = [attempt.verifier, attempt.nonce, attempt.key]
    # RFC 7636, section 4.1: 43 characters of this alphabet at least.
    assert [len(each) for each in made] == [43, 43, 64]
    others = [Attempt("state", "c" * 43), Attempt("other", BROWSER)]
    everything = {*made, *(each for other in others for each in (other.verifier, other.nonce, other.key))}
    assert len(everything) == 9
    assert attempt.key == hashlib.sha256(f"state.{BROWSER}".encode()).hexdigest()
    assert attempt.verifier == Attempt("state", BROWSER).verifier
    assert BROWSER not in repr(attempt)


def test_a_login_is_found_once_by_its_own_browser(app_database: Database) -> None:
    attempts = Attempts(LoginStateRepository(app_database), secure=None)
    first = attempts.begin("openid", None)
    assert len(first.browser) == 43
    second = attempts.begin("openid", first.browser, "a challenge")
    assert second.browser == first.browser
    assert attempts.begin("openid", "x" * 44).browser != "x" * 44
    asked: list[tuple[Any, Any, Any]] = [
        ("openid", None, first.browser),
        ("openid", first.state, None),
        ("openid", first.state, first.browser[:-1]),
        ("openid", first.state, BROWSER),
        ("google", first.state, first.browser),
    ]
    for provider, state, browser in asked:
        with pytest.raises(Refused) as refused:
            attempts.take(provider, state, browser)
        assert refused.value.code == "login_expired"
        is_whole = bool(state) and browser in (first.browser, BROWSER)
        why = "no such login has begun in this browser" if is_whole else "no state, or no cookie"
        assert refused.value.detail == why
    assert attempts.take("openid", second.state, first.browser) == second
    assert attempts.take("openid", first.state, first.browser) == first
    with pytest.raises(Refused, match="login_expired"):
        attempts.take("openid", first.state, first.browser)
