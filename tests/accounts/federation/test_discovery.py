"""What an issuer says of itself, as far as it is taken."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from joserfc import jwk

from echo.accounts.federation import discovery
from echo.accounts.federation.discovery import Discovery, Metadata, normal_issuer, read_keys, read_metadata
from echo.accounts.federation.fetching import Fetcher
from echo.accounts.federation.identity import Refused

ISSUER = "https://sso.example.com/realm"
SAID = {
    "issuer": f"{ISSUER}/",
    "authorization_endpoint": "https://a",
    "token_endpoint": "https://t",
    "jwks_uri": "https://k",
}
KEY = jwk.ECKey.generate_key("P-256", {"kid": "first"}).as_dict(private=False)


class Answering:
    """A fetcher with answers by address; a list is of one answer after the other."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def json(self, address: str, **_: Any) -> Any:
        self.asked.append(address)
        answer = self.answers["keys" if address == SAID["jwks_uri"] else "metadata"]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1000.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(discovery, "time", clock)
    return clock


def test_an_issuer_is_compared_without_what_leads_to_its_metadata() -> None:
    for text in (ISSUER, f" {ISSUER}// ", f"{ISSUER}/.well-known/openid-configuration/"):
        assert normal_issuer(text) == ISSUER


def test_metadata_are_read() -> None:
    more = {
        "userinfo_endpoint": "https://u",
        "end_session_endpoint": "https://e",
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "authorization_response_iss_parameter_supported": True,
    }
    assert read_metadata(SAID | more, ISSUER) == Metadata(
        *(f"{ISSUER}/", "https://a", "https://t", "https://k", "https://u", "https://e"),
        auth_methods=("client_secret_post",),
        names_itself=True,
    )
    odd = {
        "userinfo_endpoint": "",
        "end_session_endpoint": 7,
        "token_endpoint_auth_methods_supported": "client_secret_post",
        "authorization_response_iss_parameter_supported": "true",
    }
    for said in (SAID, SAID | odd):
        found = read_metadata(said, ISSUER)
        assert (found.userinfo_endpoint, found.end_session_endpoint) == (None, None)
        assert (found.auth_methods, found.names_itself) == ((), False)


@pytest.mark.parametrize(
    "changes",
    [{"issuer": None}, {"issuer": "https://sso.example.com"}, {"token_endpoint": 7}, {"jwks_uri": None}],
)
def test_metadata_that_are_none(changes: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        read_metadata(SAID | changes, ISSUER)
    assert refused.value.code == "login_failed"
    expected = "another issuer's" if "issuer" in changes else f"lack {next(iter(changes))}"
    assert refused.value.detail.endswith(expected)


def test_of_the_keys_those_that_sign_are_taken() -> None:
    keys = [
        {**KEY, "kid": "encrypts", "use": "enc"},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "EC", "crv": "P-256"},
        "none",
        {**KEY, "kid": "signs", "use": "sig"},
        KEY,
    ]
    assert [key.kid for key in read_keys({"keys": keys}).keys] == ["signs", "first"]
    for nothing in ({}, {"keys": KEY}, {"keys": keys[:4]}, {"keys": [keys[0]] * 100 + [KEY]}):
        with pytest.raises(Refused, match="login_failed"):
            read_keys(nothing)


def test_metadata_are_remembered_for_an_hour_and_longer_where_none_come(clock: SimpleNamespace) -> None:
    fetcher = Answering(metadata=SAID)
    found = Discovery(f"{ISSUER}/", cast("Fetcher", fetcher))
    assert found.remembered is None

    def issuer() -> str:
        return asyncio.run(found.metadata()).issuer

    assert issuer() == f"{ISSUER}/"
    clock.now += 3599
    fetcher.answers["metadata"] = SAID | {"issuer": ISSUER}
    assert issuer() == f"{ISSUER}/"
    clock.now += 1
    assert issuer() == ISSUER
    clock.now += 3600
    fetcher.answers["metadata"] = Refused("login_failed", "away")
    assert (issuer(), issuer()) == (ISSUER, ISSUER)
    assert fetcher.asked == [f"{ISSUER}/.well-known/openid-configuration"] * 3
    assert found.remembered is not None


def test_after_a_failure_nobody_waits_for_five_seconds(clock: SimpleNamespace) -> None:
    fetcher = Answering(metadata=Refused("login_failed", "away"))
    found = Discovery(ISSUER, cast("Fetcher", fetcher))

    def failure() -> tuple[str, str]:
        with pytest.raises(Refused) as refused:
            asyncio.run(found.metadata())
        return refused.value.code, refused.value.detail

    assert failure() == ("login_failed", "away")
    clock.now += 4.9
    assert failure() == ("login_failed", "away")
    assert len(fetcher.asked) == 1
    clock.now += 0.1
    fetcher.answers["metadata"] = SAID
    assert asyncio.run(found.metadata()).token_endpoint == "https://t"


def test_keys_are_asked_for_again_for_an_unknown_one_and_each_hour(clock: SimpleNamespace) -> None:
    fetcher = Answering(metadata=SAID, keys={"keys": [KEY]})
    found = Discovery(ISSUER, cast("Fetcher", fetcher))

    def asked_for(kid: str | None, seconds: float) -> int:
        clock.now += seconds
        asyncio.run(found.keys(kid))
        return fetcher.asked.count("https://k")

    assert [asked_for("first", 0), asked_for("second", 29.9), asked_for("first", 1), asked_for(None, 1)] == [
        *(1, 1, 1, 1)
    ]
    # Nobody makes Echo ask more often than each half minute, by tokens of their own.
    assert [asked_for("second", 0), asked_for("second", 29.9), asked_for("second", 0.1)] == [2, 2, 3]
    assert [asked_for("first", 3599.9), asked_for("first", 0.1)] == [3, 4]
