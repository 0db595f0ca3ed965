"""What the doctor says of an OpenID issuer; of a directory see `tests/accounts/federation/test_directory.py`."""

from collections.abc import Iterator
from typing import Any

import pytest

from echo.doctor import Finding, begin
from echo.doctor.sign_in import check_directory, check_openid
from tests.support.issuer import Issuer, lying_issuer


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with lying_issuer() as running:
        yield running


def look(url: str, *, offline: bool = False) -> Finding:
    environ = {
        "ALLOW_SOCIAL_LOGIN": "true",
        "OPENID_ISSUER": url,
        "OPENID_CLIENT_ID": "echo",
        "OPENID_CLIENT_SECRET": "canary",
    }
    [found] = check_openid(begin(environ, None, offline=offline))
    assert "canary" not in found.what + found.todo
    return found


def test_no_way_in_is_no_matter() -> None:
    examined = begin({}, None)
    assert [*check_openid(examined), *check_directory(examined)] == []


def test_an_issuer_that_is_in_order(issuer: Issuer) -> None:
    assert look(issuer.url).what == "127.0.0.1 answers, and its keys can be read"
    issuer.requests.clear()
    assert look(issuer.url, offline=True).status == "skipped"
    assert issuer.requests == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"issuer": "https://other.example"}, "the metadata are another issuer's"),
        ({"token_endpoint": None}, "the metadata lack token_endpoint"),
        ({"token_endpoint": "https://10.0.0.1/token"}, "an address that may not be asked: https://10.0.0.1"),
        ({"jwks_uri": "http://[::1]:1/jwks"}, "an address that may not be asked: http://::1"),
    ],
)
def test_an_issuer_that_is_not(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], why: str
) -> None:
    monkeypatch.setattr(issuer, "metadata", changes)
    found = look(issuer.url)
    assert (str(found.status), found.what.partition(": ")[2]) == ("failed", why)


def test_an_issuer_without_keys(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer, "published", [])
    assert look(issuer.url).what == "127.0.0.1 names what cannot be used: the issuer has no key"


def test_an_issuer_that_cannot_be_reached() -> None:
    found = look("http://127.0.0.1:1")
    expected = "127.0.0.1 does not say of itself what is needed: 127.0.0.1: ClientConnectorError"
    assert (str(found.status), found.what) == ("failed", expected)
