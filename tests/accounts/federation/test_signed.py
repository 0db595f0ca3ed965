"""Tokens that an issuer has signed: which are taken, and why others are not."""

import asyncio
import base64
import hashlib
import json
import time
from typing import Any, cast

import pytest
from joserfc import jwk, jwt

from echo.accounts.federation.attempts import Attempt
from echo.accounts.federation.discovery import Discovery, Metadata
from echo.accounts.federation.identity import Refused
from echo.accounts.federation.signed import read_access_token, read_id_token, unverified_claims

ISSUER, CLIENT, API = "https://sso.example.com", "echo", "api://echo"
ATTEMPT = Attempt("the-state", "b" * 43)
ACCESS = "the-access-token"
RSA = jwk.RSAKey.generate_key(2048, {"kid": "rsa"})
CURVE = jwk.ECKey.generate_key("P-256", {"kid": "curve"})
STRANGER = jwk.RSAKey.generate_key(2048, {"kid": "rsa"})
SECRET = jwk.OctKey.import_key("s" * 64, {"kid": "secret"})
DAY = 24 * 3600


class Known:
    """An issuer with its keys, which notes which were asked for."""

    def __init__(self, *keys: Any) -> None:
        self.published = keys or (RSA, CURVE)
        self.asked: list[str | None] = []

    async def metadata(self) -> Metadata:
        return Metadata(ISSUER, "", "", "", None, None, (), names_itself=False)

    async def keys(self, kid: str | None) -> jwk.KeySet:
        self.asked.append(kid)
        return jwk.KeySet([*self.published])


def sign(claims: dict[str, Any], key: Any = RSA, alg: str = "RS256", **header: Any) -> str:
    algorithms = ["RS256", "RS384", "PS512", "ES256", "HS256", "none"]
    return jwt.encode({"alg": alg, "kid": key.kid, **header}, claims, key, algorithms=algorithms)


def without(claims: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


def half_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def id_token(now: int | None = None, **changes: Any) -> dict[str, Any]:
    now = now or int(time.time())
    usual = {"iss": ISSUER, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 60, "nonce": ATTEMPT.nonce}
    return without(usual, changes)


def read_id(token: Any, known: Known | None = None, leeway: int = 10) -> dict[str, Any]:
    discovery = cast("Discovery", known or Known())
    return asyncio.run(
        read_id_token(token, discovery, ATTEMPT, client_id=CLIENT, access_token=ACCESS, leeway=leeway)
    )


def access_token(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    return without({"iss": ISSUER, "aud": API, "sub": "1", "exp": now + 60}, changes)


def read_access(token: Any, leeway: int = 10) -> dict[str, Any]:
    discovery = cast("Discovery", Known())
    return asyncio.run(
        read_access_token(token, discovery, client_id=CLIENT, audiences=(API, "api://two"), leeway=leeway)
    )


def why_not(read: Any, token: Any) -> str:
    with pytest.raises(Refused) as refused:
        read(token)
    assert refused.value.code == "login_failed"
    return refused.value.detail


class TestEveryToken:
    @pytest.mark.parametrize(
        ("key", "alg"),
        [(RSA, "RS256"), (RSA, "RS384"), (RSA, "PS512"), (CURVE, "ES256")],
        ids=["RS256", "RS384", "PS512", "ES256"],
    )
    def test_may_be_signed_by_any_algorithm_with_a_key_of_the_issuers(self, key: Any, alg: str) -> None:
        known = Known()
        assert read_id(sign(id_token(), key, alg), known)["sub"] == "1"
        assert known.asked == [key.kid]

    @pytest.mark.parametrize("read", [read_id, read_access])
    @pytest.mark.parametrize(
        ("token", "why"),
        [
            (None, "no token"),
            (7, "no token"),
            ("", "no token"),
            ("x" * (64 * 1024 + 1), "no token"),
            ("x" * 64 * 1024, "a token that is not the issuer's: "),
            ("a.b.c", "a token that is not the issuer's: "),
            ("é.é.é", "a token that is not the issuer's: UnicodeEncodeError"),
            (sign(id_token(), STRANGER), "a token that is not the issuer's: BadSignatureError"),
            (sign(id_token(), SECRET, "HS256"), "a token with an algorithm that is not taken"),
            (sign(id_token())[:-8] + "AAAAAAAA", "a token that is not the issuer's: BadSignatureError"),
        ],
        ids=range(10),
    )
    def test_that_is_none_is_refused(self, read: Any, token: Any, why: str) -> None:
        assert why_not(read, token).startswith(why)

    def test_that_names_no_key_is_of_the_only_one_and_else_of_none(self) -> None:
        """OpenID Connect Core 1.0, section 10.1: where there are several it must say which."""
        token, known = jwt.encode({"alg": "RS256"}, id_token(), RSA), Known(RSA)
        assert read_id(token, known)["sub"] == "1"
        assert known.asked == [None]
        assert why_not(read_id, token).startswith("a token that is not the issuer's: ")


class TestAnIdToken:
    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"aud": [CLIENT]},
            {"aud": [CLIENT, "other"], "azp": CLIENT},
            {"at_hash": half_hash(ACCESS)},
            {"more": "x"},
        ],
        ids=str,
    )
    def test_says_who_it_is(self, changes: dict[str, Any]) -> None:
        claims = id_token(**changes)
        assert read_id(sign(claims)) == claims

    @pytest.mark.parametrize("name", ["iss", "aud", "sub", "iat", "exp", "nonce"])
    @pytest.mark.parametrize("value", [None, "", [], "other", {}], ids=str)
    def test_with_a_claim_that_is_not_so_is_refused(self, name: str, value: Any) -> None:
        if (name, value) == ("sub", "other"):
            return
        if name == "sub" and value is not None:
            # Whoever reads it takes nothing but text for a subject: an empty one has no account.
            return
        assert why_not(read_id, sign(id_token(**{name: value}))).startswith("the ID token: ")

    def test_for_several_says_for_whom_it_was_made(self) -> None:
        for azp in ({}, {"azp": "other"}):
            token = sign(id_token(aud=[CLIENT, "other"], **azp))
            assert why_not(read_id, token).startswith("the ID token: ")
        assert "the ID token: " in why_not(read_id, sign(id_token(at_hash=half_hash("another"))))

    def test_is_good_for_its_time_and_as_much_longer_as_clocks_differ(self) -> None:
        now = int(time.time())
        assert read_id(sign(id_token(exp=now - 5)), leeway=100)["exp"] == now - 5
        assert why_not(lambda token: read_id(token, leeway=100), sign(id_token(exp=now - 200)))
        # Of a clock that is ahead.
        assert read_id(sign(id_token(iat=now + 50)), leeway=100)["iat"] == now + 50

    def test_is_not_told_at_length_what_is_wrong(self) -> None:
        assert len(why_not(read_id, sign(id_token(iss="x" * 1000)))) <= 200


class TestAnAccessToken:
    @pytest.mark.parametrize(
        ("changes", "header"),
        [
            ({}, {}),
            ({"aud": ["other", "api://two", 7]}, {}),
            ({}, {"typ": "JWT"}),
            ({}, {"typ": "at+jwt"}),
            ({}, {"typ": "Application/AT+jwt"}),
            ({"aud": CLIENT, "scope": "openid"}, {}),
            ({"aud": CLIENT, "scp": "x"}, {}),
            ({"aud": CLIENT}, {"typ": "at+jwt"}),
            ({"aud": [CLIENT, API], "scope": ""}, {"typ": "JWT"}),
            ({"nonce": "as older Keycloaks have it", "typ": "Bearer"}, {}),
            ({"exp": int(time.time()) + DAY + 0.5, "nbf": int(time.time()) - DAY}, {}),
        ],
        ids=range(11),
    )
    def test_says_who_it_is(self, changes: dict[str, Any], header: dict[str, Any]) -> None:
        claims = access_token(**changes)
        assert read_access(sign(claims, **header)) == claims

    @pytest.mark.parametrize(
        ("changes", "header", "wrong"),
        [
            ({"iss": "https://other.example"}, {}, "iss"),
            ({"iss": None}, {}, "iss"),
            ({"aud": "other"}, {}, "aud"),
            ({"aud": None}, {}, "aud"),
            ({"aud": [7]}, {}, "aud"),
            ({"exp": None}, {}, "exp"),
            ({"exp": str(2**33)}, {}, "exp"),
            ({"exp": True}, {}, "exp"),
            ({"nbf": "0"}, {}, "nbf"),
            ({"nbf": True}, {}, "nbf"),
            ({"nbf": 2**33}, {}, "nbf"),
            ({}, {"typ": "id+jwt"}, "typ"),
            ({"aud": CLIENT}, {}, "scope"),
            ({"aud": [CLIENT, API]}, {"typ": "JWT"}, "scope"),
            ({"sub": None}, {}, "sub"),
            ({"sub": 7}, {}, "sub"),
            ({"at_hash": "x"}, {}, "kind"),
            ({"c_hash": "x"}, {}, "kind"),
            ({"events": {}}, {}, "kind"),
            ({"typ": "ID"}, {}, "kind"),
            ({"typ": "Logout"}, {}, "kind"),
            ({"typ": "Refresh"}, {}, "kind"),
            ({"typ": "Offline"}, {}, "kind"),
            ({"iss": "x", "sub": 7, "exp": 1}, {}, "iss, exp, sub"),
        ],
        ids=str,
    )
    def test_of_another_kind_or_for_others_is_refused(
        self, changes: dict[str, Any], header: dict[str, Any], wrong: str
    ) -> None:
        told = why_not(read_access, sign(access_token(**changes), **header))
        assert told == f"the access token: {wrong}"

    def test_is_good_for_its_time_and_as_much_longer_as_clocks_differ(self) -> None:
        now = int(time.time())
        assert read_access(sign(access_token(exp=now - 50, nbf=now + 50)), leeway=100)["sub"] == "1"
        for changes in ({"exp": now - 200}, {"nbf": now + 200}):
            assert why_not(lambda token: read_access(token, leeway=100), sign(access_token(**changes)))


class TestWhatNobodyChecked:
    def part(self, text: bytes) -> str:
        return base64.urlsafe_b64encode(text).rstrip(b"=").decode()

    @pytest.mark.parametrize("padding", ["", "x", "xx", "xxx"])
    def test_is_read_from_the_middle_of_a_token(self, padding: str) -> None:
        token = f"header.{self.part(json.dumps({'a': padding}).encode())}.signature"
        assert unverified_claims(token) == {"a": padding}

    @pytest.mark.parametrize("content", [b"[]", b"7", b"{", b"\xff", b""])
    def test_that_is_no_object_is_nothing(self, content: bytes) -> None:
        assert unverified_claims(f"header.{self.part(content)}.signature") == {}

    def test_of_an_opaque_token_is_nothing(self) -> None:
        object_part = self.part(b'{"a": 1}')
        for token in (None, "", "opaque", object_part, f"a.{object_part}", f"a.{object_part}.b.c"):
            assert unverified_claims(token) == {}

    def test_is_bounded(self) -> None:
        longest = self.part(b'{"a": "' + b"x" * (48 * 1024 - 9) + b'"}')
        assert len(longest) == 64 * 1024
        assert len(unverified_claims(f"a.{longest}.b")["a"]) == 48 * 1024 - 9
        longer = self.part(b'{"a": "' + b"x" * 48 * 1024 + b'"}')
        assert unverified_claims(f"a.{longer}.b") == {}
